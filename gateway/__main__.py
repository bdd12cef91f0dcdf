"""Run the command line with `python -m gateway`; Ctrl-C ends it without a traceback, also while it loads."""

import gc
import sys

try:
    # Everything loaded here lives as long as the process. Collecting garbage during the import took a tenth
    # of the start, and each later full collection took 80 ms, in which a server stands still.
    gc.disable()
    from gateway.cli.commands import main

    gc.freeze()
    gc.enable()
    main()
except KeyboardInterrupt:
    sys.exit(130)
