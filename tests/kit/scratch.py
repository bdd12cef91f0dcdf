"""Where tests keep files that live no longer than they do: in memory, where there is room.

Each test has a database of its own, and a copy of PostgreSQL's is 500 files. On a disk of a virtual machine
making one took 170 to 390 ms of the processor, in memory 11 (`CREATE DATABASE`, 15 copies each).
"""

import os
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")
"""A file system in memory on Linux; a container may have one of 64 MB, or one from which nothing runs."""
ROOM_MIN_BYTES = 4 * 1024**3
"""A run with three workers was seen to use less than a quarter of it."""


def keep_in_memory() -> None:
    """New temporary files of this process and its children go into memory, unless TMPDIR says where."""
    if "TMPDIR" not in os.environ and _has_room(MEMORY):
        os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)


def _has_room(directory: Path) -> bool:
    """Also false where programs cannot be run: PostgreSQL's may have to be copied beside its data."""
    try:
        found = os.statvfs(directory)
    except OSError:
        return False
    usable = os.access(directory, os.W_OK) and not found.f_flag & os.ST_NOEXEC
    return usable and found.f_bavail * found.f_frsize >= ROOM_MIN_BYTES
