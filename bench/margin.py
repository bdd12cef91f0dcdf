"""What one tick costs an affected account: take the quote, recompute the figures.

Measured for 5, 20 and 100 positions, kept live (`LiveBook`) and, for comparison, computed from the whole
book. Half of the positions are in a second currency, a fifth are short. Rounds of the sizes alternate, so
that what disturbs the machine disturbs them alike; the median of the rounds counts.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from bench.measure import save
from domain.ids import Symbol
from domain.live_book import LiveBook
from domain.margin import AccountTerms, AccountType, AmountRule, Book, CashBalance, Holding, compute_figures
from domain.market import (
    FactorSource,
    FxRate,
    Instrument,
    InstrumentKind,
    MarginFactors,
    Quote,
    TradeStatus,
)
from domain.money import Currency

SIZES = (5, 20, 100)
ROUNDS = 200
TICKS_A_ROUND = 50
FLAT_UP_TO = 1.3
NOW = datetime(2020, 3, 16, 14, 30, tzinfo=UTC)
MAX_AGE = timedelta(seconds=60)
HKD, USD = Currency("HKD"), Currency("USD")
FACTORS = MarginFactors(
    Decimal(".50"), Decimal(".40"), Decimal(".45"), Decimal(".35"), FactorSource.INSTRUMENT
)


@dataclass(frozen=True, slots=True)
class Result:
    """Microseconds for one tick of an account with so many positions."""

    positions: int
    live_us: float
    recomputed_us: float


def tick(number: int, count: int) -> Quote:
    """The quote number `count` of the position: it moves up and down by a few cents."""
    last = Decimal(100 + number) + Decimal(count % 7) / 100
    return Quote(Symbol(f"S{number}"), NOW, last - Decimal("0.01"), last + Decimal("0.01"), last)


def account(positions: int) -> Book:
    """A margin account with a loan."""
    holdings = tuple(
        Holding(
            instrument=Instrument(
                symbol=Symbol(f"S{number}"),
                name=f"S{number}",
                market="XHKG",
                currency=USD if number % 2 else HKD,
                kind=InstrumentKind.STOCK,
                lot_size=Decimal(1),
                multiplier=Decimal(1),
                fee_rate=Decimal("0.0003"),
                trade_status=TradeStatus.TRADING,
            ),
            quantity=Decimal(-50 if number % 5 == 4 else 200),
            factors=FACTORS,
            quote=tick(number, 0),
        )
        for number in range(positions)
    )
    return Book(
        terms=AccountTerms(AccountType.MARGIN, HKD, financing_limit=Decimal(900_000)),
        rule=AmountRule(),
        cash=(CashBalance(HKD, Decimal(-30_000 * positions), Decimal(2150)), CashBalance(USD, Decimal(100))),
        holdings=holdings,
        fx={USD: FxRate(USD, HKD, Decimal("7.80"), NOW)},
    )


def live_step(positions: int) -> Callable[[Quote], None]:
    """Take the quote into a live book and read its figures."""
    live = LiveBook(account(positions), MAX_AGE)

    def step(quote: Quote) -> None:
        live.on_quote(quote)
        live.figures(NOW)

    return step


def recomputed_step(positions: int) -> Callable[[Quote], None]:
    """Compute everything from the book; storing the quote in it is not counted."""
    book = account(positions)

    def step(_: Quote) -> None:
        compute_figures(book, NOW, MAX_AGE)

    return step


def microseconds_a_tick(step: Callable[[Quote], None], quotes: list[Quote]) -> float:
    """CPU time of one round, per quote."""
    started = time.process_time_ns()
    for quote in quotes:
        step(quote)
    return (time.process_time_ns() - started) / 1000 / len(quotes)


def measure(rounds: int = ROUNDS) -> list[Result]:
    """The medians, one result for each size."""
    quotes = {size: [tick(count % size, count) for count in range(TICKS_A_ROUND)] for size in SIZES}
    steps = {size: (live_step(size), recomputed_step(size)) for size in SIZES}
    samples: dict[int, tuple[list[float], list[float]]] = {size: ([], []) for size in SIZES}
    for _ in range(rounds):
        for size in SIZES:
            for step, taken in zip(steps[size], samples[size], strict=True):
                taken.append(microseconds_a_tick(step, quotes[size]))
    return [Result(size, *(statistics.median(taken) for taken in samples[size])) for size in SIZES]


def growth(results: list[Result]) -> float:
    """Cost of a tick at the most positions, as a multiple of that at the fewest."""
    return results[-1].live_us / results[0].live_us


def main() -> None:
    """Measure, print, save."""
    results = measure()
    print(f"{'positions':>9}  {'live us/tick':>12}  {'recomputed us/tick':>18}")
    for result in results:
        print(f"{result.positions:>9}  {result.live_us:>12.1f}  {result.recomputed_us:>18.1f}")
    print(f"live, {SIZES[-1]} positions / {SIZES[0]}: {growth(results):.2f} (target: at most {FLAT_UP_TO})")
    rows = [
        {
            "positions": each.positions,
            "liveMicroseconds": round(each.live_us, 1),
            "recomputedMicroseconds": round(each.recomputed_us, 1),
        }
        for each in results
    ]
    save("margin", {"rounds": ROUNDS, "ticks": rows, "growth": round(growth(results), 3)})
