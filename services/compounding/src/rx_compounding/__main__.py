"""Run the service until it is stopped."""

import sys

from rx_compounding.bootstrap import main

sys.exit(main())
