"""The paper venue's durable memory: an append-only file of JSON lines.

One line is one step, and is written completely before the call that caused it returns, so that a process that
is killed has either accepted a message with all its effects, or not at all. An incomplete last line is cut
off: its step never happened. The file is locked, since two venues on one file would both be wrong.
"""

import fcntl
import os
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Protocol

from pydantic import TypeAdapter, ValidationError

from domain.execution import ExecutionReport
from domain.ids import ClientOrderId, ExecutionId
from venues.base import NewOrder


class JournalCorrupt(Exception):
    """A line before the last one cannot be read, or the file is another venue's: an operator has to check."""


class JournalInUse(Exception):
    """Another process uses the file."""


@dataclass(frozen=True, slots=True)
class Header:
    """The first line. `epoch` precedes the number in every execution id."""

    venue: str
    epoch: str
    version: int = 1


@dataclass(frozen=True, slots=True)
class Step:
    """The effects of one call: an accepted order, a pending cancel, reports, a delivered report."""

    order: NewOrder | None = None
    cancel_pending: ClientOrderId | None = None
    reports: tuple[ExecutionReport, ...] = ()
    delivered: ExecutionId | None = None


_HEADER: TypeAdapter[Header] = TypeAdapter(Header)
_STEP: TypeAdapter[Step] = TypeAdapter(Step)


class Journal(Protocol):
    """The interface of the venue's memory."""

    @property
    def epoch(self) -> str:
        """The epoch of the first start on this journal."""
        ...

    @property
    def failed(self) -> bool:
        """A step could not be written: nothing more can be accepted."""
        ...

    def load(self) -> tuple[Step, ...]:
        """All earlier steps, oldest first."""
        ...

    def append(self, step: Step) -> None:
        """Write the step; raises OSError."""
        ...

    def close(self) -> None:
        """Release the file."""
        ...


class NoJournal:
    """Remembers nothing: for a venue that need not outlive its process."""

    failed = False

    def __init__(self, epoch: str) -> None:
        self.epoch = epoch

    def load(self) -> tuple[Step, ...]:
        return ()

    def append(self, step: Step) -> None:
        pass

    def close(self) -> None:
        pass


class FileJournal:
    """The journal in a file, created if missing. `fsync`: survive a crash of the machine, not only of the
    process.
    """

    def __init__(self, path: Path, header: Header, fsync: bool) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.failed = False
        self._fsync = fsync
        self._file = _open_locked(path)
        try:
            lines = _whole_lines(self._file)
            self._header = self._read_header(lines, header)
            self._steps = tuple(_parse(number, line) for number, line in enumerate(lines[1:], start=2))
        except BaseException:
            self._file.close()
            raise

    @property
    def epoch(self) -> str:
        return self._header.epoch

    def load(self) -> tuple[Step, ...]:
        steps, self._steps = self._steps, ()
        return steps

    def append(self, step: Step) -> None:
        if self.failed:
            raise OSError("an earlier line may be incomplete: the journal cannot be appended to")
        self._write(_STEP.dump_json(step, exclude_defaults=True))

    def close(self) -> None:
        self._file.close()

    def _read_header(self, lines: list[bytes], header: Header) -> Header:
        if not lines:
            self._write(_HEADER.dump_json(header))
            return header
        try:
            stored = _HEADER.validate_json(lines[0])
        except ValidationError as error:
            raise JournalCorrupt("line 1 is not a header") from error
        if (stored.venue, stored.version) != (header.venue, header.version):
            raise JournalCorrupt(f"the journal is of venue {stored.venue}, version {stored.version}")
        return stored

    def _write(self, line: bytes) -> None:
        try:
            if self._file.write(line + b"\n") != len(line) + 1:
                raise OSError("the line was only partly written")
            if self._fsync:
                os.fsync(self._file.fileno())
        except OSError:
            self.failed = True
            raise


def _open_locked(path: Path) -> FileIO:
    file = path.open("a+b", buffering=0)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise JournalInUse(f"{path} is in use by another process") from error
    return file


def _whole_lines(file: FileIO) -> list[bytes]:
    """All lines but an incomplete last one, which is cut off."""
    file.seek(0)
    lines = file.read().splitlines(keepends=True)
    if lines and not lines[-1].endswith(b"\n"):
        lines.pop()
        file.truncate(sum(map(len, lines)))
    return lines


def _parse(number: int, line: bytes) -> Step:
    try:
        return _STEP.validate_json(line)
    except ValidationError as error:
        raise JournalCorrupt(f"line {number} cannot be read") from error
