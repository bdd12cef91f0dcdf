"""The paper venue's durable memory: an append-only file of JSON lines.

One line is one step, and is written whole before the call that made it returns; so a process that is killed
has either taken a message with everything that followed from it, or has not taken it at all. A last line that
was cut short never happened and is cut off. The file is locked: two venues on one file would both be wrong.
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
    """A line before the last one cannot be read, or the file is another venue's: a person has to look."""


class JournalInUse(Exception):
    """Another process has the file."""


@dataclass(frozen=True, slots=True)
class Header:
    """The first line. `epoch` goes before the number in every execution id."""

    venue: str
    epoch: str
    version: int = 1


@dataclass(frozen=True, slots=True)
class Step:
    """What happened at once: an order taken, a cancel under way, reports made, a report delivered."""

    order: NewOrder | None = None
    cancel_pending: ClientOrderId | None = None
    reports: tuple[ExecutionReport, ...] = ()
    delivered: ExecutionId | None = None


_HEADER: TypeAdapter[Header] = TypeAdapter(Header)
_STEP: TypeAdapter[Step] = TypeAdapter(Step)


class Journal(Protocol):
    """What the venue needs of its memory."""

    @property
    def epoch(self) -> str:
        """Of the first start on this journal."""
        ...

    @property
    def failed(self) -> bool:
        """A step could not be written: nothing more can be taken."""
        ...

    def load(self) -> tuple[Step, ...]:
        """Everything that happened before, oldest first."""
        ...

    def append(self, step: Step) -> None:
        """Remember the step; raises OSError."""
        ...

    def close(self) -> None:
        """Let go of the file."""
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
    """The journal in a file, made if it is not there. `fsync`: survive the machine's fall, not only ours."""

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
            raise OSError("an earlier line may be torn: nothing can be written behind it")
        self._write(_STEP.dump_json(step, exclude_defaults=True))

    def close(self) -> None:
        self._file.close()

    def _read_header(self, lines: list[bytes], header: Header) -> Header:
        if not lines:
            self._write(_HEADER.dump_json(header))
            return header
        try:
            found = _HEADER.validate_json(lines[0])
        except ValidationError as error:
            raise JournalCorrupt("line 1 is no header") from error
        if (found.venue, found.version) != (header.venue, header.version):
            raise JournalCorrupt(f"the journal is of venue {found.venue}, version {found.version}")
        return found

    def _write(self, line: bytes) -> None:
        try:
            if self._file.write(line + b"\n") != len(line) + 1:
                raise OSError("the line was written in part")
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
    """Every line but a torn last one, which is cut off."""
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
