"""Runs the service until it is asked to stop."""

import sys

from rx_interactions.bootstrap import main

sys.exit(main())
