"""Runs the service until it is asked to stop."""

import sys

from rx_prescriptions.bootstrap import main

sys.exit(main())
