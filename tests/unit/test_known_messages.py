"""A repeat changes nothing: whatever comes again, and in what batches, the desk holds the same in the end."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.book_changes import CashStated
from domain.freshness import is_superseded
from domain.inputs import InputResult, stated_at
from domain.money import Currency
from feeds.arrivals import AheadPolicy, Sorter
from feeds.base import FeedMessage, Receipt
from feeds.held import HeldMessages
from feeds.known_messages import KnownMessages
from feeds.messages import encode

NOW = datetime(2020, 3, 9, 14, 30, tzinfo=UTC)
AHEAD = AheadPolicy(timedelta(seconds=60), timedelta(hours=1))
USD = Currency("USD")


@dataclass(frozen=True, slots=True)
class Published:
    """At that second, stamped so many seconds ahead; or the repeat of an earlier one."""

    second: int
    message: FeedMessage


def cash(balance: int, at: float) -> CashStated:
    return CashStated("M1", USD, Decimal(balance), NOW + timedelta(seconds=at))


class Desk:
    """Takes in what a feed delivers, by the rule of the newest."""

    def __init__(self) -> None:
        self.held, self.known = HeldMessages(100), KnownMessages()
        self.newest: CashStated | None = None
        self.entries = 0

    def hear(self, second: int, messages: Iterable[FeedMessage]) -> list[InputResult]:
        """One batch; what became of each that was no news."""
        now = NOW + timedelta(seconds=second)
        entries = []
        for message in messages:
            self.entries += 1
            entries.append((f"{self.entries}-0".encode(), encode(message)))
        arrivals = Sorter(AHEAD, self.held, self.known).sort("s", entries, now)
        batch = arrivals.batch()
        for message in batch.messages if batch else ():
            assert stated_at(message) <= now
            assert isinstance(message, CashStated)
            known = self.newest.as_of if self.newest else None
            if not is_superseded(message.as_of, known, now):
                self.newest = message
        return [outcome.result for _, outcome in arrivals.repeats]


def balance_after(published: Sequence[Published]) -> Decimal | None:
    desk = Desk()
    for each in published:
        desk.hear(each.second, [each.message])
    return desk.newest.balance if desk.newest else None


SAID = st.lists(st.tuples(st.integers(0, 5), st.integers(-10, 60)), min_size=1, max_size=6)


def in_order(said: Sequence[tuple[int, int]]) -> list[Published]:
    """After so many seconds each, stamped so many seconds ahead of then."""
    second, published = 0, []
    for number, (pause, ahead) in enumerate(said):
        second += pause
        published.append(Published(second, cash(number, second + ahead)))
    return published


@settings(max_examples=300, deadline=None)
@given(SAID, st.lists(st.tuples(st.integers(0, 5), st.integers(0, 90)), max_size=6))
def test_repeats_change_nothing_whenever_they_come(
    said: list[tuple[int, int]], repeats: list[tuple[int, int]]
) -> None:
    published = in_order(said)
    again = []
    for which, later in repeats:
        first = published[which % len(published)]
        again.append(Published(first.second + later, first.message))
    together = sorted([*published, *again], key=lambda each: each.second)
    assert balance_after(together) == balance_after(published)


@settings(max_examples=300, deadline=None)
@given(st.permutations(range(4)), st.lists(st.integers(1, 59), min_size=4, max_size=4, unique=True))
def test_of_those_that_are_ahead_the_furthest_wins_in_whatever_order_and_batches_they_come(
    order: list[int], ahead: list[int]
) -> None:
    messages = [cash(seconds, seconds) for seconds in ahead]
    one_by_one, at_once = Desk(), Desk()
    for each in order:
        one_by_one.hear(0, [messages[each]])
    at_once.hear(0, [messages[each] for each in order])
    for desk in (one_by_one, at_once):
        assert desk.newest is not None
        assert desk.newest.balance == max(ahead)


def test_of_two_of_the_same_time_the_later_one_counts_and_not_the_one_that_is_repeated() -> None:
    desk = Desk()
    assert desk.hear(0, [cash(1, 0), cash(2, 0)]) == []
    assert desk.hear(1, [cash(1, 0)]) == [InputResult.SUPERSEDED]
    assert desk.newest == cash(2, 0)


def test_an_unusable_message_is_no_repeat_when_it_is_published_again() -> None:
    known = KnownMessages(most=2)
    first, second = ("s", Receipt("1-0")), ("s", Receipt("2-0"))
    known.note(first, cash(1, 0))
    assert known.is_repeat(second, cash(1, 0))
    assert not known.is_repeat(first, cash(1, 0)), "it comes again, for it was not acknowledged"
    known.rejected(first)
    assert not known.is_repeat(second, cash(1, 0))


def test_only_so_many_are_remembered() -> None:
    known = KnownMessages(most=2)
    for number in range(5):
        place, message = ("s", Receipt(f"{number}-0")), cash(number, 30)
        known.note(place, message)
        known.counts_as_of(message, lambda: NOW)
    elsewhere = ("s", Receipt("9-0"))
    assert [known.is_repeat(elsewhere, cash(number, 30)) for number in range(5)] == [False] * 3 + [True] * 2
