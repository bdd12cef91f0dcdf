"""Snapshots hold what decided, and the audit's chain finds whatever was done to it: on both databases."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from tortoise.connection import get_connection

from desk.audit import MONITOR, entry
from desk.evidence.chain_audit import AuditChainer
from desk.evidence.daily_snapshots import take_daily_snapshots
from desk.evidence.take_snapshot import snapshot_notice
from desk.statements.apply_book import apply_statement
from domain.audit_chain import Break, ChainCheck, ChainHead, link_hash
from domain.book_changes import CashStated
from domain.canonical import content_hash
from domain.ids import AccountId
from domain.market import FactorSource, MarginFactors
from domain.message import Contact
from domain.snapshot import SnapshotKind, recomputed
from feeds.book import BookFactors
from gateway.startup.book_import import import_book
from models.audit import chain_head, links, tail, write_audit
from models.case import live_cases_of
from models.snapshot import StoredSnapshot, snapshots_of
from models.sql.database import Database, fetch, transaction
from tests.kit.book_files import BANK, a_book, a_client
from tests.kit.desk_kit import APPLE, NOON, USD, DeskKit, case
from tests.kit.unguarded import without_guards

KINDS = tuple(SnapshotKind)


async def snapshots(account_id: AccountId) -> list[StoredSnapshot]:
    """Of every case of the account, oldest first."""
    rows = await fetch("SELECT id FROM margin_case WHERE account_id = $1", account_id)
    return await snapshots_of([row["id"] for row in rows], KINDS)


def moments(taken: list[StoredSnapshot]) -> list[tuple[SnapshotKind, str]]:
    return [(each.kind, each.occasion) for each in sorted(taken, key=lambda each: (each.at, each.id))]


async def test_a_case_is_snapshot_when_it_opens_is_sold_and_ends(kit: DeskKit) -> None:
    account_id = await kit.indebted_account()
    (view,) = await live_cases_of([account_id])
    kit.clock.pass_(seconds=1)
    await kit.liquidate(view.case.id)
    kit.clock.pass_(seconds=1)
    assert moments(await snapshots(account_id)) == [
        (SnapshotKind.TRIGGER, ""),
        (SnapshotKind.FORCE, "plan 1"),
    ]


async def test_a_cured_case_ends_with_a_snapshot_of_nothing_to_collect(kit: DeskKit) -> None:
    account_id = await kit.indebted_account()
    await apply_statement(kit.desk, CashStated("M1", USD, Decimal(0), NOON))
    await kit.assess(account_id)
    first, last = await snapshots(account_id)
    assert (first.kind, last.kind) == (SnapshotKind.TRIGGER, SnapshotKind.END)
    assert first.decoded().outputs.figures.amount == Decimal("20000.00")
    assert last.decoded().outputs.figures.amount == 0


async def test_becoming_force_eligible_is_snapshot_once(kit: DeskKit) -> None:
    account_id = await kit.indebted_account()
    for price in ("95", "105", "95"):
        kit.clock.pass_(seconds=1)
        await kit.quote(APPLE, price)
        await kit.assess(account_id)
    assert [each for each in moments(await snapshots(account_id)) if each[0] is SnapshotKind.FORCE] == [
        (SnapshotKind.FORCE, "eligible")
    ]


async def test_the_same_figures_follow_from_the_stored_text_alone(kit: DeskKit) -> None:
    account_id = await kit.indebted_account()
    (taken,) = await snapshots(account_id)
    assert content_hash(taken.content) == taken.hash
    content = taken.decoded()
    assert recomputed(content.inputs) == content.outputs
    assert content.outputs.figures == await kit.figures(account_id)


async def test_a_notice_is_snapshot_once_per_message(kit: DeskKit) -> None:
    account_id = await kit.indebted_account()
    (view,) = await live_cases_of([account_id])
    for message in ("a", "b", "a"):
        async with transaction():
            await snapshot_notice(kit.desk, view.case, message, kit.clock())
    found = [each for each in moments(await snapshots(account_id)) if each[0] is SnapshotKind.NOTICE]
    assert sorted(found) == [(SnapshotKind.NOTICE, "a"), (SnapshotKind.NOTICE, "b")]


async def test_every_open_case_is_snapshot_once_after_the_close_of_each_trading_day(kit: DeskKit) -> None:
    account_id = await kit.indebted_account()
    assert await take_daily_snapshots(kit.desk, 10, kit.scheduler()) == 0, (
        "it was opened after the last close"
    )
    kit.clock.now = datetime.fromisoformat("2020-03-09T20:00:00+00:00")  # 16:00 in New York, in summer
    assert await take_daily_snapshots(kit.desk, 10, kit.scheduler()) == 1
    assert await take_daily_snapshots(kit.desk, 10, kit.scheduler()) == 0, "once"
    kit.clock.pass_(hours=12)
    assert await take_daily_snapshots(kit.desk, 10, kit.scheduler()) == 0, "not before the next close"
    kit.clock.pass_(days=4)  # Saturday: Friday is caught up, what was known on Tuesday is not known any more
    assert await take_daily_snapshots(kit.desk, 10, kit.scheduler()) == 1
    days = [occasion for kind, occasion in moments(await snapshots(account_id)) if kind is SnapshotKind.DAILY]
    assert days == ["2020-03-09", "2020-03-13"]


async def test_daily_snapshots_are_taken_in_batches(kit: DeskKit) -> None:
    await kit.indebted_account()
    for number in range(2, 6):
        other = await kit.account(f"M{number}", -90_000, {APPLE: 1000})
        await kit.assess(other)
    kit.clock.pass_(hours=5)
    assert await take_daily_snapshots(kit.desk, 2, kit.scheduler()) == 5


@pytest.mark.parametrize("table", ["audit", "audit_link", "snapshot"])
async def test_the_database_refuses_to_change_kept_evidence(kit: DeskKit, table: str) -> None:
    await kit.indebted_account()
    await AuditChainer(kit.desk, 10).chain()
    for statement in (f"DELETE FROM {table}", f"UPDATE {table} SET {_column(table)} = '0'"):
        with pytest.raises(Exception, match="append-only"):
            await get_connection("default").execute_script(statement)


def _column(table: str) -> str:
    return "actor" if table == "audit" else "hash"


async def test_an_audit_entry_has_the_values_before_and_after(kit: DeskKit) -> None:
    account_id = await kit.indebted_account()
    await apply_statement(kit.desk, CashStated("M1", USD, Decimal(-149_000), NOON))
    rows = await fetch("SELECT actor, action, entity, before_state, after_state FROM audit ORDER BY id")
    opened, stated = next(row for row in rows if row["action"] == "open"), rows[-1]
    assert (opened["actor"], opened["action"], opened["entity"]) == ("desk:monitor", "open", "case")
    assert opened["before_state"] is None
    assert '"amount":"20000"' in opened["after_state"]
    assert stated["before_state"] == '{"accruedInterest":"0","balance":"-150000"}'
    assert stated["after_state"] == '{"accruedInterest":"0","balance":"-149000"}'
    assert (await fetch("SELECT id FROM account WHERE id = $1", account_id)) != []


async def test_the_import_of_a_client_is_audited_without_personal_data(kit: DeskKit) -> None:
    factors = MarginFactors(Decimal(1), Decimal(".9"), Decimal(".95"), Decimal(".8"), FactorSource.CLIENT)
    client = replace(a_client("C1"), factors=(BookFactors(BANK, factors),), contact=Contact("c@example.org"))
    await import_book(a_book(client), NOON, lambda clients: None)
    (row,) = await fetch("SELECT actor, action, after_state FROM audit WHERE entity = 'client'")
    assert (row["actor"], row["action"]) == ("desk:import-book", "import")
    assert '"maintenance":"0.9"' in row["after_state"]
    assert "Client C1" not in row["after_state"]
    assert "example.org" not in row["after_state"]


async def test_that_a_client_may_only_reduce_is_in_the_audit_and_its_end_too(
    kit: DeskKit,
) -> None:
    account_id = await kit.indebted_account()
    await apply_statement(kit.desk, CashStated("M1", USD, Decimal(0), NOON))
    await kit.assess(account_id)
    await kit.assess(account_id)
    rows = await fetch(
        "SELECT entity_id, before_state, after_state FROM audit WHERE action = 'mark' ORDER BY id"
    )
    assert [(row["entity_id"], row["before_state"], row["after_state"]) for row in rows] == [
        (account_id, '{"closeOnly":false}', '{"closeOnly":true}'),
        (account_id, '{"closeOnly":true}', '{"closeOnly":false}'),
    ]


async def ten_rows(kit: DeskKit) -> None:
    await write_audit(
        [entry(MONITOR, NOON + timedelta(seconds=n), "test", "thing", str(n)) for n in range(10)]
    )


async def breaks(noted: ChainHead | None = None) -> list[Break]:
    """What the check finds."""
    check = ChainCheck(noted)
    found = [each async for link in links(3) for each in check.see(link)]
    return [*found, *check.end(await chain_head())]


async def test_an_untouched_chain_is_whole(kit: DeskKit) -> None:
    await ten_rows(kit)
    assert (await tail()).rows == 10
    assert await AuditChainer(kit.desk, 3).chain() == 10
    assert (await tail()).rows == 0
    assert await breaks() == []
    assert (await chain_head()).sequence == 10
    assert await breaks(await chain_head()) == []


TAMPERING = {
    "a space put into its JSON": ["UPDATE audit SET detail = detail || ' ' WHERE id = 4"],
    "a microsecond later": ["UPDATE audit SET at = '2020-03-09 16:00:03.000001+00:00' WHERE id = 4"],
    "null made of nothing": ["UPDATE audit SET request_id = '' WHERE id = 4"],
    "the same row twice": [
        "INSERT INTO audit_link (sequence, audit_id, previous_hash, hash)"
        " SELECT 11, -4, previous_hash, hash FROM audit_link WHERE sequence = 4"
    ],
    "put in before the first": [
        "INSERT INTO audit_link (sequence, audit_id, previous_hash, hash)"
        " SELECT -1, 99, previous_hash, hash FROM audit_link WHERE sequence = 1",
        "INSERT INTO audit (id, at, actor, action, entity, entity_id, detail)"
        " SELECT 99, at, 'forger', action, entity, entity_id, detail FROM audit WHERE id = 1",
    ],
    "nothing before the first": [
        "INSERT INTO audit_link (sequence, audit_id, previous_hash, hash)"
        " SELECT 0, 99, previous_hash, hash FROM audit_link WHERE sequence = 1"
    ],
    "hashed anew": ["UPDATE audit SET actor = 'nobody' WHERE id = 4", "HASH ANEW 4"],
    "hashed anew to the end": ["UPDATE audit SET actor = 'nobody' WHERE id = 4", "HASH ANEW 4 AND ALL AFTER"],
    "no head": ["DELETE FROM audit_head"],
    "a link without its row": ["UPDATE audit_link SET audit_id = 999 WHERE sequence = 4"],
    "everything dropped": ["DELETE FROM audit", "DELETE FROM audit_link"],
    "changed": ["UPDATE audit SET actor = 'nobody' WHERE id = 4"],
    "dropped from the audit": ["DELETE FROM audit WHERE id = 4"],
    "dropped with its link": ["DELETE FROM audit WHERE id = 4", "DELETE FROM audit_link WHERE sequence = 4"],
    "swapped": [
        "UPDATE audit_link SET audit_id = -1 WHERE sequence = 4",
        "UPDATE audit_link SET audit_id = 4 WHERE sequence = 5",
        "UPDATE audit_link SET audit_id = 5 WHERE sequence = 4",
    ],
    "first dropped": ["DELETE FROM audit WHERE id = 1", "DELETE FROM audit_link WHERE sequence = 1"],
    "truncated": ["DELETE FROM audit WHERE id > 8", "DELETE FROM audit_link WHERE sequence > 8"],
}
FIRST_BROKEN = {
    **{
        "first dropped": 2,
        "truncated": 9,
        "dropped with its link": 5,
        "the same row twice": 11,
        "no head": 11,
    },
    **{"put in before the first": -1, "nothing before the first": 0, "everything dropped": 1},
    **{"hashed anew": 5, "hashed anew to the end": 11},
}


async def tamper(statement: str) -> None:
    """A statement, or the work of a forger who knows how links are made."""
    if not statement.startswith("HASH ANEW"):
        await get_connection("default").execute_script(statement)
        return
    execute = get_connection("default").execute_script
    known = [link async for link in links(100)]
    previous = known[2].hash
    for link in known[3:] if statement.endswith("AFTER") else known[3:4]:
        assert link.row is not None
        hashed = link_hash(link.sequence, previous, link.row)
        await execute(
            f"UPDATE audit_link SET previous_hash = '{previous}', hash = '{hashed}'"
            f" WHERE sequence = {link.sequence}"
        )
        previous = hashed


@pytest.mark.parametrize("how", TAMPERING)
async def test_every_change_of_a_row_is_found_and_the_row_named(kit: DeskKit, how: str) -> None:
    await ten_rows(kit)
    await AuditChainer(kit.desk, 100).chain()
    await without_guards()
    for statement in TAMPERING[how]:
        await tamper(statement)
    found = await breaks()
    assert found, how
    assert found[0].sequence == FIRST_BROKEN.get(how, 4)


UNREADABLE = {
    "a time that is none": ("at", "'yesterday'"),
    "bytes for a text": ("actor", "x'6e6f626f6479'"),
    "bytes for a time": ("at", "x'00ff'"),
}


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("how", UNREADABLE)
async def test_a_row_that_cannot_be_read_is_named_too(kit: DeskKit, how: str) -> None:
    """PostgreSQL keeps only times in a column of times."""
    await ten_rows(kit)
    await AuditChainer(kit.desk, 100).chain()
    await without_guards()
    column, value = UNREADABLE[how]
    await tamper(f"UPDATE audit SET {column} = {value} WHERE id = 4")
    (found,) = await breaks()
    assert (found.sequence, found.audit_id) == (4, 4)


@pytest.mark.parametrize("migrated_url", ["postgres"], indirect=True)
async def test_a_time_without_end_is_a_change_like_any_other(kit: DeskKit) -> None:
    """SQLite has no such time."""
    await ten_rows(kit)
    await AuditChainer(kit.desk, 100).chain()
    await without_guards()
    await tamper("UPDATE audit SET at = 'infinity' WHERE id = 4")
    await tamper("UPDATE audit SET at = '-infinity' WHERE id = 5")
    assert [each.sequence for each in await breaks()] == [4, 5]


async def test_a_rolled_back_entry_leaves_neither_a_row_nor_a_gap_in_the_chain(kit: DeskKit) -> None:
    with suppress(ZeroDivisionError):
        async with transaction():
            await write_audit([entry(MONITOR, NOON, "undone", "thing", "0")])
            raise ZeroDivisionError
    await ten_rows(kit)
    assert await AuditChainer(kit.desk, 100).chain() == 10
    assert await breaks() == []
    assert [row["action"] for row in await fetch("SELECT DISTINCT action FROM audit")] == ["test"]


async def test_a_row_inserted_with_an_old_id_waits_in_the_tail_until_a_chainer_starts_again(
    kit: DeskKit,
) -> None:
    await ten_rows(kit)
    chainer = AuditChainer(kit.desk, 100)
    for _ in range(3):
        await chainer.chain()
        kit.clock.pass_(hours=2)
    await chainer.chain()
    await tamper(
        "INSERT INTO audit (id, at, actor, action, entity, entity_id, detail)"
        " SELECT -7, at, 'forger', action, entity, entity_id, detail FROM audit WHERE id = 1"
    )
    assert await chainer.chain() == 0
    assert (await tail()).rows == 1
    assert await AuditChainer(kit.desk, 100).chain() == 1


async def test_a_chain_that_was_rewritten_with_its_head_is_found_by_a_head_noted_elsewhere(
    kit: DeskKit,
) -> None:
    await ten_rows(kit)
    await AuditChainer(kit.desk, 100).chain()
    noted = await chain_head()
    await without_guards()
    for statement in ("DELETE FROM audit_link", "DELETE FROM audit_head", "DELETE FROM audit WHERE id = 4"):
        await get_connection("default").execute_script(statement)
    await AuditChainer(kit.desk, 100).chain()
    assert await breaks() == []
    assert (await breaks(noted))[0].why.startswith("the chain does not reach 10")


async def test_many_write_and_two_chain_at_once_without_a_gap(
    kit: DeskKit, database: Database, elsewhere: Database
) -> None:
    async def write(number: int) -> None:
        async with transaction():
            await write_audit([entry(MONITOR, NOON, "test", "thing", f"{number}-{n}") for n in range(3)])

    async def chain(where: Database) -> None:
        with where.active():
            for _ in range(10):
                await AuditChainer(kit.desk, 4).chain()

    await asyncio.gather(*(write(number) for number in range(20)), chain(database), chain(elsewhere))
    await AuditChainer(kit.desk, 100).chain()
    assert (await chain_head()).sequence == 60
    assert await breaks() == []


@pytest.mark.parametrize("migrated_url", ["postgres"], indirect=True)
async def test_a_row_that_commits_after_others_with_higher_ids_is_chained(
    kit: DeskKit, database: Database, elsewhere: Database
) -> None:
    """SQLite has one writer at a time: there it cannot happen."""
    chainer = AuditChainer(kit.desk, 100)
    async with transaction():
        await write_audit([entry(MONITOR, NOON, "late", "thing", uuid4().hex)])
        with elsewhere.active():
            await write_audit([entry(MONITOR, NOON, "early", "thing", uuid4().hex)])
            assert await chainer.chain() == 1
    assert await chainer.chain() == 1
    rows = await fetch(
        "SELECT a.action FROM audit a JOIN audit_link l ON l.audit_id = a.id ORDER BY l.sequence"
    )
    assert [row["action"] for row in rows] == ["early", "late"]


async def test_a_closed_case_names_its_figures(kit: DeskKit) -> None:
    account_id = await kit.indebted_account()
    (view,) = await live_cases_of([account_id])
    await apply_statement(kit.desk, CashStated("M1", USD, Decimal(0), NOON))
    await kit.assess(account_id)
    taken = {each.kind: each.decoded() for each in await snapshots(account_id)}
    closed = (await case(view.case.id)).case
    assert taken[SnapshotKind.END].outputs.figures == closed.figures
