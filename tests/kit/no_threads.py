"""A machine that has no thread left."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

MORE_THAN_MEMORY = 1 << 47


@contextmanager
def no_thread_can_be_started() -> Iterator[None]:
    """The system refuses each: its stack would be larger than what a process can address."""
    usual = threading.stack_size(MORE_THAN_MEMORY)
    try:
        yield
    finally:
        threading.stack_size(usual)
