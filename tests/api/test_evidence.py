"""What an auditor finds: snapshots of a case, who did what in which request, and a chain that says so."""

import json
from decimal import Decimal
from typing import Any

from structlog.testing import capture_logs

from domain.book_changes import CashStated
from domain.canonical import content_hash
from domain.principal import Permission
from models.sql.database import execute
from resolvers.kit.node import local_id
from tests.api.trading import cases, liquidate
from tests.kit.book_files import HKD, a_book, a_client, owing, quotes
from tests.kit.desk_server import Desk, World
from tests.kit.forks import run_command
from tests.kit.unguarded import without_guards

SNAPSHOTS = """
query ($id: ID!, $after: String) { case(id: $id) { snapshots(first: 1, after: $after) {
  totalCount pageInfo { hasNextPage endCursor }
  nodes { id kind occasion hash content figures { amount liquidNetAssets } case { id } }
} } }
"""
TRAIL = """
query ($filter: AuditFilter, $first: Int! = 50, $after: String) {
  auditTrail(filter: $filter, first: $first, after: $after) {
    totalCount pageInfo { hasNextPage endCursor }
    nodes { id actor action entity entityId before after detail requestId sequence hash }
} }
"""
NODE = "query ($id: ID!) { node(id: $id) { __typename id } }"


async def a_called_desk(world: World, **settings: Any) -> Desk:
    """M1 and M2 owe HKD 20,000.00 each."""
    book = a_book(a_client("C1", owing("M1")), a_client("C2", owing("M2")))
    desk = await world.desk(book, **settings)
    await world.market.says(*quotes(world.clock()))
    await desk.until(lambda: _are_called(desk, 2), "two cases")
    return desk


async def _are_called(desk: Desk, number: int) -> bool:
    return len(await cases(desk.caller())) == number


async def of_account(desk: Desk, account_no: str) -> str:
    (found,) = await cases(desk.caller(), accountNo=account_no)
    return str(found["id"])


async def snapshots(desk: Desk, case_id: str, *permissions: Permission) -> list[Any]:
    """Page by page, oldest first."""
    caller = desk.caller(*(permissions or (Permission.AUDITOR,)), subject="auditor")
    found: list[Any] = []
    after = None
    while True:
        page = (await caller.ask(SNAPSHOTS, id=case_id, after=after))["case"]["snapshots"]
        found += page["nodes"]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            assert len(found) <= page["totalCount"], "more may come between rows and count"
            return found[::-1]


async def test_a_case_has_a_snapshot_of_its_beginning_its_sale_and_its_end(world: World) -> None:
    desk = await a_called_desk(world)
    case_id = await of_account(desk, "M1")
    world.clock.advance(seconds=1)
    await liquidate(desk.caller(), case_id)
    world.clock.advance(seconds=1)
    await world.market.says(CashStated("M2", HKD, Decimal(0), world.clock()))
    trigger, force = (await snapshots(desk, case_id))[:2]
    assert (trigger["kind"], force["kind"], force["occasion"]) == ("TRIGGER", "FORCE", "plan 1")
    assert trigger["figures"] == {"amount": "20000", "liquidNetAssets": "50000"}
    assert trigger["case"] == {"id": case_id}
    assert content_hash(trigger["content"]) == trigger["hash"]
    content = json.loads(trigger["content"])
    assert [held["instrument"]["symbol"] for held in content["inputs"]["book"]["holdings"]] == [
        "5.HK",
        "66.HK",
    ]
    assert content["inputs"]["book"]["holdings"][0]["factors"]["source"] == "INSTRUMENT"
    assert (await desk.caller(Permission.AUDITOR).ask(NODE, id=trigger["id"]))["node"] == {
        "__typename": "Snapshot",
        "id": trigger["id"],
    }


async def test_a_snapshot_is_visible_within_scope_and_its_inputs_with_export(world: World) -> None:
    desk = await a_called_desk(world)
    (taken,) = await snapshots(desk, await of_account(desk, "M1"))
    one = "query ($id: ID!) { snapshot(id: $id) { kind content } }"
    elsewhere = desk.caller(Permission.AUDITOR, accounts=["M2"])
    assert (await elsewhere.ask(one, id=taken["id"]))["snapshot"] is None
    assert (await elsewhere.ask(NODE, id=taken["id"]))["node"] is None
    reader = await desk.caller(Permission.RISK_WARNING_READ_ONLY).answer(one, id=taken["id"])
    assert reader.codes == ["FORBIDDEN"]
    assert reader.body["data"]["snapshot"] == {"kind": "TRIGGER", "content": None}


async def test_the_trail_names_author_action_and_request(world: World) -> None:
    desk = await a_called_desk(world)
    case_id = await of_account(desk, "M1")
    trader = desk.caller(subject="amy")
    started = await liquidate(trader, case_id, key="one")
    auditor = desk.caller(Permission.AUDITOR, subject="auditor")
    trail = (await auditor.ask(TRAIL, filter={"entityId": case_id}))["auditTrail"]["nodes"]
    liquidated = next(each for each in trail if each["action"] == "liquidate")
    opened = next(each for each in trail if each["action"] == "open")
    assert liquidated["actor"] == "amy"
    assert liquidated["entityId"] == case_id
    assert len(liquidated["requestId"]) == 32
    assert json.loads(liquidated["before"]) == {"plans": 0, "status": "OPEN"}
    assert json.loads(liquidated["after"])["status"] == "LIQUIDATING"
    assert (opened["actor"], opened["before"], opened["requestId"]) == ("desk:monitor", None, None)
    order_id = started["orders"][0]["id"]
    wanted = {"entityId": order_id, "action": "sent"}

    async def sent() -> bool:
        return bool((await auditor.ask(TRAIL, filter=wanted))["auditTrail"]["totalCount"] == 1)

    await desk.until(sent, "the order to be sent")
    named = await auditor.ask(NODE, id=liquidated["id"])
    assert named["node"]["__typename"] == "AuditEntry"
    assert (await trader.ask(NODE, id=liquidated["id"]))["node"] is None


async def test_the_trail_has_pages_and_scopes(world: World) -> None:
    desk = await a_called_desk(world)
    auditor = desk.caller(Permission.AUDITOR)
    seen: list[str] = []
    after = None
    while True:
        page = (await auditor.ask(TRAIL, first=2, after=after))["auditTrail"]
        seen += [each["id"] for each in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert len(seen) == len(set(seen)) == page["totalCount"] >= 6
    scoped = (await desk.caller(Permission.AUDITOR, accounts=["M2"]).ask(TRAIL))["auditTrail"]["nodes"]
    opened = [each["entityId"] for each in scoped if each["action"] == "open"]
    assert opened == [await of_account(desk, "M2")]
    assert {each["entity"] for each in scoped} <= {"account", "case", "order"}


async def test_every_row_gets_its_place_in_the_chain(world: World) -> None:
    desk = await a_called_desk(world, audit_chain_interval_s=0.05)
    auditor = desk.caller(Permission.AUDITOR)

    async def all_chained() -> bool:
        nodes = (await auditor.ask(TRAIL))["auditTrail"]["nodes"]
        return all(each["sequence"] and len(each["hash"]) == 64 for each in nodes)

    await desk.until(all_chained, "the chain")


async def test_the_daily_snapshot_is_taken_after_the_close(world: World) -> None:
    desk = await a_called_desk(world, daily_snapshot_interval_s=0.05)
    case_id = await of_account(desk, "M1")
    world.clock.advance(hours=6, minutes=1)  # 16:01 in Hong Kong

    async def taken() -> bool:
        return "DAILY" in {each["kind"] for each in await snapshots(desk, case_id)}

    await desk.until(taken, "the daily snapshot")
    daily = [each for each in await snapshots(desk, case_id) if each["kind"] == "DAILY"]
    assert [each["occasion"] for each in daily] == ["2020-03-16"]


async def commanded(desk: Desk, *arguments: str) -> tuple[int | None, str]:
    """A command on the desk's database while it runs: exit code and output."""
    environment = {
        "GATEWAY_DATABASE_URL": desk.settings.database_url,
        "GATEWAY_DATA_DIRECTORY": str(desk.world.directory),
        "COLUMNS": "200",
    }
    code, out, err = await run_command(environment, *arguments)
    return code, out + err


async def test_recompute_gives_the_same_figures_to_the_last_digit(world: World) -> None:
    desk = await a_called_desk(world)
    (taken,) = await snapshots(desk, await of_account(desk, "M1"))
    code, said = await commanded(desk, "recompute", taken["id"])
    assert code == 0, said
    assert "the same figures to the last digit" in said
    assert await commanded(desk, "recompute", "nothing") == (2, "error there is no snapshot nothing\n")


async def test_the_head_of_the_chain_is_written_to_the_log(
    world: World,
) -> None:
    with capture_logs() as logs:
        desk = await a_called_desk(world, audit_chain_interval_s=0.05)
        await desk.until(lambda: _is_chained(desk), "the chain")
        # Whatever was told at the start: this makes the head another one.
        await liquidate(desk.caller(), await of_account(desk, "M1"))
        await desk.until(lambda: _is_chained(desk), "the chain")
        world.clock.advance(hours=1)

        async def told() -> bool:
            heads = [entry["head"] for entry in logs if entry["event"] == "audit head"]
            return any(not head.startswith("0:") for head in heads[1:])

        await desk.until(told, "another head an hour later")
    last = [entry["head"] for entry in logs if entry["event"] == "audit head"][-1]
    heads = await desk.rows("SELECT sequence, hash FROM audit_link")
    assert last in {f"{row['sequence']}:{row['hash']}" for row in heads}


async def test_a_snapshot_that_was_changed_together_with_its_hash_is_refused(world: World) -> None:
    desk = await a_called_desk(world, audit_chain_interval_s=0.05)
    (taken,) = await snapshots(desk, await of_account(desk, "M1"))
    forged = taken["content"].replace('"amount":"20000"', '"amount":"2000"')
    assert forged != taken["content"]
    await _forge(desk, local_id("Snapshot", taken["id"]), forged)
    code, said = await commanded(desk, "recompute", taken["id"])
    assert code == 1
    assert "NOT as recorded in the audit trail" in said
    await desk.until(lambda: _is_chained(desk), "the chain")
    code, said = await commanded(desk, "verify-audit")
    assert code == 1
    assert "differs from its audit record: changed" in said


async def _forge(desk: Desk, snapshot_id: str | None, content: str) -> None:
    """As the owner of the database can, who knows how hashes are made."""
    with desk.application.resources.database.active():
        await without_guards()
        await execute(
            "UPDATE snapshot SET content = $2, hash = $3 WHERE id = $1",
            snapshot_id,
            content,
            content_hash(content),
        )


async def test_verify_audit_prints_the_head_and_fails_on_another(world: World) -> None:
    desk = await a_called_desk(world, audit_chain_interval_s=0.05)
    await desk.until(lambda: _is_chained(desk), "the chain")
    code, said = await commanded(desk, "verify-audit")
    assert code == 0, said
    assert "the audit trail is intact" in said
    head = next(line for line in said.splitlines() if line.startswith("head ")).removeprefix("head ")
    assert (await commanded(desk, "verify-audit", "--head", head))[0] == 0
    forged = head.partition(":")[0] + ":" + "0" * 64
    code, said = await commanded(desk, "verify-audit", "--head", forged)
    assert code == 1
    assert "the chain was rewritten" in said


async def _is_chained(desk: Desk) -> bool:
    """Every row that is committed."""
    (audit,) = await desk.rows("SELECT COUNT(*) AS n FROM audit")
    (chained,) = await desk.rows("SELECT COUNT(*) AS n FROM audit_link")
    return bool(chained["n"] >= audit["n"] >= 4)
