"""`python -m hybridstudio.cli`: the command line alone, without the window."""

import sys

from hybridstudio.cli import main

sys.exit(main())
