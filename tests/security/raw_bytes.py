"""Attacks with raw bytes, many at a time: what is sent, in which pieces, and what comes back.

An attack is a function of the seed and its number, so that a finding can be repeated by both.
"""

import asyncio
import random
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count

from tests.kit.raw_websocket import CLOSE
from tests.security.findings import Check
from tests.security.odd_bytes import Chance, split
from tests.security.raw_frames import raw_frames, raw_handshake
from tests.security.raw_requests import Target, raw_request
from tests.security.served_desk import EVERYTHING, READ_ONLY, ServedDesk
from tests.security.watching import Held

AT_ONCE = 16
WEBSOCKET_PART, READ_ONLY_PART, SLOW_PART = 0.4, 0.7, 0.05
LISTENS_S = (0.05, 0.3, 1.0)
"""How long an attack waits for an answer before it leaves; one of these."""
SLOW_PAUSES_S = (0.2, 1.0)
PAUSE_S = 0.001
RECEIVED_MAX = 2_000_000
FIRST_PART = 0.25
"""Of the time, in which the desk fills what it remembers; it must not grow after that."""
CRASHED = 1011
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3})")
_FAULTS = re.compile(rb'"code":"(INTERNAL|DESK_FAULT|UNREADABLE\w*)"|Traceback')


@dataclass(frozen=True, slots=True)
class Attack:
    """Pieces of bytes with a pause before each, behind a handshake that is answered first, and the end."""

    handshake: bytes
    pieces: list[bytes]
    pause_s: float
    listens_s: float
    ends_by: str

    @property
    def sent(self) -> bytes:
        """All of it."""
        return self.handshake + b"".join(self.pieces)


def attack(target: Target, chance: Chance) -> Attack:
    """Any of them."""
    over_websocket = chance.random() < WEBSOCKET_PART
    handshake = raw_handshake(target, chance) if over_websocket else b""
    data = raw_frames(target, chance) if over_websocket else raw_request(target, chance)
    return Attack(
        handshake,
        split(data, chance),
        chance.choice(SLOW_PAUSES_S) if chance.random() < SLOW_PART else PAUSE_S,
        chance.choice(LISTENS_S),
        chance.choice(("close", "reset", "half-close")),
    )


class RawBytes:
    """The attacks on one desk."""

    def __init__(self, desk: ServedDesk, seed: int, progress: Callable[[str], None]) -> None:
        self._desk = desk
        self._seed = seed
        self._progress = progress
        self._numbers = count()
        tokens = (desk.token(*READ_ONLY, subject="raw reader"), desk.token(*EVERYTHING, subject="raw owner"))
        self._targets = [Target(desk.port, token) for token in tokens]

    async def run(self, seconds: float) -> list[Check]:
        """Attack for that time, and see what the desk holds before the end and afterwards."""
        check, held = Check("raw bytes", self._desk.name), Check("held after raw bytes", self._desk.name)
        await self._attack_for(FIRST_PART * seconds, check)
        before = await Held.when_quiet(self._desk, held)
        await self._attack_for((1 - FIRST_PART) * seconds, check)
        before.compare(await Held.when_quiet(self._desk, held), held)
        return [check.done(), held.done()]

    async def repeat(self, number: int) -> Check:
        """One of the attacks again, alone."""
        check = Check(f"raw bytes, number {number}", self._desk.name)
        await self._one(number, check)
        print(self._made(number).sent)
        return check.done()

    async def _attack_for(self, seconds: float, check: Check) -> None:
        deadline = time.monotonic() + seconds
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(self._attack_until(deadline, check))

    async def _attack_until(self, deadline: float, check: Check) -> None:
        while time.monotonic() < deadline:
            number = next(self._numbers)
            await self._one(number, check)
            self._progress(f"{check.name}, {self._desk.name}: {check.asked:,}")

    def _made(self, number: int) -> Attack:
        chance = random.Random(f"{self._seed} {number}")
        return attack(self._targets[chance.random() > READ_ONLY_PART], chance)

    async def _one(self, number: int, check: Check) -> None:
        made = self._made(number)
        received = await sent_and_received(self._desk.port, made)
        check.asked += 1
        statuses = [int(status) for status in _STATUS.findall(received)]
        check.outcomes[str(statuses[0]) if statuses else "no answer"] += 1
        for wrong in _wrong(statuses, received):
            check.find(wrong, f"attack {number} of seed {self._seed}: {made}\n{received[:500]!r}")
        for fault in self._desk.faults_logged():
            check.find(fault.what, f"near attack {number} of seed {self._seed}\n{fault.text}")


def _wrong(statuses: list[int], received: bytes) -> Iterator[str]:
    yield from (f"status {status}" for status in statuses if status >= 500)
    if found := _FAULTS.search(received):
        yield f"the answer has {found.group().decode()}"
    if statuses[:1] == [101] and CRASHED in close_codes(received.partition(b"\r\n\r\n")[2]):
        yield f"closed with {CRASHED}"


def close_codes(frames: bytes) -> Iterator[int]:
    """Of the close frames among these frames of a server."""
    while len(frames) >= 2:
        opcode, length, begin = frames[0] & 0x0F, frames[1] & 0x7F, 2
        if length >= 126:
            begin = 4 if length == 126 else 10
            length = int.from_bytes(frames[2:begin])
        if opcode == CLOSE and length >= 2:
            yield int.from_bytes(frames[begin : begin + 2])
        frames = frames[begin + length :]


async def sent_and_received(port: int, made: Attack) -> bytes:
    """Carry out one attack; what came back until it left."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    received = bytearray()
    reading = asyncio.create_task(_read(reader, received))
    try:
        await _write(writer, made, received)
        if made.ends_by == "half-close" and writer.can_write_eof():
            writer.write_eof()
        async with asyncio.timeout(made.listens_s):
            await asyncio.shield(reading)
    except (OSError, TimeoutError):
        pass
    finally:
        reading.cancel()
        _end(writer, made)
    return bytes(received)


async def _write(writer: asyncio.StreamWriter, made: Attack, received: bytearray) -> None:
    """Until the server closes; it need not read everything."""
    try:
        async with asyncio.timeout(made.listens_s + len(made.pieces) * made.pause_s + 1):
            if made.handshake:
                writer.write(made.handshake)
                await _answered(received)
            for piece in made.pieces:
                await asyncio.sleep(made.pause_s)
                writer.write(piece)
                await writer.drain()
    except TimeoutError:
        pass


async def _answered(received: bytearray) -> None:
    while not received:  # noqa: ASYNC110 - a stream reader has no event for it
        await asyncio.sleep(PAUSE_S)


async def _read(reader: asyncio.StreamReader, received: bytearray) -> None:
    try:
        while len(received) < RECEIVED_MAX and (data := await reader.read(2**16)):
            received += data
    except OSError:
        pass


def _end(writer: asyncio.StreamWriter, made: Attack) -> None:
    if made.ends_by == "reset":
        writer.transport.abort()
    else:
        writer.close()
