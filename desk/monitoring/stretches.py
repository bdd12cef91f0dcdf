"""The order of a batch: what came first counts first.

Prices are stored many at a time and statements one by one. So a batch is taken in stretches, a run of prices
or a run of statements, in the order in which they came: whoever reads the database meanwhile finds a state
that there was. And an account of which the batch still has something to say is not judged before it is said.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from domain.book_changes import CashStated, PositionStated, TradeStatusStated
from domain.ids import Symbol
from domain.inputs import Message
from domain.market import FxRate, Quote


def stretches(messages: Sequence[Message]) -> Iterator[range]:
    """The places of the messages, cut wherever prices and statements change."""
    start = 0
    for _, run in groupby(messages, lambda message: isinstance(message, Quote | FxRate)):
        end = start + sum(1 for _ in run)
        yield range(start, end)
        start = end


@dataclass(frozen=True, slots=True)
class Announced:
    """What a batch that is being taken has statements about."""

    account_nos: frozenset[str] = frozenset()
    symbols: frozenset[Symbol] = frozenset()
    """Whose trade status is stated."""

    def concerns(self, account_no: str, symbols: Collection[Symbol]) -> bool:
        """Whether an account that holds these may be judged on half of the batch."""
        return account_no in self.account_nos or not self.symbols.isdisjoint(symbols)


NOTHING_ANNOUNCED = Announced()


def announced(messages: Sequence[Message]) -> Announced:
    """By the messages of a batch."""
    return Announced(
        frozenset(each.account_no for each in messages if isinstance(each, CashStated | PositionStated)),
        frozenset(each.symbol for each in messages if isinstance(each, TradeStatusStated)),
    )
