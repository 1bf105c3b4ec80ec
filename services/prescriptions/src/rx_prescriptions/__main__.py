"""Runs the service until SIGTERM or SIGINT."""

import sys

from rx_prescriptions.bootstrap import main

sys.exit(main())
