"""Facts have a time of their own: the newest wins, in whatever order and batch it comes."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import permutations

import orjson
import pytest

from desk.monitoring.take_messages import Taken
from desk.orders.dispatch_orders import Dispatcher
from desk.orders.record_execution import record_execution
from domain.book_changes import CashStated, ContactStated, PositionStated, TradeStatusStated
from domain.execution import ExecType
from domain.ids import Symbol
from domain.inputs import DeadReason, InputResult
from domain.live_book import LiveBook
from domain.margin import compute_figures
from domain.market import FxRate, Quote, TradeStatus
from domain.money import Currency
from domain.order import Order
from feeds.base import FeedMessage
from feeds.book_file import parse_book
from feeds.messages import decode
from gateway.startup.book_import import import_book
from models.book import load_books, load_fx_rates
from models.contact import client_id_of, load_contacts
from models.market import load_quotes, lock_trade_status
from models.sql.database import fetch, fetch_one
from models.sql.values import time_or_none
from tests.kit.desk_kit import (
    APPLE,
    BOEING,
    NOON,
    USD,
    DeskKit,
    cash_of,
    count,
    order,
    position_of,
    quoted,
    report,
)
from venues.paper import PaperVenue

HKD = Currency("HKD")
USED, SUPERSEDED, DEAD = InputResult.USED, InputResult.SUPERSEDED, InputResult.DEAD


async def heard(kit: DeskKit, *messages: FeedMessage) -> Taken:
    """By a monitor that has just begun."""
    return await kit.monitor().take(messages)


async def one_by_one(kit: DeskKit, messages: Sequence[FeedMessage]) -> None:
    monitor = kit.monitor()
    for message in messages:
        await monitor.take([message])


async def all_at_once(kit: DeskKit, messages: Sequence[FeedMessage]) -> None:
    await kit.monitor().take(messages)


def ago(kit: DeskKit, **time_: float) -> datetime:
    return kit.clock() - timedelta(**time_)


@pytest.mark.parametrize("hear", [all_at_once, one_by_one])
@pytest.mark.parametrize("first", list(permutations(range(3))), ids=str)
async def test_the_newest_quote_wins_in_whatever_order_and_batch_it_comes(
    hear: object, first: tuple[int, ...], kit: DeskKit
) -> None:
    assert callable(hear)
    await kit.instrument(APPLE)
    said = [quoted(APPLE, 100 + age, ago(kit, seconds=5 * age)) for age in range(3)]
    await hear(kit, [said[index] for index in first])
    assert (await load_quotes([APPLE]))[APPLE] == said[0]


@pytest.mark.parametrize("hear", [all_at_once, one_by_one])
async def test_the_newest_rate_wins_too(hear: object, kit: DeskKit) -> None:
    assert callable(hear)
    newer = FxRate(HKD, USD, Decimal("0.128"), kit.clock())
    await hear(kit, [newer, FxRate(HKD, USD, Decimal("0.2"), ago(kit, seconds=5))])
    assert await load_fx_rates() == [newer]


async def test_a_monitor_values_by_the_newest_of_a_batch_and_reports_the_other(
    kit: DeskKit,
) -> None:
    account_id = await kit.indebted_account()
    kit.clock.pass_(minutes=1)
    newer, older = quoted(APPLE, 90, kit.clock()), quoted(APPLE, 60, ago(kit, seconds=5))
    taken = await heard(kit, newer, older)
    assert [outcome.result for outcome in taken.outcomes] == [USED, SUPERSEDED]
    assert kit.clock().isoformat() in taken.outcomes[1].reason
    assert taken.used == (newer,)
    assert (await kit.figures(account_id)).long_market_value == 90_000 + 100_000


TRADING, SUSPENDED = TradeStatus.TRADING, TradeStatus.SUSPENDED
HALTED, CLOSED, AUCTION = TradeStatus.HALTED, TradeStatus.CLOSED, TradeStatus.AUCTION
DELISTED = TradeStatus.DELISTED


@pytest.mark.parametrize(
    ("days_ago", "since"),
    [
        ([(40, SUSPENDED), (0, SUSPENDED)], 40),
        ([(40, SUSPENDED), (20, SUSPENDED), (1, SUSPENDED), (0, SUSPENDED)], 40),
        ([(40, SUSPENDED), (1, HALTED), (0, SUSPENDED)], 40),
        ([(40, SUSPENDED), (1, CLOSED), (0, SUSPENDED)], 40),
        ([(40, SUSPENDED), (1, TRADING), (0, SUSPENDED)], 0),
        ([(40, SUSPENDED), (1, AUCTION), (0, SUSPENDED)], 0),
        ([(3, HALTED), (1, SUSPENDED), (0, SUSPENDED)], 1),
        ([(0, SUSPENDED), (40, SUSPENDED)], 0),
        ([(40, SUSPENDED), (0, TRADING)], None),
        ([(40, SUSPENDED), (2, DELISTED), (1, DELISTED)], None),
    ],
)
async def test_a_status_that_is_stated_again_keeps_its_beginning(
    days_ago: list[tuple[int, TradeStatus]], since: int | None, kit: DeskKit
) -> None:
    """The column keeps a beginning through a delisting as well; it only counts while suspended."""
    await kit.instrument(APPLE)
    kit.clock.pass_(days=100)
    for days, status in days_ago:
        await heard(kit, TradeStatusStated(APPLE, status, ago(kit, days=days)))
    account_id = await kit.account("M1", -5000, {APPLE: 100})
    books = await load_books([account_id], kit.desk.policy.books, kit.clock())
    (held,) = books[account_id].book.holdings
    assert held.instrument.suspended_since == (None if since is None else ago(kit, days=since))
    assert held.dead == (days_ago[-1][1] is DELISTED or (since or 0) >= 30)


async def test_a_statement_may_say_itself_when_a_status_began(kit: DeskKit) -> None:
    await kit.instrument(APPLE)
    kit.clock.pass_(days=100)
    began = ago(kit, days=33)
    await heard(kit, TradeStatusStated(APPLE, SUSPENDED, ago(kit, days=1)))
    await heard(kit, TradeStatusStated(APPLE, SUSPENDED, kit.clock(), since=began))
    stated = await lock_trade_status(APPLE)
    assert stated is not None
    assert stated.suspended_since == began


async def a_sent_order(kit: DeskKit, quantity: int = 20) -> Order:
    view = await kit.one_order(quantity)
    await Dispatcher(kit.desk, PaperVenue(kit.clock), batch=10).dispatch()
    return (await order(view.order.id)).order


@pytest.mark.parametrize("hours", [-1, 0, 1], ids=["behind", "right", "ahead"])
async def test_a_fill_is_never_later_than_the_arrival_of_its_report(hours: int, kit: DeskKit) -> None:
    sent = await a_sent_order(kit)
    kit.clock.pass_(seconds=10)
    before_the_fill = kit.clock()
    kit.clock.pass_(seconds=10)
    filled_at = kit.clock() + timedelta(hours=hours)
    await record_execution(kit.desk, report(sent, ExecType.TRADE, 1, 20, at=filled_at))
    kit.clock.pass_(seconds=10)
    await heard(kit, PositionStated("M1", APPLE, Decimal(960), kit.clock()))
    await heard(kit, CashStated("M1", USD, Decimal(-140_000), kit.clock()))
    assert await position_of(sent.account_id, APPLE) == 960
    assert await cash_of(sent.account_id) == -140_000
    if hours >= 0:
        return
    # Of a clock that is behind, all that is sure is that the fill came after its order.
    await heard(kit, PositionStated("M1", BOEING, Decimal(900), before_the_fill))
    assert await position_of(sent.account_id, BOEING) == 900


async def test_a_statement_from_before_an_order_was_made_contains_none_of_its_fills(kit: DeskKit) -> None:
    kit.clock.pass_(minutes=10)
    before_the_order = kit.clock()
    kit.clock.pass_(minutes=1)
    sent = await a_sent_order(kit)
    stamped_long_ago = before_the_order - timedelta(hours=1)
    await record_execution(kit.desk, report(sent, ExecType.TRADE, 1, 20, at=stamped_long_ago))
    await heard(kit, PositionStated("M1", APPLE, Decimal(1000), before_the_order))
    assert await position_of(sent.account_id, APPLE) == 980


async def test_a_balance_known_only_from_a_fill_gives_way_to_any_statement(kit: DeskKit) -> None:
    sent = await a_sent_order(kit)
    await fetch("DELETE FROM cash_balance RETURNING id")
    kit.clock.pass_(minutes=5)
    stated_before = ago(kit, minutes=1)
    ahead = kit.clock() + timedelta(hours=1)
    await record_execution(kit.desk, report(sent, ExecType.TRADE, 1, 20, at=ahead))
    await heard(kit, CashStated("M1", USD, Decimal(-150_000), stated_before))
    assert await cash_of(sent.account_id) == -150_000 + 2000


async def test_a_short_that_is_stated_again_keeps_its_beginning(kit: DeskKit) -> None:
    await kit.instrument(APPLE)
    await kit.account("M1", 5000, {})
    began = kit.clock()
    for _ in range(3):
        await heard(kit, PositionStated("M1", APPLE, Decimal(-5), kit.clock()))
        kit.clock.pass_(days=1)
    row = await fetch_one("SELECT short_since FROM position")
    assert row is not None
    assert time_or_none(row["short_since"]) == began


async def test_a_contact_that_is_stated_again_is_news_once(kit: DeskKit) -> None:
    await kit.account("M1", 0, {})
    for _ in range(3):
        await heard(kit, ContactStated("CL-M1", kit.clock(), email="a@example.org"))
        kit.clock.pass_(days=1)
    corrected = ContactStated("CL-M1", ago(kit, days=1), email="b@example.org")
    assert (await heard(kit, corrected)).outcomes[0].result is USED
    client_id = await client_id_of("CL-M1")
    assert client_id is not None
    assert (await load_contacts([client_id]))[client_id].email == "b@example.org"
    assert await count("audit", "entity = 'contact'") == 2


def said_at(at: datetime, number: int) -> tuple[FeedMessage, ...]:
    """One message of each type."""
    return (
        quoted(APPLE, number, at),
        FxRate(HKD, USD, Decimal(number), at),
        PositionStated("M1", APPLE, Decimal(number), at),
        CashStated("M1", USD, Decimal(number), at),
        TradeStatusStated(APPLE, HALTED if number % 2 else TRADING, at),
        ContactStated("CL-M1", at, phone=f"+8521234567{number}"),
    )


async def test_prices_of_a_clock_that_was_ahead_give_way_to_current_prices(kit: DeskKit) -> None:
    await kit.instrument(APPLE)
    account_id = await kit.account("M1", 0, {APPLE: 1})
    kit.clock.pass_(hours=3)
    monitor = kit.monitor()
    await monitor.note_everything()
    await monitor.look()
    ahead = await monitor.take(said_at(kit.clock(), 8))
    assert {outcome.result for outcome in ahead.outcomes} == {USED}
    kit.clock.pass_(hours=-2)
    assert (await kit.figures(account_id)).stale, "a price from the future is no fresh price"
    for hear in (monitor, kit.monitor()):
        kit.clock.pass_(minutes=1)
        right = await hear.take(said_at(kit.clock(), 7))
        assert {outcome.result for outcome in right.outcomes} == {USED}
    await monitor.look()
    assert (await load_quotes([APPLE]))[APPLE].last == 7
    assert await position_of(account_id, APPLE) == 7
    assert not (await kit.figures(account_id)).stale


async def test_a_live_book_is_stale_as_long_as_one_of_its_prices_is_from_the_future(kit: DeskKit) -> None:
    await kit.instrument(APPLE)
    await kit.instrument(BOEING)
    account_id = await kit.account("M1", 0, {APPLE: 5, BOEING: 5})
    book = (await load_books([account_id], kit.desk.policy.books, NOON))[account_id].book
    live = LiveBook(book, timedelta(minutes=1))
    for symbol, seconds in ((APPLE, 0), (BOEING, 3600)):
        live.on_quote(quoted(symbol, 10, NOON + timedelta(seconds=seconds)))
    figures = live.figures(NOON)
    assert figures.stale
    assert figures == compute_figures(live.book(), NOON, timedelta(minutes=1))
    assert not live.on_quote(quoted(BOEING, 20, NOON)), "as far as the quotes themselves tell"
    assert live.on_quote(quoted(BOEING, 20, NOON), NOON)
    assert not live.figures(NOON).stale


UNKNOWN_QUOTE = '{"v":1,"type":"quote","symbol":"NOPE.US","at":"2020-03-09T16:00:00Z","last":"1"}'
UNKNOWN_STATUS = (
    '{"v":1,"type":"tradeStatus","symbol":"NOPE.US","at":"2020-03-09T16:00:00Z","status":"HALTED"}'
)
UNKNOWN_CONTACT = '{"v":1,"type":"contact","clientNo":"NOPE","asOf":"2020-03-09T16:00:00Z"}'
UNKNOWN_ACCOUNT = (
    '{"v":1,"type":"cash","accountNo":"NOPE","currency":"USD","balance":"1","asOf":"2020-03-09T16:00:00Z"}'
)
UNHOLDABLE = (
    '{"v":1,"type":"position","accountNo":"M1","symbol":"NOPE.US","quantity":"1",'
    '"asOf":"2020-03-09T16:00:00Z"}'
)


@pytest.mark.parametrize(
    ("raw", "subject", "why"),
    [
        (UNKNOWN_QUOTE, "NOPE.US", DeadReason.UNKNOWN_SUBJECT),
        (UNKNOWN_STATUS, "NOPE.US", DeadReason.UNKNOWN_SUBJECT),
        (UNKNOWN_CONTACT, "NOPE", DeadReason.UNKNOWN_SUBJECT),
        (UNKNOWN_ACCOUNT, "NOPE", DeadReason.UNKNOWN_SUBJECT),
        (UNHOLDABLE, "NOPE.US", DeadReason.NOT_HELD),
    ],
)
async def test_a_message_about_an_unknown_subject_is_dead_and_stores_nothing(
    raw: str, subject: str, why: DeadReason, kit: DeskKit
) -> None:
    await kit.account("M1", 0, {})
    (outcome,) = (await heard(kit, decode(orjson.dumps(orjson.loads(raw))))).outcomes
    assert (outcome.result, outcome.dead) == (DEAD, why)
    assert f"{subject} is not known" in outcome.reason
    for table in ("quote", "position", "client_contact"):
        assert await count(table) == 0


async def test_a_rate_of_an_unknown_currency_is_dead_and_an_unneeded_one_is_kept(
    kit: DeskKit,
) -> None:
    zzz = FxRate(Currency("ZZZ"), USD, Decimal(1), kit.clock())
    taken = await heard(kit, zzz, FxRate(Currency("NOK"), USD, Decimal(1), kit.clock()))
    assert [outcome.result for outcome in taken.outcomes] == [DEAD, USED]
    assert "ZZZ" in taken.outcomes[0].reason
    assert [rate.base_currency for rate in await load_fx_rates()] == ["NOK"]


async def test_an_unknown_symbol_among_a_thousand_holds_up_none_of_them(kit: DeskKit) -> None:
    await kit.instrument(APPLE)
    said: list[FeedMessage] = [quoted(Symbol(f"X{number}.US"), 1, kit.clock()) for number in range(999)]
    taken = await heard(kit, *said, quoted(APPLE, 5, kit.clock()))
    assert [outcome.result for outcome in taken.outcomes] == [DEAD] * 999 + [USED]
    assert await count("quote") == 1


async def test_two_equal_messages_in_a_batch_are_two_outcomes(kit: DeskKit) -> None:
    said = quoted(Symbol("NOPE.US"), 1, kit.clock())
    assert [outcome.result for outcome in (await heard(kit, said, said)).outcomes] == [DEAD, DEAD]


@pytest.mark.parametrize("at_once", [True, False])
async def test_a_price_whose_time_was_ahead_hides_nothing_that_comes_after_it(
    at_once: bool, kit: DeskKit
) -> None:
    """It arrives with the time of its arrival; the next one was stamped a moment before that."""
    await kit.instrument(APPLE)
    monitor = kit.monitor()
    early = quoted(APPLE, 100, kit.clock())
    next_one = quoted(APPLE, 50, ago(kit, seconds=1))
    if at_once:
        await monitor.take([early, next_one], ahead={0})
    else:
        await monitor.take([early], ahead={0})
        assert (await load_quotes([APPLE]))[APPLE].last == 100
        await monitor.take([next_one])
    assert (await load_quotes([APPLE]))[APPLE].last == 50


async def test_a_price_that_was_ahead_and_is_delivered_again_hides_nothing_newer(kit: DeskKit) -> None:
    """The process died before it acknowledged both: they come again, the first as of its first arrival."""
    await kit.instrument(APPLE)
    early, arrived = quoted(APPLE, 100, kit.clock()), kit.clock()
    kit.clock.pass_(seconds=20)
    newer = quoted(APPLE, 50, kit.clock())
    for _ in range(2):
        monitor = kit.monitor()
        await monitor.take([replace(early, at=arrived)], ahead={0})
        await monitor.take([newer])
        kit.clock.pass_(seconds=1)
    await monitor.take([replace(early, at=arrived)], ahead={0})
    assert (await load_quotes([APPLE]))[APPLE] == newer


async def test_of_two_prices_ahead_in_a_batch_the_later_one_wins(kit: DeskKit) -> None:
    await kit.instrument(APPLE)
    said = [quoted(APPLE, 100, kit.clock()), quoted(APPLE, 60, ago(kit, microseconds=1))]
    await kit.monitor().take(said, ahead={0, 1})
    quote: Quote = (await load_quotes([APPLE]))[APPLE]
    assert quote.last == 100
    assert quote.at <= kit.clock()


async def test_a_status_from_before_the_book_ends_no_suspension_that_the_book_states(kit: DeskKit) -> None:
    """The suspension is older than that status, but the book that states it is newer."""
    since, stated = ago(kit, days=60), ago(kit, days=30)
    book = {
        "version": 1,
        "asOf": ago(kit, days=1).isoformat(),
        "instruments": [
            {"symbol": APPLE, "name": "Apple", "market": "XNYS", "currency": "USD"}
            | {"tradeStatus": "SUSPENDED", "suspendedSince": since.isoformat()}
        ],
        "clients": [],
    }
    await import_book(parse_book(orjson.dumps(book)), kit.clock(), lambda done: None)
    (outcome,) = (await heard(kit, TradeStatusStated(APPLE, TradeStatus.TRADING, stated))).outcomes
    assert outcome.result is SUPERSEDED
    held = await lock_trade_status(APPLE)
    assert held is not None
    assert (held.status, held.suspended_since) == (TradeStatus.SUSPENDED, since)
