"""An import is whole or nothing: killed on the way, refused for what is stored, or repeated."""

import asyncio
import signal
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from domain.ids import Symbol
from domain.inputs import DeadReason, InputKind, InputResult, InputSubject, Outcome
from domain.margin import AccountType
from domain.market import InstrumentKind, Quote, TradeStatus
from domain.money import Currency
from feeds.book import BookFile, BookInstrument, as_of_at
from gateway.startup.book_import import BookConflict, import_book, remarks
from models.input_outcome import save_outcomes
from models.market import load_instruments, save_quotes
from models.sql.database import Database, fetch
from tests.integration.killed_import import AT, CLIENTS, a_large_book
from tests.kit.book_files import BANK, RAIL, a_book, a_client, an_account, an_instrument
from tests.kit.patience import PATIENCE_S

pytestmark = pytest.mark.faults

ROOT = Path(__file__).parents[2]
TABLES = (
    "client",
    "account",
    "position",
    "cash_balance",
    "instrument",
    "fx_rate",
    "audit",
    "idempotency_key",
)


async def counts() -> dict[str, int]:
    """Rows of every table that an import writes."""
    return {table: len(await fetch(f"SELECT 1 AS one FROM {table}")) for table in TABLES}


async def imports(book: BookFile, now: datetime = AT) -> list[int]:
    """What progress heard."""
    heard: list[int] = []
    await import_book(book, now, heard.append)
    return heard


@pytest.mark.parametrize("after", [50, 150, CLIENTS])
async def test_an_import_that_is_killed_leaves_nothing_and_is_done_by_the_next(
    database: Database, url: str, after: int
) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.integration.killed_import", url, str(after), cwd=ROOT
    )
    async with asyncio.timeout(PATIENCE_S):
        assert await process.wait() == -signal.SIGKILL
    with database.active():
        assert set((await counts()).values()) == {0}
        assert await imports(a_large_book()) == list(range(50, CLIENTS + 1, 50))
        stored = await counts()
    assert (stored["client"], stored["account"], stored["position"]) == (CLIENTS, CLIENTS, CLIENTS)


async def test_the_same_file_again_changes_nothing_and_says_when_it_was_imported(database: Database) -> None:
    book = a_book(a_client("C1", an_account("M1", "-1000", {BANK: 100})))
    with database.active():
        await imports(book)
        before = await counts()
        later = await import_book(book, AT + timedelta(days=1), lambda clients: None)
        assert (later.earlier, later.clients, later.instruments) == (AT, 0, 0)
        assert await counts() == before


def renamed(instrument: BookInstrument, **changes: object) -> BookInstrument:
    return replace(instrument, instrument=replace(instrument.instrument, **changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("currency", {"currency": Currency("EUR")}),
        ("lotSize", {"lot_size": Decimal(7)}),
        ("multiplier", {"multiplier": Decimal(10)}),
        ("market", {"market": "XNYS"}),
        ("kind", {"kind": InstrumentKind.FUND}),
    ],
)
async def test_a_file_that_changes_terms_of_held_instruments_is_refused_as_a_whole(
    database: Database, field: str, changes: dict[str, object]
) -> None:
    bank, new = an_instrument(BANK, lot=100), an_instrument(Symbol("1.HK"))
    with database.active():
        await imports(a_book(a_client("C1", an_account("M1", "-1000", {BANK: 100}))))
        before = await counts()
        with pytest.raises(BookConflict) as refused:
            await imports(BookFile((new, renamed(bank, **changes)), (), ()))
        (problem,) = refused.value.problems
        assert problem.startswith(f"$.instruments[1].{field}: an account holds or held {BANK} with ")
        assert await counts() == before
        assert (await load_instruments([BANK]))[BANK] == bank.instrument


async def test_a_price_below_zero_has_to_go_before_prices_cannot_be_below_zero(database: Database) -> None:
    """It would stay the mark of what it can no longer be the price of."""
    oil, held = an_instrument(Symbol("OIL.US")), a_client("C1", an_account("M1", "0", {}))
    with database.active():
        await imports(BookFile((renamed(oil, negative_prices=True),), (), (held,)))
        await save_quotes([Quote(oil.instrument.symbol, AT, last=Decimal("-37.63"))])
        with pytest.raises(BookConflict) as refused:
            await imports(BookFile((oil,), (), ()))
        (problem,) = refused.value.problems
        assert problem.startswith("$.instruments[0].negativePrices: the last price of OIL.US is below zero")
        assert (await load_instruments())[oil.instrument.symbol].negative_prices
        await save_quotes([Quote(oil.instrument.symbol, AT + timedelta(seconds=1), last=Decimal("20"))])
        await imports(BookFile((oil,), (), ()))
        assert not (await load_instruments())[oil.instrument.symbol].negative_prices


async def test_terms_of_instruments_never_held_and_names_and_factors_of_all_may_be_stated_again(
    database: Database,
) -> None:
    held, other = an_instrument(BANK, lot=100), an_instrument(RAIL, lot=100)
    with database.active():
        await imports(a_book(a_client("C1", an_account("M1", "0", {BANK: 100}))))
        named = replace(renamed(held, name="The bank"), factors=an_instrument(RAIL, ".9 .8 .85 .7").factors)
        lots = renamed(other, lot_size=Decimal(500))
        done = await import_book(BookFile((named, lots), (), ()), AT, lambda clients: None)
        assert done.instruments == 2
        stored = await load_instruments()
        assert (stored[BANK].name, stored[RAIL].lot_size) == ("The bank", Decimal(500))
        again = await import_book(BookFile((named, lots), (), ()), AT, lambda clients: None)
        assert (again.instruments, again.earlier) == (0, None)
        (entry,) = await fetch(
            "SELECT before_state, after_state FROM audit WHERE entity_id = $1 AND before_state IS NOT NULL",
            RAIL,
        )
        assert '"lot_size":"100"' in entry["before_state"]
        assert '"lot_size":"500"' in entry["after_state"]


async def test_every_client_and_account_that_is_there_already_is_named_in_one_run(database: Database) -> None:
    with database.active():
        await imports(
            a_book(a_client("C1", an_account("M1", "0", {})), a_client("C2", an_account("M2", "0", {})))
        )
        before = await counts()
        again = a_book(
            a_client("C3", an_account("M2", "0", {})),
            a_client("C2"),
            a_client("C4", an_account("M4", "0", {})),
        )
        with pytest.raises(BookConflict) as refused:
            await imports(again)
        assert refused.value.problems == (
            "$.clients[1].clientNo: C2 is in the database already",
            "$.clients[0].accounts[0].accountNo: M2 is in the database already",
        )
        assert await counts() == before


async def test_times_ahead_are_refused_with_their_paths_and_nothing_is_stored(database: Database) -> None:
    ahead = AT + timedelta(seconds=1)
    suspended = an_instrument(BANK, status=TradeStatus.SUSPENDED, suspended_since=ahead)
    account = an_account("M1", "0", {RAIL: -100}, account_type=AccountType.MARGIN)
    short = replace(account, positions=tuple(replace(p, short_since=ahead) for p in account.positions))
    book = a_book(a_client("C1", short), instruments=(suspended, an_instrument(RAIL)))
    with database.active():
        for as_of in (None, AT, ahead + timedelta(days=30)):
            with pytest.raises(BookConflict) as refused:
                await imports(replace(book, as_of=as_of))
            paths = [problem.partition(": ")[0] for problem in refused.value.problems]
            assert paths[-2:] == [
                "$.instruments[0].suspendedSince",
                "$.clients[0].accounts[0].positions[0].shortSince",
            ]
            assert paths[:-2] == (["$.asOf"] if as_of is not None and as_of > AT else [])
        assert set((await counts()).values()) == {0}
        assert await imports(book, ahead) == [1]


def test_a_book_that_does_not_say_is_of_the_end_of_the_day_before() -> None:
    book = a_book()
    assert as_of_at(book, datetime(2020, 3, 16, 9, 0, tzinfo=UTC)) == datetime(2020, 3, 16, tzinfo=UTC)
    assert as_of_at(replace(book, as_of=AT), AT + timedelta(days=9)) == AT


def dead(owner: str, about: str, kind: InputKind, stated_at: datetime | None) -> Outcome:
    subject = InputSubject(kind, owner, about)
    why = f"account {owner} is not known"
    return Outcome(subject, InputResult.DEAD, stated_at, why, DeadReason.UNKNOWN_SUBJECT)


async def test_a_status_or_contact_that_was_dead_before_its_subject_was_known_is_listed(
    database: Database,
) -> None:
    book = a_book(a_client("C1", an_account("M1", "-1000", {RAIL: 100})), a_client("C2"))
    as_of = as_of_at(book, AT)
    newer, older = as_of + timedelta(seconds=1), as_of - timedelta(seconds=1)
    with database.active():
        await save_outcomes(
            [
                dead("", RAIL, InputKind.TRADE_STATUS, newer),
                dead("", BANK, InputKind.TRADE_STATUS, older),
                dead("", BANK, InputKind.QUOTE, newer),
                dead("C1", "", InputKind.CONTACT, None),
                dead("C2", "", InputKind.CONTACT, older),
                dead("C3", "", InputKind.CONTACT, newer),
            ],
            AT,
        )
        with capture_logs() as logs:
            done = await import_book(book, AT, lambda _: None)
        told = [InputSubject(InputKind.CONTACT, "C1"), InputSubject(InputKind.TRADE_STATUS, about=RAIL)]
        assert sorted(done.missed, key=lambda each: each.kind) == told
        assert {each["subject"] for each in logs} == {"C1", RAIL}
        assert [line.partition(",")[0] for line in remarks(done)] == [
            "a newer contact was stated before it could be used",
            "a newer tradeStatus was stated before it could be used",
        ]
        again = replace(book, clients=(a_client("C9"),))
        assert (await import_book(again, AT, lambda _: None)).missed == (), "it was known by then"


async def test_an_account_about_which_something_newer_was_dead_is_incomplete(database: Database) -> None:
    """Its messages of this morning came before the book of last night."""
    book = a_book(a_client("C1", *(an_account(f"M{number}", "-1000", {RAIL: 100}) for number in range(5))))
    as_of = as_of_at(book, AT)
    newer, older = as_of + timedelta(seconds=1), as_of - timedelta(seconds=1)
    with database.active():
        await save_outcomes(
            [
                dead("M0", "HKD", InputKind.CASH, newer),
                dead("M1", "HKD", InputKind.CASH, older),
                dead("M2", "desk:book", InputKind.UNREADABLE, None),
                dead("M3", "66.HK", InputKind.POSITION, newer),
                dead("M3", "HKD", InputKind.CASH, newer),
                dead("C1", "", InputKind.CONTACT, newer),
                dead("X1", "HKD", InputKind.CASH, newer),
            ],
            AT,
        )
        done = await import_book(book, AT, lambda _: None)
        rows = await fetch(
            "SELECT a.account_no, d.subject FROM account_doubt d JOIN account a ON a.id = d.account_id"
            " WHERE d.reason = 'INCOMPLETE' ORDER BY a.account_no, d.subject"
        )
        assert done.incomplete == 3
        assert [(row["account_no"], row["subject"]) for row in rows] == [
            ("M0", "HKD"),
            ("M2", ""),
            ("M3", "66.HK"),
            ("M3", "HKD"),
        ]
