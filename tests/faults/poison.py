"""Messages that are bad in every way that was ever reported, among some that are good."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import cycle
from typing import Any

import orjson

from domain.inputs import DeadReason, InputKind, InputResult

GOOD_EVERY = 11
"""One message of so many is good."""

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Poison:
    """A way to be bad, as a function of the moment; `result` and `dead`: what has to become of it."""

    name: str
    make: Callable[[datetime, int], bytes]
    result: InputResult = InputResult.DEAD
    dead: DeadReason | None = DeadReason.MALFORMED
    kind: InputKind = InputKind.UNREADABLE


def text(body: Body) -> bytes:
    return orjson.dumps(body)


def at(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def quote(now: datetime, price: object, **changes: object) -> Body:
    return {"v": 1, "type": "quote", "symbol": "5.HK", "at": at(now), "last": price} | changes


def cash(now: datetime, **changes: object) -> Body:
    return {
        **{"v": 1, "type": "cash", "accountNo": "M1", "currency": "HKD", "balance": "5", "asOf": at(now)},
        **changes,
    }


def position(now: datetime, **changes: object) -> Body:
    return {
        **{"v": 1, "type": "position", "accountNo": "M1", "symbol": "66.HK", "quantity": "5"},
        **{"asOf": at(now)},
        **changes,
    }


def status(now: datetime, **changes: object) -> Body:
    return {"v": 1, "type": "tradeStatus", "symbol": "5.HK", "status": "TRADING", "at": at(now)} | changes


def rate(now: datetime, **changes: object) -> Body:
    return {
        **{"v": 1, "type": "fx", "baseCurrency": "USD", "quoteCurrency": "HKD", "rate": "7.8"},
        **{"at": at(now)},
        **changes,
    }


_UNKNOWN, _MALFORMED = DeadReason.UNKNOWN_SUBJECT, DeadReason.MALFORMED
_QUOTE, _CASH, _POSITION = InputKind.QUOTE, InputKind.CASH, InputKind.POSITION
_LONG_AGO = timedelta(days=30)


def _dead(name: str, make: Callable[[datetime, int], Body], kind: InputKind, dead: DeadReason) -> Poison:
    return Poison(name, lambda now, number: text(make(now, number)), InputResult.DEAD, dead, kind)


POISONS = (
    Poison("no JSON", lambda now, n: b"{not json"),
    Poison("no UTF-8", lambda now, n: b"\xff\xfe"),
    Poison("no object", lambda now, n: b"[1, 2]"),
    Poison("nothing", lambda now, n: b""),
    Poison("too large", lambda now, n: b"x" * 20_000, dead=DeadReason.TOO_LARGE),
    Poison("no type", lambda now, n: text({"v": 1})),
    Poison("another type", lambda now, n: text({"v": 1, "type": "rumour"})),
    _dead("another version", lambda now, n: quote(now, "1", v=2), _QUOTE, _MALFORMED),
    _dead("a price that is a number", lambda now, n: quote(now, 1.5), _QUOTE, _MALFORMED),
    _dead("a price that is none", lambda now, n: quote(now, "NaN"), _QUOTE, _MALFORMED),
    _dead("a price below zero", lambda now, n: quote(now, "-1"), _QUOTE, _MALFORMED),
    _dead("too many digits", lambda now, n: quote(now, "1" + "0" * 20), _QUOTE, _MALFORMED),
    _dead("an unknown field", lambda now, n: quote(now, "1", lastt="1"), _QUOTE, _MALFORMED),
    _dead("no time", lambda now, n: quote(now, "1", at=None), _QUOTE, _MALFORMED),
    _dead(
        "a time without offset", lambda now, n: quote(now, "1", at="2020-01-01T00:00:00"), _QUOTE, _MALFORMED
    ),
    _dead("an unknown symbol", lambda now, n: quote(now, "1", symbol=f"NOPE{n}.US"), _QUOTE, _UNKNOWN),
    _dead(
        "a time that never comes",
        lambda now, n: quote(now, "1", at="2062-01-01T00:00:00Z"),
        _QUOTE,
        DeadReason.AHEAD,
    ),
    _dead("an unknown account", lambda now, n: cash(now, accountNo=f"NOPE{n}"), _CASH, _UNKNOWN),
    _dead("an account of the wrong kind", lambda now, n: cash(now, accountNo=7), _CASH, _MALFORMED),
    _dead(
        "an unknown symbol in a known account",
        lambda now, n: position(now, accountNo="M2", symbol="NEW.US"),
        _POSITION,
        DeadReason.NOT_HELD,
    ),
    _dead(
        "a quantity in words",
        lambda now, n: position(now, accountNo="M2", quantity="many"),
        _POSITION,
        _MALFORMED,
    ),
    _dead(
        "the status of nothing",
        lambda now, n: status(now, symbol="NOPE.US"),
        InputKind.TRADE_STATUS,
        _UNKNOWN,
    ),
    _dead("another status", lambda now, n: status(now, status="OPEN"), InputKind.TRADE_STATUS, _MALFORMED),
    _dead("a rate of 0", lambda now, n: rate(now, rate="0"), InputKind.FX, _MALFORMED),
    _dead("a rate into itself", lambda now, n: rate(now, quoteCurrency="USD"), InputKind.FX, _MALFORMED),
    _dead(
        "a client that nobody knows",
        lambda now, n: {"v": 1, "type": "contact", "clientNo": f"NOPE{n}", "asOf": at(now)},
        InputKind.CONTACT,
        _UNKNOWN,
    ),
    Poison(
        "an old quote", lambda now, n: text(quote(now - _LONG_AGO, "3")), InputResult.SUPERSEDED, None, _QUOTE
    ),
    Poison(
        # Of an account that the monitor does not work on: a statement about one that is locked is held.
        "an old statement",
        lambda now, n: text(cash(now - _LONG_AGO, accountNo="M2")),
        InputResult.SUPERSEDED,
        None,
        _CASH,
    ),
)


@dataclass(frozen=True, slots=True)
class Said:
    """One message. `good`: the number of a good one, which is its price; None: it is poison."""

    raw: bytes
    good: int | None
    poison: Poison | None


def messages(count: int, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Iterator[Said]:
    """So many, made at the moment at which they are taken; each way to be bad comes in turn."""
    poisons = cycle(POISONS)
    good = 0
    for number in range(count):
        now = clock()
        if number % GOOD_EVERY == 0:
            good += 1
            yield Said(text(quote(now, str(good))), good, None)
        else:
            poison = next(poisons)
            yield Said(poison.make(now, number), None, poison)
