"""Statements that the desk cannot store: their account is incomplete until that is mended, and is listed."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from decimal import Decimal
from io import StringIO

import orjson
import pytest
from rich.console import Console
from structlog.testing import capture_logs

from desk.statements.incomplete import SUBJECTS_MAX
from domain.book_changes import CashStated, PositionStated
from domain.doubt import DoubtReason
from domain.ids import AccountId, Symbol
from domain.inputs import DeadReason, InputKind, InputResult, InputSubject
from domain.money import Currency
from feeds.arrivals import dead_entry
from feeds.base import SetAside
from feeds.messages import BadMessage, decode, subject_in
from gateway.cli.inputs_command import NothingKnown, print_inputs_of_account, print_inputs_of_symbol
from gateway.watch.feed_watch import FeedWatch
from gateway.workers.feed_silence import SilenceListener
from models.case import live_cases_of
from models.doubt import doubts_of
from models.input_outcome import outcomes_about, outcomes_of_owner, prune_outcomes
from models.sql.database import fetch_one
from tests.kit.desk_kit import APPLE, DeskKit, quoted

NEW = Symbol("NEW.US")


async def in_doubt(account_id: AccountId) -> list[str]:
    stored = (await doubts_of([account_id])).get(account_id, [])
    assert {each.doubt.reason for each in stored} <= {DoubtReason.INCOMPLETE}
    return sorted(each.doubt.subject for each in stored)


async def state(kit: DeskKit, *stated: PositionStated | CashStated) -> list[InputResult]:
    taken = await kit.monitor().take(stated)
    return [outcome.result for outcome in taken.outcomes]


def of_new(quantity: int, at: datetime, symbol: Symbol = NEW) -> PositionStated:
    return PositionStated("M1", symbol, Decimal(quantity), at)


async def an_account(kit: DeskKit) -> AccountId:
    await kit.instrument(APPLE)
    return await kit.account("M1", -5000, {APPLE: 100})


async def test_half_of_a_renaming_opens_no_case_and_the_other_half_mends_it(kit: DeskKit) -> None:
    """100 of the old name are gone, 100 of the new one cannot be held: the account seems to owe 5,000."""
    account_id = await an_account(kit)
    await kit.quote(APPLE, 100)
    monitor = kit.monitor()
    await monitor.note_everything()
    await monitor.look()
    kit.clock.pass_(seconds=1)
    await monitor.take([of_new(0, kit.clock(), APPLE), of_new(100, kit.clock())])
    await monitor.look()
    assert await in_doubt(account_id) == ["NEW.US"]
    assert await live_cases_of([account_id]) == []
    kit.clock.pass_(seconds=1)
    await monitor.take([of_new(0, kit.clock())])
    await monitor.look()
    assert await in_doubt(account_id) == []


Mends = Callable[[DeskKit], Awaitable[None]]


async def the_instrument_is_imported(kit: DeskKit) -> None:
    await kit.instrument(NEW)
    kit.clock.pass_(seconds=1)
    assert await state(kit, of_new(100, kit.clock())) == [InputResult.USED]


async def nothing_is_held(kit: DeskKit) -> None:
    kit.clock.pass_(seconds=1)
    assert await state(kit, of_new(0, kit.clock())) == [InputResult.DEAD]


@pytest.mark.parametrize("mends", [the_instrument_is_imported, nothing_is_held])
async def test_a_later_statement_of_the_same_mends_it_and_a_repeat_of_the_old_one_changes_nothing(
    mends: Mends, kit: DeskKit
) -> None:
    account_id = await an_account(kit)
    unholdable = of_new(100, kit.clock())
    assert await state(kit, unholdable) == [InputResult.DEAD]
    assert await in_doubt(account_id) == ["NEW.US"]
    await state(kit, of_new(5, kit.clock(), APPLE))
    assert await in_doubt(account_id) == ["NEW.US"], "another symbol says nothing of it"
    await mends(kit)
    assert await in_doubt(account_id) == []
    await state(kit, unholdable)
    assert await in_doubt(account_id) == []


async def test_a_statement_older_than_the_one_that_cannot_be_held_mends_nothing(kit: DeskKit) -> None:
    account_id = await an_account(kit)
    await state(kit, of_new(100, kit.clock()))
    await state(kit, of_new(0, kit.clock() - timedelta(minutes=1)))
    assert await in_doubt(account_id) == ["NEW.US"]


async def test_money_that_does_not_exist_makes_incomplete_too(kit: DeskKit) -> None:
    account_id = await an_account(kit)
    await state(kit, CashStated("M1", Currency("ZZZ"), Decimal("0.01"), kit.clock()))
    assert await in_doubt(account_id) == ["ZZZ"]


async def test_how_many_subjects_are_kept_by_name_is_bounded(kit: DeskKit) -> None:
    account_id = await an_account(kit)
    many = [of_new(1, kit.clock(), Symbol(f"N{number}.US")) for number in range(SUBJECTS_MAX + 5)]
    await state(kit, *many)
    assert len(await in_doubt(account_id)) == SUBJECTS_MAX + 1
    assert "" in await in_doubt(account_id)


def raw(**changes: object) -> bytes:
    body = {
        **{"v": 1, "type": "position", "accountNo": "M1", "symbol": "AAPL.US", "quantity": "1"},
        **{"asOf": "2020-03-09T16:00:00Z"},
    }
    return orjson.dumps({name: value for name, value in (body | changes).items() if value is not None})


@pytest.mark.parametrize(
    ("message", "subjects"),
    [
        (raw(quantity="many"), ["AAPL.US"]),
        (raw(quantity=5), ["AAPL.US"]),
        (raw(asOf=None), ["AAPL.US"]),
        (raw(averagCost="5"), ["AAPL.US"]),
        (raw(v=2), ["AAPL.US"]),
        (raw(symbol="AAPL.US "), ["AAPL.US"]),
        (raw(symbol="\uff21\uff21\uff30\uff2c.US"), ["AAPL.US"]),
        (raw(accountNo="\u3000\uff2d1"), ["AAPL.US"]),
        (raw(note="x" * 20_000), ["AAPL.US"]),
        (raw(type="cash", currency="usd "), ["USD"]),
        (raw(symbol="NOPE US"), [""]),
        (raw(symbol="\u0410APL.US"), [""]),
        (raw(symbol="AAPL.US\x00"), [""]),
        (raw(symbol=["AAPL.US"]), [""]),
        (raw(symbol=None), [""]),
        (raw(type="holding"), [""]),
        (raw(type=["position"]), [""]),
        (raw()[:-8], [""]),
        (raw() + raw(), [""]),
        (b"\xef\xbb\xbf" + raw(), [""]),
        (raw(symbol="\u00e9").replace(b"\xc3\xa9", b"\xe9"), [""]),
        (raw(note="x" * 2_000_000), [""]),
        (raw(accountNo=None), []),
        (raw(accountNo="nobody"), []),
        (raw(type="quote"), []),
        (b"{not json", []),
    ],
)
async def test_a_malformed_statement_whose_account_can_be_read_makes_incomplete(
    message: bytes, subjects: list[str], kit: DeskKit
) -> None:
    account_id = await an_account(kit)
    watch = FeedWatch(kit.desk, timedelta(seconds=10))
    letter = dead_entry("desk:book", b"1-0", message, "as a test", DeadReason.MALFORMED)
    await watch.set_aside([SetAside("desk:book", letter.outcome)])
    assert await in_doubt(account_id) == subjects
    assert watch.counts.dead == {("desk:book", DeadReason.MALFORMED): 1}
    kit.clock.pass_(seconds=1)
    await state(kit, of_new(3, kit.clock(), APPLE))
    left = [] if subjects == ["AAPL.US"] else subjects
    assert await in_doubt(account_id) == left, "the corrected message mends it; what cannot be read, none"


@pytest.mark.parametrize(
    ("message", "subject"),
    [
        (raw(quantity="x"), InputSubject(InputKind.POSITION, "M1", "AAPL.US")),
        (raw(type="cash", currency="USD"), InputSubject(InputKind.CASH, "M1", "USD")),
        (raw(type="quote"), InputSubject(InputKind.QUOTE, "", "AAPL.US")),
        (b"[]", InputSubject(InputKind.UNREADABLE, "", "desk:book")),
        (b'{"type":["quote"]}', InputSubject(InputKind.UNREADABLE, "", "desk:book")),
        (b'{"accountNo" : "M1", "type"', InputSubject(InputKind.UNREADABLE, "M1", "desk:book")),
        (raw(type="cash", currency="usd"), InputSubject(InputKind.CASH, "M1", "USD")),
        (raw(type="cash", currency="zzz"), InputSubject(InputKind.CASH, "M1", "zzz")),
    ],
)
def test_the_readable_parts_of_an_unusable_message_are_kept(message: bytes, subject: InputSubject) -> None:
    assert subject_in(message, "desk:book")[0] == subject


async def shown(kit: DeskKit, account_no: str | None = None, symbol: str | None = None) -> str:
    text = StringIO()
    out = Console(file=text, width=200)
    if account_no is not None:
        await print_inputs_of_account(out, account_no)
    else:
        await print_inputs_of_symbol(out, symbol or "")
    return text.getvalue()


async def test_the_last_of_each_kind_is_shown_for_an_account_and_a_symbol(kit: DeskKit) -> None:
    await an_account(kit)
    kit.clock.pass_(hours=1)
    now, old = kit.clock(), kit.clock() - timedelta(days=1)
    monitor = kit.monitor()
    await monitor.take(
        [
            quoted(APPLE, 90, now),
            quoted(APPLE, 50, old),
            of_new(7, now, APPLE),
            of_new(9, old, APPLE),
            of_new(1, now),
        ]
    )
    of_account = await shown(kit, "M1")
    for words in ("USED", "SUPERSEDED", "DEAD", "M1 AAPL.US", "M1 USD", "instrument NEW.US is not known"):
        assert words in of_account
    of_symbol = await shown(kit, symbol="AAPL.US")
    for words in ("last 90", "TRADING", f"the desk holds a newer state, of {now.isoformat()}"):
        assert words in of_symbol
    assert "instrument NEW.US is not known" in await shown(kit, symbol="NEW.US")
    for nothing in ({"account_no": "nobody"}, {"symbol": "NOTHING"}):
        with pytest.raises(NothingKnown):
            await shown(kit, **nothing)


@pytest.mark.parametrize(
    ("name", "printed"),
    [
        ("[/b]", "$.[/b]: unknown field"),
        ("[red]x", "$.[red]x: unknown"),
        ("\x1b[31m\x07", r"$.\x1b[31m\x07: unk"),
    ],
)
async def test_the_text_of_a_message_neither_colours_nor_breaks_the_table(
    name: str, printed: str, kit: DeskKit
) -> None:
    await an_account(kit)
    with pytest.raises(BadMessage) as bad:
        decode(raw(**{name: "1"}))
    letter = dead_entry("desk:book", b"1-0", raw(**{name: "1"}), str(bad.value), DeadReason.MALFORMED)
    await FeedWatch(kit.desk, timedelta(seconds=10)).set_aside([SetAside("desk:book", letter.outcome)])
    assert printed in await shown(kit, account_no="M1")


@pytest.mark.parametrize(
    "message",
    [
        raw(type="fx", baseCurrency="A" * 40, quoteCurrency="B" * 40),
        raw(type="fx", baseCurrency="USD", quoteCurrency="B" * 40),
        raw(type="position", accountNo="A" * 40, symbol="B" * 40, quantity="x"),
        raw(type="contact", clientNo="A" * 40, email="x" * 9000),
        raw(type="quote", symbol="B" * 40, last="x"),
        raw(**{"\x00" * 40: "1"}),
        raw(**{f"field {number}": "1" for number in range(500)}),
    ],
)
async def test_the_text_of_any_bad_message_can_be_stored(message: bytes, kit: DeskKit) -> None:
    with pytest.raises(BadMessage) as bad:
        decode(message)
    letter = dead_entry("desk:book", b"1-0", message, str(bad.value), DeadReason.MALFORMED)
    with capture_logs() as logs:
        await FeedWatch(kit.desk, timedelta(seconds=10)).set_aside([SetAside("desk:book", letter.outcome)])
    assert [each for each in logs if each["log_level"] == "error"] == []
    row = await fetch_one("SELECT COUNT(*) AS outcomes FROM input_outcome")
    assert row is not None
    assert row["outcomes"] == 1


async def test_the_record_of_unused_messages_is_one_row_per_subject_and_bounded(kit: DeskKit) -> None:
    for _ in range(5):
        said = [quoted(Symbol(f"X{name}.US"), 1, kit.clock()) for name in range(4)]
        await kit.monitor().take(said)
        kit.clock.pass_(seconds=1)
    row = await fetch_one("SELECT COUNT(*) AS n FROM input_outcome")
    assert row is not None
    assert row["n"] == 4
    assert await prune_outcomes(3, 100) == 1
    assert await prune_outcomes(3, 100) == 0
    assert len(await outcomes_about("X3.US")) + len(await outcomes_about("X0.US")) <= 2
    assert await outcomes_of_owner([""]) == []


async def test_a_market_in_session_without_a_fresh_price_is_logged_once_and_again_when_it_is_back(
    kit: DeskKit,
) -> None:
    """It is noon in New York; Hong Kong is shut, and no account holds anything of Tokyo."""
    await an_account(kit)
    await kit.instrument(Symbol("700.HK"), market="XHKG")
    await kit.account("M2", 0, {Symbol("700.HK"): 100})
    await kit.instrument(Symbol("7203.JP"), market="XTKS")
    watch = FeedWatch(kit.desk, timedelta(seconds=10))
    listener = SilenceListener(kit.desk, watch)
    watch.started()
    with capture_logs() as lines:
        await listener.listen()
        kit.clock.pass_(seconds=60)
        await listener.listen()
        assert watch.delivers
        for _ in range(3):
            kit.clock.pass_(seconds=1)
            await listener.listen()
        assert set(watch.silent) == {"XNYS"}
        watch.priced_at["XNYS"] = kit.clock()
        await listener.listen()
        assert watch.delivers
    assert [line["event"] for line in lines] == [
        "the feed sends no fresh prices of a market",
        "the feed sends prices of the market again",
    ]


async def test_no_price_is_expected_while_a_market_is_shut(kit: DeskKit) -> None:
    await an_account(kit)
    kit.clock.pass_(hours=12)
    watch = FeedWatch(kit.desk, timedelta(seconds=10))
    listener = SilenceListener(kit.desk, watch)
    watch.started()
    for _ in range(3):
        kit.clock.pass_(minutes=5)
        await listener.listen()
    assert watch.delivers


async def test_many_messages_ahead_of_the_clock_say_that_a_clock_is_wrong(kit: DeskKit) -> None:
    watch = FeedWatch(kit.desk, timedelta(seconds=10))
    agreed = []
    with capture_logs() as lines:
        for ahead_s in ([120.0] * 9, [120.0], [0.0] * 50):
            watch.read("desk:quotes", 0, ahead_s)
            agreed.append(watch.clocks_agree)
    assert agreed == [True, False, True], "a few say nothing"
    assert [line["event"] for line in lines] == [
        "the clock of this process is wrong",
        "the clock of this process is right again",
    ]


async def test_a_desk_whose_clock_differs_from_that_of_redis_says_so(kit: DeskKit) -> None:
    watch = FeedWatch(kit.desk, timedelta(seconds=10))
    now = kit.clock()
    agreed = []
    for seconds in (9, 120, -120):
        watch.compared("redis", now, now + timedelta(seconds=seconds), now)
        agreed.append(watch.clocks_agree)
    assert agreed == [True, False, False]
