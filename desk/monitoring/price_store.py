"""Store quotes and FX rates as they arrive: the newest of each, independent of the others.

A price that cannot be stored, because another transaction locks its row or because storing it fails, is kept
and tried again until it is stored or a newer one replaces it.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from desk.fair_scheduler import FairScheduler
from domain.market import FxRate, Quote
from models.market import lock_fx_rates, lock_quotes, save_fx_rates, save_quotes
from models.sql.database import transaction
from models.sql.faults import Busy

Price = Quote | FxRate

_WHAT = "storing a price"


def newest(prices: Iterable[Price]) -> list[Price]:
    """The newest of each symbol and pair; of two with the same time, the later in order."""
    latest: dict[str, Price] = {}
    for price in prices:
        known = latest.get(_who(price))
        if known is None or price.at >= known.at:
            latest[_who(price)] = price
    return list(latest.values())


class PriceStore:
    """Prices that are still to be stored; one per monitor."""

    def __init__(self, scheduler: FairScheduler, clock: Callable[[], datetime]) -> None:
        self._scheduler = scheduler
        self._clock = clock
        self._late: dict[str, Price] = {}

    async def store(self, prices: Sequence[Price] = ()) -> None:
        """Store these prices and those kept from before."""
        due = newest((*self._late.values(), *prices))
        self._late = {_who(price): price for price in due}
        locked: list[Price] = []

        async def save(batch: Sequence[Price]) -> None:
            locked.extend(await _save(batch, self._clock()))

        failed = await self._scheduler.run_all(due, _who, _WHAT, save, locked)
        for price in locked:
            self._scheduler.note(_who(price), _WHAT, Busy("another transaction has the row"))
        self._late = {_who(price): price for price in (*locked, *failed)}


async def _save(prices: Sequence[Price], now: datetime) -> list[Price]:
    """Returns the prices whose rows another transaction locks."""
    quotes = {price.symbol: price for price in prices if isinstance(price, Quote)}
    rates = {price.pair: price for price in prices if isinstance(price, FxRate)}
    async with transaction():
        locked_quotes = await lock_quotes(list(quotes))
        locked_rates = await lock_fx_rates(list(rates))
        await save_quotes([each for symbol, each in quotes.items() if symbol not in locked_quotes], now)
        await save_fx_rates([each for pair, each in rates.items() if pair not in locked_rates], now)
    return [*(quotes[symbol] for symbol in locked_quotes), *(rates[pair] for pair in locked_rates)]


def _who(price: Price) -> str:
    return f"quote {price.symbol}" if isinstance(price, Quote) else f"rate {price.pair}"
