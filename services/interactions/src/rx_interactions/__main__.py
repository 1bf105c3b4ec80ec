"""Run the service until it is stopped."""

import sys

from rx_interactions.bootstrap import main

sys.exit(main())
