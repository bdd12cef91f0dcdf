"""Which prices an exchange accepts: steps ("ticks") that grow with the price, as tables of price bands.

The exchange rejects a limit price between two steps, so every price that the desk sends is rounded to a step.
Tables included, by the name that an instrument may state:

- ``XHKG``: shares and REITs in Hong Kong. HKEX, Rules of the Exchange, Second Schedule (Spread Table), in
  force since 4 August 2025: phase 1 of the reduction of minimum spreads (10 to 20: 0.01, 20 to 50: 0.02). Its
  phase 2 (0.50 to 10: 0.005) was announced for about the middle of 2026, after a review of phase 1; its start
  could not be confirmed. Every price of this table is also valid in phase 2.
- ``XHKG-ETP``: exchange traded products in Hong Kong. HKEX, spread table for ETPs of 1 June 2020.
- ``XNYS``: shares and funds in the United States. Regulation NMS, Rule 612: 0.01, and 0.0001 below 1 dollar.
  The half cent of the amended rule is for some shares only, and a whole cent is valid under it too.

Instruments of other markets state their own: one step (``0.05``), or steps by band such as Singapore's
(``0.001, 0.2:0.005, 1:0.01``).
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, auto
from functools import lru_cache

from domain.money import ZERO, InvalidDecimal, is_whole_multiple, parse_decimal, step_above, step_below

MAX_TICK_TEXT = 300
"""Characters of a stated table."""


class Direction(Enum):
    """To which of the two neighbouring ticks a price is rounded."""

    UP = auto()
    DOWN = auto()


@dataclass(frozen=True, slots=True)
class Band:
    """From `start` up to the next band, prices are multiples of `step`."""

    start: Decimal
    step: Decimal


@dataclass(frozen=True, slots=True)
class TickTable:
    """Bands in ascending order, the first from 0. No positive price is below `lowest`.

    Where two bands meet, the price is a multiple of both steps: rounding never leaves the grid there.
    """

    bands: tuple[Band, ...]
    lowest: Decimal

    def __post_init__(self) -> None:
        if not self.bands or self.bands[0].start != 0:
            raise ValueError("the first band of a tick table must start at 0")
        if any(band.step <= 0 for band in self.bands):
            raise ValueError("a tick must be above 0")
        for below, band in zip(self.bands, self.bands[1:], strict=False):
            if band.start <= below.start:
                raise ValueError("the bands of a tick table must be in ascending order")
            if not all(is_whole_multiple(band.start, step) for step in (below.step, band.step)):
                raise ValueError(f"{band.start} must be a multiple of the ticks below and above it")
        if self.lowest <= 0 or not is_whole_multiple(self.lowest, self.step_at(self.lowest)):
            raise ValueError("the lowest price must be above 0 and on a tick")

    def step_at(self, price: Decimal) -> Decimal:
        """The step at a price; where two bands meet, the upper one."""
        starts = [band.start for band in self.bands]
        return self.bands[max(0, bisect_right(starts, price) - 1)].step

    def round(self, price: Decimal, direction: Direction) -> Decimal:
        """The nearest valid price that is not above (DOWN) or not below (UP) `price`.

        A positive price never becomes less than the lowest valid one.
        """
        step = self.step_at(price)
        rounded = step_above(price, step) if direction is Direction.UP else step_below(price, step)
        return max(rounded, self.lowest) if price > 0 else rounded

    def is_valid(self, price: Decimal) -> bool:
        """Whether the exchange accepts the price."""
        return self.round(price, Direction.DOWN) == price


def _table(lowest: str, *bands: str) -> TickTable:
    return TickTable(_bands(bands), Decimal(lowest))


def _bands(texts: Sequence[str]) -> tuple[Band, ...]:
    """From ``step`` and then ``start:step``; raises ValueError."""
    first, *others = texts
    bands = [Band(ZERO, _number(first))]
    for text in others:
        start, colon, step = text.partition(":")
        if not colon:
            raise ValueError("a tick table must be a step followed by bands such as 0.2:0.005")
        bands.append(Band(_number(start), _number(step)))
    return tuple(bands)


def _number(text: str) -> Decimal:
    try:
        return parse_decimal(text.strip())
    except InvalidDecimal:
        names = ", ".join(SHIPPED)
        raise ValueError(f"a tick size must be a decimal such as 0.05, bands, or one of {names}") from None


SHIPPED: Mapping[str, TickTable] = {
    "XHKG": _table(
        "0.01",
        "0.001",
        "0.25:0.005",
        "0.5:0.01",
        "20:0.02",
        "50:0.05",
        "100:0.1",
        "200:0.2",
        "500:0.5",
        "1000:1",
        "2000:2",
        "5000:5",
    ),
    "XHKG-ETP": _table(
        "0.01",
        "0.001",
        "1:0.002",
        "5:0.005",
        "10:0.01",
        "20:0.02",
        "100:0.05",
        "200:0.1",
        "500:0.2",
        "1000:0.5",
        "2000:1",
        "5000:5",
    ),
    "XNYS": _table("0.0001", "0.0001", "1:0.01"),
}
"""Tables by name; the module's docstring names the sources."""


@lru_cache(maxsize=1024)
def tick_table(text: str) -> TickTable:
    """The table that an instrument states: a shipped name, a step, or steps by band; raises ValueError."""
    if len(text) > MAX_TICK_TEXT:
        raise ValueError(f"a tick table has at most {MAX_TICK_TEXT} characters")
    if text in SHIPPED:
        return SHIPPED[text]
    bands = _bands(text.split(","))
    if any(band.step <= 0 for band in bands):
        raise ValueError("a tick must be above 0")
    return TickTable(bands, bands[0].step)


def usual_table(market: str, *, is_stock: bool, is_fund: bool) -> TickTable | None:
    """The table of a market for instruments that state none; None if none is known."""
    if is_stock:
        return SHIPPED.get(_STOCKS.get(market, ""))
    return SHIPPED.get(_FUNDS.get(market, "")) if is_fund else None


_US = dict.fromkeys(("XNYS", "NYSE", "NASDAQ", "XNAS", "BATS", "ARCX", "OOTC", "XASE"), "XNYS")
_STOCKS = _US | {"XHKG": "XHKG", "HKEX": "XHKG"}
_FUNDS = _US | {"XHKG": "XHKG-ETP", "HKEX": "XHKG-ETP"}
