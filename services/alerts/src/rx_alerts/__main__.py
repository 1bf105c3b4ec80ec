"""Run the service until it is stopped."""

import sys

from rx_alerts.bootstrap import main

sys.exit(main())
