"""Lets `python -m gateway` run the command line; Ctrl-C, also while it loads, ends it without a traceback."""

import gc
import sys

try:
    # What is loaded here lives as long as the process. The garbage collector need not look at it while it is
    # loaded, which took a tenth of the start, nor later: each full look took 80 ms, in which a server stands.
    gc.disable()
    from gateway.cli.commands import main

    gc.freeze()
    gc.enable()
    main()
except KeyboardInterrupt:
    sys.exit(130)
