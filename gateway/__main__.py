"""Lets `python -m gateway` run the command line; Ctrl-C, also while it loads, ends it without a traceback."""

import sys

try:
    from gateway.cli import main

    main()
except KeyboardInterrupt:
    sys.exit(130)
