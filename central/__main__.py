"""`python -m central`: the same as the command `central`."""

import sys

from central.cli import main

if __name__ == "__main__":
    sys.exit(main())
