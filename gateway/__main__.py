"""Run the command line with `python -m gateway`; Ctrl-C ends it without a traceback, also while it loads."""

import gc
import os
import signal
import sys
from types import FrameType

INTERRUPTED = 128 + signal.SIGINT


def _leave(_: int, __: FrameType | None) -> None:
    os._exit(INTERRUPTED)


# An exception in the middle of an import can be lost. Both signals are set, because a shell lets the programs
# that a script starts in the background ignore SIGINT, which the server would heed only once it serves.
signal.signal(signal.SIGINT, _leave)
signal.signal(signal.SIGTERM, signal.SIG_DFL)
# Everything loaded here lives as long as the process. Collecting garbage during the import took a tenth
# of the start, and each later full collection took 80 ms, in which a server stands still.
gc.disable()
from gateway.cli.commands import main  # noqa: E402

gc.freeze()
gc.enable()
try:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    main()
except KeyboardInterrupt:
    sys.exit(INTERRUPTED)
