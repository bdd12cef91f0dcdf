"""The answers and logs while the database accepts nothing, and that the outage ends by itself."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import structlog

from domain.principal import Permission
from models.sql.database import fetch
from tests.api.trading import LIQUIDATE, cases
from tests.kit.book_files import BANK, a_book, a_client, owing, quotes
from tests.kit.desk_client import Answer, Caller
from tests.kit.desk_server import Desk, World
from tests.kit.outage_lines import unpaired_outages
from tests.kit.patience import PATIENCE_S
from tests.kit.servers import fresh_database

pytestmark = [pytest.mark.faults, pytest.mark.both_stacks]

KILL = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


@asynccontextmanager
async def read_only(world: World, desk: Desk) -> AsyncIterator[None]:
    """The database takes no writes until the end of the block."""
    if world.redis_url is None:
        with desk.application.resources.database.active():
            await fetch("PRAGMA query_only = ON")
            yield
            await fetch("PRAGMA query_only = OFF")
        return
    server, _, name = world.database_url.rpartition("/")
    await _administer(world, f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    yield
    admin = await asyncpg.connect(f"{server}/postgres")
    await admin.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = off')
    await admin.close()


@contextmanager
def put_aside(file: Path) -> Iterator[None]:
    """Those who have it open keep it; in its place is what no database can be."""
    aside = file.rename(file.with_suffix(".aside"))
    file.mkdir()
    yield
    file.rmdir()
    aside.rename(file)


@asynccontextmanager
async def closed_to_newcomers(world: World) -> AsyncIterator[None]:
    """The connections that there are go on; no other process gets one, until the end of the block."""
    if world.redis_url is None:
        with put_aside(Path(world.database_url.removeprefix("sqlite://"))):
            yield
        return
    server, _, name = world.database_url.rpartition("/")
    admin = await asyncpg.connect(f"{server}/postgres")
    await admin.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS false')
    yield
    await admin.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS true')
    await admin.close()


async def _administer(world: World, statement: str) -> None:
    """And end every session, so that each that follows has heard of it."""
    admin = await asyncpg.connect(world.database_url)
    await admin.execute(statement)
    await admin.fetch(KILL)
    await admin.close()


@pytest.fixture
async def trader(world: World) -> tuple[Desk, Caller, Any]:
    desk = await world.desk(a_book(a_client("C1", owing("M1"))))
    await world.market.says(*quotes(world.clock(), size=0))
    caller = desk.caller()
    found: list[Any] = []

    async def opened() -> bool:
        found[:] = await cases(caller)
        return bool(found)

    await desk.until(opened, "the case to open")
    return desk, caller, found[0]


def command(case: Any) -> dict[str, Any]:
    leg = [{"symbol": BANK, "quantity": "100"}]
    return {"input": {"idempotencyKey": "k1", "cases": [{"caseId": case["id"], "legs": leg}]}}


async def until_answered(ask: Callable[[], Awaitable[Answer]], holds: Callable[[Answer], bool]) -> Answer:
    async with asyncio.timeout(PATIENCE_S):
        while not holds(answer := await ask()):
            assert answer.codes in ([], ["DATABASE_UNAVAILABLE"]), answer
            await asyncio.sleep(0.01)
    return answer


async def test_a_mutation_that_finds_no_writable_database_may_be_sent_again_with_the_same_key(
    world: World, trader: tuple[Desk, Caller, Any]
) -> None:
    desk, caller, case = trader

    async def liquidate() -> Answer:
        return await caller.answer(LIQUIDATE, **command(case))

    with structlog.testing.capture_logs() as logs:
        async with read_only(world, desk):
            refused = await until_answered(liquidate, lambda answer: bool(answer.codes))
        (error,) = refused.body["errors"]
        assert error["extensions"] == {"code": "DATABASE_UNAVAILABLE", "retryable": True}
        assert "Send the same request again" in error["message"]
        done = await until_answered(liquidate, lambda answer: not answer.codes)
    (result,) = done.data["liquidate"]["results"]
    assert result["__typename"] == "LiquidationStarted", "the desk came back by itself"
    faults = [each for each in logs if "exc_info" in each]
    assert faults == [], "an outage leaves no traceback"
    await desk.until(desk.leads, "the desk to lead again")


async def test_requests_that_find_no_database_are_one_outage_in_the_log(
    world: World, trader: tuple[Desk, Caller, Any]
) -> None:
    desk, caller, case = trader
    begins, ends = "the database is unavailable to requests", "the database is available to requests again"
    token = desk.caller(Permission.AUDITOR).token
    report = f"http://127.0.0.1:{desk.port}/reports/aging.csv?from=2020-03-16&to=2020-03-16"
    with structlog.testing.capture_logs() as logs:

        def told() -> list[tuple[str, int | None]]:
            return [(each["event"], each.get("failed")) for each in logs if each["event"] in (begins, ends)]

        async with (
            read_only(world, desk),
            httpx.AsyncClient(verify=False, timeout=PATIENCE_S) as client,
        ):
            failed = 0
            while failed < 20:
                answer = await caller.answer(LIQUIDATE, **command(case))
                failed += answer.codes == ["DATABASE_UNAVAILABLE"]
            refused = await client.get(report, headers={"Authorization": f"Bearer {token}"})
            failed += refused.status_code == 503
            assert failed == 21
            assert told() == [(begins, None)]

        async def over() -> bool:
            return len(told()) > 1 and not list(unpaired_outages(logs))

        await desk.until(over, "the end of the outage to be told")
    assert told() == [(begins, None), (ends, failed)]


async def test_a_report_that_cannot_be_noted_in_the_audit_is_answered_with_503(
    world: World, trader: tuple[Desk, Caller, Any]
) -> None:
    desk, _, _ = trader
    token = desk.caller(Permission.AUDITOR).token
    url = f"http://127.0.0.1:{desk.port}/reports/aging.csv?from=2020-03-16&to=2020-03-16"
    async with (
        read_only(world, desk),
        httpx.AsyncClient(verify=False, timeout=PATIENCE_S) as client,
    ):
        answer = await client.get(url, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 503, answer.text
    assert answer.headers["retry-after"] == "1"
    assert answer.json()["errors"][0]["extensions"] == {"code": "DATABASE_UNAVAILABLE", "retryable": True}


async def test_a_what_if_of_the_book_whose_own_process_finds_no_database_may_be_sent_again(
    world: World, trader: tuple[Desk, Caller, Any]
) -> None:
    _, caller, _ = trader
    document = "{ bookWhatIf(input: {}) { accountsValued } }"
    with structlog.testing.capture_logs() as logs:
        async with closed_to_newcomers(world):
            refused = await caller.answer(document)
    (error,) = refused.body["errors"]
    assert error["extensions"] == {"code": "DATABASE_UNAVAILABLE", "retryable": True}
    assert [each for each in logs if "exc_info" in each] == [], "an outage leaves no traceback"
    assert (await caller.ask(document))["bookWhatIf"]["accountsValued"] == 1


@pytest.fixture
async def impatient(postgres_url: str, migrated_postgres: str, tmp_path: Path) -> AsyncIterator[Desk]:
    """It waits for no lock longer than a moment. SQLite has no locks of tables."""
    async with fresh_database(postgres_url, copy_of=migrated_postgres) as url:
        world = World(url, None, tmp_path)
        async with world.running:
            yield await world.desk(a_book(a_client("C1", owing("M1"))), database_lock_timeout_s=0.05)


@pytest.mark.parametrize("table", ["account", "idempotency_key", "quote", "risk_setting", "margin_case"])
async def test_a_locked_table_is_reported_as_a_lock_and_the_desk_continues(
    impatient: Desk, table: str
) -> None:
    """As by ALTER TABLE: no statement can read, and every waiting one is given up again and again."""
    desk, trader = impatient, impatient.caller()
    await desk.market.says(*quotes(desk.clock(), size=0))

    async def opened() -> bool:
        return bool(await cases(trader))

    await desk.until(opened, "the case to open")
    (case,) = await cases(trader)
    elsewhere = await asyncpg.connect(desk.world.database_url)
    with structlog.testing.capture_logs() as logs:
        async with elsewhere.transaction():
            await elsewhere.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            answer = await trader.answer(LIQUIDATE, **command(case))
        await elsewhere.close()
        (error,) = answer.body["errors"]
        assert error["extensions"] == {"code": "DATABASE_BUSY", "retryable": True}
        assert "Send the same request again" in error["message"]
        done = (await trader.answer(LIQUIDATE, **command(case))).data["liquidate"]["results"]
        assert done[0]["__typename"] == "LiquidationStarted"
        await desk.until(desk.leads, "the desk to lead")
    assert [each for each in logs if "exc_info" in each] == [], "a lock leaves no traceback"


async def test_a_report_that_waits_too_long_for_a_lock_is_answered_with_503(impatient: Desk) -> None:
    token = impatient.caller(Permission.AUDITOR).token
    url = f"http://127.0.0.1:{impatient.port}/reports/aging.csv?from=2020-03-16&to=2020-03-16"
    elsewhere = await asyncpg.connect(impatient.world.database_url)
    async with elsewhere.transaction(), httpx.AsyncClient(verify=False, timeout=PATIENCE_S) as client:
        await elsewhere.execute("LOCK TABLE audit IN ACCESS EXCLUSIVE MODE")
        answer = await client.get(url, headers={"Authorization": f"Bearer {token}"})
    await elsewhere.close()
    assert answer.status_code == 503, answer.text
    assert answer.json()["errors"][0]["extensions"] == {"code": "DATABASE_BUSY", "retryable": True}
