"""The order within a batch: what arrived first counts first.

Prices are stored many at a time, statements one by one. A batch is therefore split into runs of prices and
runs of statements, in the order of arrival, so that readers of the database only see states that existed. An
account is not judged while the batch still contains messages about it.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from domain.book_changes import CashStated, PositionStated, TradeStatusStated
from domain.ids import Symbol
from domain.inputs import Message
from domain.market import FxRate, Quote


def stretches(messages: Sequence[Message]) -> Iterator[range]:
    """Index ranges of the messages, split wherever prices and statements change."""
    start = 0
    for _, run in groupby(messages, lambda message: isinstance(message, Quote | FxRate)):
        end = start + sum(1 for _ in run)
        yield range(start, end)
        start = end


@dataclass(frozen=True, slots=True)
class Announced:
    """The subjects of the statements in a batch that is being processed."""

    account_nos: frozenset[str] = frozenset()
    symbols: frozenset[Symbol] = frozenset()
    """Instruments whose trade status is stated."""

    def concerns(self, account_no: str, symbols: Collection[Symbol]) -> bool:
        """Whether an account with these instruments must wait for the rest of the batch."""
        return account_no in self.account_nos or not self.symbols.isdisjoint(symbols)


NOTHING_ANNOUNCED = Announced()


def announced(messages: Sequence[Message]) -> Announced:
    """The subjects of the statements among the messages."""
    return Announced(
        frozenset(each.account_no for each in messages if isinstance(each, CashStated | PositionStated)),
        frozenset(each.symbol for each in messages if isinstance(each, TradeStatusStated)),
    )
