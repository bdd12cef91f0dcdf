"""Daily closing prices and the path between two closes: pure, exact and reproducible.

A step is a function of (closes, seed, day, step) and nothing else, so a replay shows the same market every
time. Prices are rounded HALF_EVEN to the tick of 0.01; the last step of a day is that day's close. On the way
the price wanders around the straight line by at most `WANDER` of it.
"""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, ROUND_UP, Decimal
from random import Random

from domain.ids import Symbol
from domain.market import FxRate, Quote
from domain.money import Currency, InvalidDecimal, parse_decimal

TICK = Decimal("0.01")
WANDER = Decimal("0.002")
HALF_SPREAD = Decimal("0.0005")
SMALLEST_SIZE, LARGEST_SIZE, SIZE_STEP = 50, 500, 50
"""Displayed sizes, in units: small enough that most liquidation orders fill in several parts."""

FX_LOW, FX_START, FX_HIGH, FX_STEP = 7770, 7780, 7800, 1
"""Thousandths of HKD per USD. The peg's path is invented; only its range is that of the time."""
_HKD_STEP = Decimal("0.000001")

USD, HKD = Currency("USD"), Currency("HKD")


@dataclass(frozen=True, slots=True)
class Closes:
    """`prices[day][i]` is the close of `symbols[i]` on `dates[day]`, as stated by the file."""

    dates: tuple[date, ...]
    symbols: tuple[Symbol, ...]
    prices: tuple[tuple[Decimal, ...], ...]

    def since(self, first: date) -> "Closes":
        """From `first` on; ValueError when nothing is left."""
        kept = [day for day, when in enumerate(self.dates) if when >= first]
        if not kept:
            raise ValueError(f"no closing prices on or after {first}")
        return Closes(self.dates[kept[0] :], self.symbols, self.prices[kept[0] :])


def parse_closes(lines: Iterable[str], suffix: str = ".US") -> Closes:
    """CSV with a header `Date,<name>,...` and one ascending trading day per line; a symbol is name + suffix.

    Raises ValueError naming the line: a hole, a price that is not a positive decimal or a date out of order.
    """
    rows = list(csv.reader(lines))
    if not rows or len(rows[0]) < 2 or rows[0][0] != "Date" or len(set(rows[0])) != len(rows[0]):
        raise ValueError("line 1: must be Date and the names of the instruments")
    days: list[tuple[date, tuple[Decimal, ...]]] = []
    for number, row in enumerate(rows[1:], start=2):
        try:
            days.append(_day(row, len(rows[0]), days[-1][0] if days else date.min))
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from None
    if not days:
        raise ValueError("no trading day")
    symbols = tuple(Symbol(name + suffix) for name in rows[0][1:])
    return Closes(tuple(when for when, _ in days), symbols, tuple(prices for _, prices in days))


def _day(row: list[str], width: int, after: date) -> tuple[date, tuple[Decimal, ...]]:
    if len(row) != width:
        raise ValueError(f"{len(row)} values instead of {width}")
    when = date.fromisoformat(row[0])
    if when <= after:
        raise ValueError("the dates must ascend")
    try:
        prices = tuple(parse_decimal(text) for text in row[1:])
    except InvalidDecimal as error:
        raise ValueError(str(error)) from None
    if min(prices) < TICK:
        raise ValueError(f"a price below {TICK}")
    return when, prices


def on_tick(price: Decimal) -> Decimal:
    """The nearest price that can be quoted, never below one tick."""
    return max(TICK, price.quantize(TICK, rounding=ROUND_HALF_EVEN))


def quotes_at(closes: Closes, day: int, step: int, steps: int, seed: int, at: datetime) -> tuple[Quote, ...]:
    """Every symbol's quote after `step` of `steps` from the close before `day` to that of `day`.

    On day 0 there is no close before: every step shows the first close.
    """
    return tuple(_quote(closes, day, column, step, steps, seed, at) for column in range(len(closes.symbols)))


def _quote(closes: Closes, day: int, column: int, step: int, steps: int, seed: int, at: datetime) -> Quote:
    symbol = closes.symbols[column]
    draw = Random(f"{seed}/{closes.dates[day]}/{step}/{symbol}")
    before, after = closes.prices[max(0, day - 1)][column], closes.prices[day][column]
    thousandths = int(draw.random() * 2001) - 1000
    last = on_tick(_between(before, after, step, steps, thousandths))
    half = max(TICK, (last * HALF_SPREAD).quantize(TICK, rounding=ROUND_UP))
    return Quote(
        symbol=symbol,
        at=at,
        bid=max(TICK, last - half),
        ask=last + half,
        last=last,
        previous_close=on_tick(before),
        bid_size=_size(draw),
        ask_size=_size(draw),
    )


def _between(before: Decimal, after: Decimal, step: int, steps: int, thousandths: int) -> Decimal:
    line = before + (after - before) * step / steps
    distance = 4 * step * (steps - step) * WANDER / (steps * steps)
    return line + line * distance * thousandths / 1000


def _size(draw: Random) -> Decimal:
    choices = (LARGEST_SIZE - SMALLEST_SIZE) // SIZE_STEP + 1
    return Decimal(SMALLEST_SIZE + SIZE_STEP * int(draw.random() * choices))


def fx_rates(day: int, at: datetime) -> tuple[FxRate, FxRate]:
    """USD to HKD and back on a day: a slow zigzag between 7.770 and 7.800 that starts at 7.780.

    The way back is the inverse rounded to six digits.
    """
    span = FX_HIGH - FX_LOW
    turn = (FX_START - FX_LOW + FX_STEP * day) % (2 * span)
    rate = Decimal(FX_LOW + min(turn, 2 * span - turn)) / 1000
    back = (1 / rate).quantize(_HKD_STEP, rounding=ROUND_HALF_EVEN)
    return FxRate(USD, HKD, rate, at), FxRate(HKD, USD, back, at)
