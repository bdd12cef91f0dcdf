"""Daily closing prices and the path between two closes: pure, exact and reproducible.

A step is a function of (closes, seed, day, step) and nothing else, so a replay shows the same market every
time. Prices are rounded HALF_EVEN to 0.01, below 0.1 to 0.0001; the last step of a day is its close. Between
closes the price deviates from the straight line by at most `WANDER` of it.
"""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, ROUND_UP, Decimal
from pathlib import Path
from random import Random

from domain.ids import Symbol
from domain.market import FxRate, Quote
from domain.moments import parse_day
from domain.money import Currency, InvalidDecimal, parse_decimal
from feeds.fields import code

TICK, SMALL_TICK = Decimal("0.01"), Decimal("0.0001")
SMALL = Decimal("0.1")
"""The steps of prices, and the price below which the smaller one applies."""
WANDER = Decimal("0.002")
HALF_SPREAD = Decimal("0.0005")
SMALLEST_SIZE, LARGEST_SIZE, SIZE_STEP = 50, 500, 50
"""Displayed sizes, in units: small enough that most liquidation orders fill in several parts."""

FX_LOW, FX_START, FX_HIGH, FX_STEP = 7770, 7780, 7800, 1
"""Thousandths of HKD per USD. The path is invented within the peg's range of the time."""
_HKD_STEP = Decimal("0.000001")

USD, HKD = Currency("USD"), Currency("HKD")


@dataclass(frozen=True, slots=True)
class Closes:
    """`prices[day][i]` is the close of `symbols[i]` on `dates[day]`, as stated by the file."""

    dates: tuple[date, ...]
    symbols: tuple[Symbol, ...]
    prices: tuple[tuple[Decimal, ...], ...]

    def since(self, first: date) -> "Closes":
        """From `first` on; ValueError if nothing is left."""
        kept = [day for day, when in enumerate(self.dates) if when >= first]
        if not kept:
            raise ValueError(f"the file has no closing prices on or after {first}")
        return Closes(self.dates[kept[0] :], self.symbols, self.prices[kept[0] :])


def read_closes(file: Path) -> Closes:
    """The closes of a CSV file in UTF-8, with or without byte order mark; raises OSError and ValueError."""
    try:
        return parse_closes(file.read_text("utf-8-sig").splitlines())
    except UnicodeDecodeError:
        raise ValueError("not a text in UTF-8") from None


def parse_closes(lines: Iterable[str], suffix: str = ".US") -> Closes:
    """CSV with a header `Date,<name>,...` and one trading day per line, ascending; a symbol is name + suffix.

    Blanks around values and empty lines are ignored. Raises ValueError naming the line: a name that is no
    valid symbol or occurs twice, a missing value, a price that is not a positive decimal, a date out of
    order.
    """
    rows = [
        (number, values)
        for number, row in enumerate(csv.reader(lines), start=1)
        if any(values := [value.strip() for value in row])
    ]
    if not rows:
        raise ValueError("line 1: must be Date and the names of the instruments")
    (header_number, header), *others = rows
    symbols = _symbols(header_number, header, suffix)
    days: list[tuple[date, tuple[Decimal, ...]]] = []
    for number, values in others:
        try:
            days.append(_day(values, len(header), days[-1][0] if days else date.min))
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from None
    if not days:
        raise ValueError("the file has no trading day")
    return Closes(tuple(when for when, _ in days), symbols, tuple(prices for _, prices in days))


def _symbols(number: int, header: list[str], suffix: str) -> tuple[Symbol, ...]:
    if len(header) < 2 or header[0] != "Date":
        raise ValueError(f"line {number}: must be Date and the names of the instruments")
    for name in header[1:]:
        try:
            code(name + suffix if name else "")
        except ValueError as error:
            raise ValueError(f"line {number}: {name!r} cannot be a symbol, which is {error}") from None
        if header.count(name) > 1:
            raise ValueError(f"line {number}: {name} occurs twice")
    return tuple(Symbol(name + suffix) for name in header[1:])


def _day(values: list[str], width: int, after: date) -> tuple[date, tuple[Decimal, ...]]:
    if len(values) != width:
        raise ValueError(f"{len(values)} values instead of {width}")
    try:
        when = parse_day(values[0])
    except ValueError as error:
        raise ValueError(f"{values[0]!r} must be {error}") from None
    if when <= after:
        raise ValueError("the dates must be in ascending order")
    try:
        prices = tuple(parse_decimal(text) for text in values[1:])
    except InvalidDecimal as error:
        raise ValueError(str(error)) from None
    if min(prices) < SMALL_TICK:
        raise ValueError(f"a price is below {SMALL_TICK}")
    return when, prices


def tick_of(price: Decimal) -> Decimal:
    """The step of prices around this one."""
    return TICK if price >= SMALL else SMALL_TICK


def on_tick(price: Decimal) -> Decimal:
    """The nearest price that can be quoted, never below one tick."""
    tick = tick_of(price)
    return max(tick, price.quantize(tick, rounding=ROUND_HALF_EVEN))


def quotes_at(closes: Closes, day: int, step: int, steps: int, seed: int, at: datetime) -> tuple[Quote, ...]:
    """Every symbol's quote after `step` of `steps` from the close before `day` to that of `day`.

    Day 0 has no earlier close: every step shows the first close.
    """
    quotes = []
    prices = zip(closes.symbols, closes.prices[max(0, day - 1)], closes.prices[day], strict=True)
    for symbol, before, after in prices:
        draw = Random(f"{seed}/{closes.dates[day]}/{step}/{symbol}")
        thousandths = int(draw.random() * 2001) - 1000
        last = on_tick(_between(before, after, step, steps, thousandths))
        quotes.append(_quote(symbol, last, before, draw, at))
    return tuple(quotes)


def _quote(symbol: Symbol, last: Decimal, before: Decimal, draw: Random, at: datetime) -> Quote:
    tick = tick_of(last)
    half = max(tick, (last * HALF_SPREAD).quantize(tick, rounding=ROUND_UP))
    return Quote(
        symbol=symbol,
        at=at,
        bid=max(tick, last - half),
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

    The rate back is the inverse rounded to six digits.
    """
    span = FX_HIGH - FX_LOW
    turn = (FX_START - FX_LOW + FX_STEP * day) % (2 * span)
    rate = Decimal(FX_LOW + min(turn, 2 * span - turn)) / 1000
    back = (1 / rate).quantize(_HKD_STEP, rounding=ROUND_HALF_EVEN)
    return FxRate(USD, HKD, rate, at), FxRate(HKD, USD, back, at)
