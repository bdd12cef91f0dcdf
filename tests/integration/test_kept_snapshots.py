"""A snapshot that somebody changed, moved, dropped or put in is found, even with a hash that fits: on both
databases, by what the operator runs."""

import io
from decimal import Decimal

import pytest
from rich.console import Console

from desk.evidence.chain_audit import AuditChainer
from desk.statements.apply_book import apply_statement
from domain.book_changes import CashStated
from domain.canonical import content_hash
from gateway.cli.audit_export import recompute, verify_audit
from models.sql.database import execute, fetch, transaction
from tests.kit.desk_kit import APPLE, NOON, USD, DeskKit
from tests.kit.unguarded import without_guards


def a_console() -> tuple[Console, io.StringIO]:
    said = io.StringIO()
    return Console(file=said, width=300), said


async def recomputed(snapshot_id: str) -> tuple[bool, str]:
    console, said = a_console()
    return await recompute(console, snapshot_id), said.getvalue()


async def verified() -> tuple[bool, str]:
    console, said = a_console()
    return await verify_audit(console, None, lambda done, of: None), said.getvalue()


async def two_snapshots(kit: DeskKit) -> tuple[str, str]:
    """TRIGGER and END of one case, whose audit is chained."""
    account_id = await kit.indebted_account()
    kit.clock.pass_(seconds=1)
    await apply_statement(kit.desk, CashStated("M1", USD, Decimal(0), NOON))
    await kit.assess(account_id)
    await AuditChainer(kit.desk, 100).chain()
    first, last = await fetch("SELECT id FROM snapshot ORDER BY at")
    return first["id"], last["id"]


async def test_untouched_snapshots_verify(kit: DeskKit) -> None:
    for id_ in await two_snapshots(kit):
        same, said = await recomputed(id_)
        assert same, said
        assert "the content is unchanged, as recorded in the audit trail" in said
    whole, said = await verified()
    assert whole, said


TAMPERING = {
    "a price": ('"bid":"100"', '"bid":"90"'),
    "a figure": ('"amount":"20000"', '"amount":"19999"'),
    "nothing but an unknown field": ('"format":1', '"format":1,"note":"x"'),
    "a later format": ('"format":1', '"format":2'),
    "no content any more": ('{"case_id"', '{"no_case"'),
    "no JSON any more": ('{"case_id"', "["),
}


@pytest.mark.parametrize("hash_fits", [False, True])
@pytest.mark.parametrize("what", TAMPERING)
async def test_a_changed_content_is_refused_even_with_a_hash_that_fits(
    kit: DeskKit, what: str, hash_fits: bool
) -> None:
    first, _ = await two_snapshots(kit)
    await without_guards()
    (row,) = await fetch("SELECT content, hash FROM snapshot WHERE id = $1", first)
    assert TAMPERING[what][0] in row["content"]
    content = row["content"].replace(*TAMPERING[what])
    forged = content_hash(content) if hash_fits else row["hash"]
    await execute("UPDATE snapshot SET content = $2, hash = $3 WHERE id = $1", first, content, forged)
    same, said = await recomputed(first)
    assert not same, said
    assert ("NOT as recorded in the audit trail" if hash_fits else "the content is CHANGED") in said
    whole, said = await verified()
    assert not whole
    assert f"the snapshot {first} differs from its audit record: changed" in said


@pytest.mark.parametrize(
    "column", ["kind = 'DAILY'", "occasion = 'plan 7'", "at = '2020-03-09 16:00:00.5+00:00'"]
)
async def test_a_snapshot_under_another_label_is_refused(kit: DeskKit, column: str) -> None:
    first, _ = await two_snapshots(kit)
    await without_guards()
    await execute(f"UPDATE snapshot SET {column} WHERE id = $1", first)
    same, said = await recomputed(first)
    assert not same, said
    assert "the content belongs to another case, kind, occasion or time than its row states" in said


async def test_a_snapshot_moved_to_another_case_is_refused(kit: DeskKit) -> None:
    first, _ = await two_snapshots(kit)
    other = await kit.account("M2", -90_000, {APPLE: 1000})
    await kit.assess(other)
    await without_guards()
    await execute(
        "UPDATE snapshot SET occasion = 'x', case_id = (SELECT id FROM margin_case WHERE account_id = $2)"
        " WHERE id = $1",
        first,
        other,
    )
    assert not (await recomputed(first))[0]
    whole, said = await verified()
    assert not whole
    assert f"the snapshot {first} differs from its audit record" in said


async def test_a_dropped_and_a_forged_snapshot_are_missed_and_found(kit: DeskKit) -> None:
    first, last = await two_snapshots(kit)
    await without_guards()
    await execute(
        "INSERT INTO snapshot (id, case_id, kind, occasion, at, content, hash)"
        " SELECT 'forged', case_id, 'DAILY', '2020-03-09', at, content, hash FROM snapshot WHERE id = $1",
        first,
    )
    assert not (await recomputed("forged"))[0]
    whole, said = await verified()
    assert not whole
    assert "3 snapshots are stored and 2 are in the audit trail: some were inserted" in said
    await execute("DELETE FROM snapshot WHERE id IN ($1, 'forged')", last)
    whole, said = await verified()
    assert not whole
    assert f"names the snapshot {last}, which is no longer stored" in said


async def test_a_snapshot_that_is_rolled_back_leaves_no_trace(kit: DeskKit) -> None:
    async def undone() -> None:
        async with transaction():
            await kit.indebted_account()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await undone()
    assert [*await fetch("SELECT id FROM snapshot"), *await fetch("SELECT id FROM audit")] == []
    assert (await verified())[0]


async def test_of_many_breaks_the_first_are_listed_and_the_rest_counted(kit: DeskKit) -> None:
    await two_snapshots(kit)
    for number in range(40):
        await execute(
            "INSERT INTO audit (at, actor, action, entity, entity_id, detail)"
            " SELECT at, actor, 'test', entity, $1, detail FROM audit WHERE id = 1",
            str(number),
        )
    await AuditChainer(kit.desk, 100).chain()
    await without_guards()
    await execute("UPDATE audit SET actor = 'nobody'")
    whole, said = await verified()
    assert not whole
    assert said.count("audit row ") == 20
    assert " more" in said
