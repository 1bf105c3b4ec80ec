"""`python -m rx_monitor`."""

import sys

from rx_runtime.service import main

from rx_monitor.bootstrap import start
from rx_monitor.settings import MonitorSettings

if __name__ == "__main__":
    sys.exit(main("monitor", MonitorSettings, start))
