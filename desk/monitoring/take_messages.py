"""Compare the messages of a feed with what the desk holds, and store those that are newer.

The newest wins, whatever the order of arrival, within a batch and between batches. Each message gets an
outcome (`domain.inputs`); one that cannot be used has a reason that names its subject.
"""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from desk.context import DeskContext
from desk.statements.negative_prices import refused_as_negative
from domain.currencies import unknown_currencies
from domain.freshness import is_superseded
from domain.ids import Symbol
from domain.inputs import DeadReason, InputResult, Message, Outcome, dead, subject_of, superseded
from domain.market import FxRate, Quote
from models.book import load_fx_rates
from models.market import markets_of, quote_times

Price = TypeVar("Price", Quote, FxRate)

UNCERTAIN_ORDER = timedelta(seconds=5)
"""How much older than its arrival a price counts whose own time was ahead of the clock.

Such a time says nothing about the order, so a price that arrives just after it, with a correct time, is the
newer one.
"""


@dataclass(frozen=True, slots=True)
class NewestPrices:
    """The prices of a batch to be stored, and the outcome of each price by index."""

    quotes: list[Quote]
    rates: list[FxRate]
    by_market: dict[str, datetime]
    """Market -> time of the newest of these quotes."""
    outcomes: dict[int, Outcome]


@dataclass(frozen=True, slots=True)
class Taken:
    """The outcomes of the messages of a batch."""

    messages: tuple[Message, ...]
    """The messages as used: a price that was ahead of the clock is as of its arrival."""
    outcomes: tuple[Outcome, ...]
    """One per message, in order."""
    prices: NewestPrices

    @property
    def used(self) -> tuple[Message, ...]:
        """Messages for the rest of the desk: the newest price of each subject, and the statements."""
        statements = [
            each for each in self._that_are(InputResult.USED) if not isinstance(each, Quote | FxRate)
        ]
        return (*self.prices.quotes, *self.prices.rates, *statements)

    @property
    def refused(self) -> list[tuple[Message, str]]:
        """Messages that can never be used, with the reason."""
        pairs = zip(self.messages, self.outcomes, strict=True)
        return [(each, outcome.reason) for each, outcome in pairs if outcome.result is InputResult.DEAD]

    @property
    def held(self) -> list[Message]:
        """Messages to try again later, which the feed must keep."""
        return self._that_are(InputResult.HELD)

    def _that_are(self, result: InputResult) -> list[Message]:
        pairs = zip(self.messages, self.outcomes, strict=True)
        return [each for each, outcome in pairs if outcome.result is result]


NO_PRICES = NewestPrices([], [], {}, {})


def joined(parts: Sequence[Taken]) -> Taken:
    """Join the parts of a batch, in order; of each price the newest, which is the last one used."""
    quotes = {quote.symbol: quote for part in parts for quote in part.prices.quotes}
    rates = {rate.pair: rate for part in parts for rate in part.prices.rates}
    by_market: dict[str, datetime] = {}
    for part in parts:
        by_market |= {
            market: max(at, by_market.get(market, at)) for market, at in part.prices.by_market.items()
        }
    messages = tuple(message for part in parts for message in part.messages)
    outcomes = tuple(outcome for part in parts for outcome in part.outcomes)
    prices = NewestPrices(list(quotes.values()), list(rates.values()), by_market, dict(enumerate(outcomes)))
    return Taken(messages, outcomes, prices)


class Intake:
    """Remembers the known instruments and the times of the newest prices; one per leader."""

    def __init__(self, desk: DeskContext) -> None:
        self._desk = desk
        self._markets: dict[Symbol, str] = {}
        self._quoted_at: dict[str, datetime] = {}
        self._rated_at: dict[str, datetime] | None = None

    async def newest(self, messages: Sequence[Message], ahead: Collection[int]) -> "NewestPrices":
        """The prices among the messages that are newer than what the desk holds, and the outcome of each.

        `ahead`: messages whose own time was ahead of the clock; they count as of their arrival. Call `learn`
        first.
        """
        now = self._desk.clock()
        outcomes: dict[int, Outcome] = {}
        quotes = await self._newest_quotes(_of(messages, Quote), ahead, now, outcomes)
        rates = await self._newest_rates(_of(messages, FxRate), ahead, now, outcomes)
        return NewestPrices(quotes, rates, self._newest_by_market(quotes), outcomes)

    def _newest_by_market(self, quotes: Sequence[Quote]) -> dict[str, datetime]:
        newest: dict[str, datetime] = {}
        for quote in quotes:
            market = self._markets[quote.symbol]
            newest[market] = max(quote.at, newest.get(market, quote.at))
        return newest

    async def _newest_quotes(
        self,
        quotes: Sequence[tuple[int, Quote]],
        ahead: Collection[int],
        now: datetime,
        outcomes: dict[int, Outcome],
    ) -> list[Quote]:
        known = [(index, quote) for index, quote in quotes if quote.symbol in self._markets]
        impossible = dict(await refused_as_negative(quote for _, quote in known))
        for index, quote in quotes:
            if quote.symbol not in self._markets:
                outcomes[index] = dead(
                    quote, DeadReason.UNKNOWN_SUBJECT, f"instrument {quote.symbol} is not known"
                )
        race = _Race[Quote](self._quoted_at, now, outcomes)
        for index, quote in known:
            if quote in impossible:
                outcomes[index] = dead(quote, DeadReason.MALFORMED, impossible[quote])
                continue
            race.enter(index, quote.symbol, quote, index in ahead)
            await _let_others_work(index)
        return race.winners()

    async def _newest_rates(
        self,
        rates: Sequence[tuple[int, FxRate]],
        ahead: Collection[int],
        now: datetime,
        outcomes: dict[int, Outcome],
    ) -> list[FxRate]:
        if not rates:
            return []
        if self._rated_at is None:
            self._rated_at = {str(subject_of(rate)): rate.at for rate in await load_fx_rates()}
        race = _Race[FxRate](self._rated_at, now, outcomes)
        for index, rate in rates:
            unknown = unknown_currencies((rate.base_currency, rate.quote_currency))
            if unknown:
                outcomes[index] = dead(
                    rate, DeadReason.UNKNOWN_SUBJECT, f"the currency {', '.join(unknown)} is not known"
                )
            else:
                race.enter(index, str(subject_of(rate)), rate, index in ahead)
        return race.winners()

    async def learn(self, messages: Sequence[Message]) -> None:
        """Load the instruments of a batch's prices before these are compared; unknown ones are queried with
        each batch.
        """
        symbols = {message.symbol for message in messages if isinstance(message, Quote)}
        new = sorted(symbols - self._markets.keys())
        if new:
            self._markets |= await markets_of(new)
            self._quoted_at.update({str(symbol): at for symbol, at in (await quote_times(new)).items()})


@dataclass(frozen=True, slots=True)
class _Entry(Generic[Price]):
    """A price of the batch, with the time that it counts as of and its own time."""

    index: int
    price: Price
    came_with: datetime
    ahead: bool

    def is_older_than(self, other: "_Entry[Price]") -> bool:
        if self.ahead and other.ahead:
            return self.came_with < other.came_with
        return self.price.at < other.price.at


class _Race(Generic[Price]):
    """Selects the prices of a batch to use: for each subject the newest, if it is newer than the known
    one.
    """

    def __init__(self, known: dict[str, datetime], now: datetime, outcomes: dict[int, Outcome]) -> None:
        """`known` is updated, `outcomes` is filled."""
        self._known = known
        self._now = now
        self._outcomes = outcomes
        self._first: dict[str, _Entry[Price]] = {}
        """Subject -> the newest so far."""

    def enter(self, index: int, subject: str, price: Price, ahead: bool) -> None:
        known, first = self._known.get(subject), self._first.get(subject)
        at = self._counts_as_of(price.at, known) if ahead else price.at
        entry = _Entry(index, replace(price, at=at), price.at, ahead)
        is_late = entry.is_older_than(first) if first else is_superseded(at, known, self._now)
        if is_late:
            assert known is not None
            self._outcomes[index] = superseded(price, known)
            return
        if first is not None:
            self._outcomes[first.index] = superseded(first.price, at)
        self._known[subject], self._first[subject] = at, entry
        self._outcomes[index] = Outcome(subject_of(price), InputResult.USED, at)

    def winners(self) -> list[Price]:
        return [entry.price for entry in self._first.values()]

    def _counts_as_of(self, arrived: datetime, known: datetime | None) -> datetime:
        """As old as it may be, but not older than the price known when it arrived."""
        uncertain = arrived - UNCERTAIN_ORDER
        return uncertain if known is None or known > arrived else max(uncertain, known)


def _of(messages: Sequence[Message], kind: type[Price]) -> list[tuple[int, Price]]:
    return [(index, message) for index, message in enumerate(messages) if isinstance(message, kind)]


async def _let_others_work(index: int) -> None:
    if index % 100 == 99:
        await asyncio.sleep(0)
