"""A database role without a privilege: one line names it, clients may repeat, and a GRANT ends it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest
from structlog.testing import capture_logs

from gateway.startup.preparation import CannotStart, check
from tests.api.readiness import readiness
from tests.api.trading import cases
from tests.kit.book_files import a_book, a_client, owing, quotes
from tests.kit.desk_server import World

pytestmark = [pytest.mark.parametrize("world", ["postgres-redis"], indirect=True), pytest.mark.both_stacks]

QUICK: dict[str, Any] = {"loop_failing_told_s": 0.2}
REFUSED = "permission denied for table outbox: INSERT needs a privilege that the role"
CLAIM = "mutation ($input: ClaimCaseInput!) { claimCase(input: $input) { result { __typename } } }"


@dataclass(frozen=True, slots=True)
class Role:
    """A login that may do everything in the database of the world, until something is revoked."""

    admin: asyncpg.Connection
    name: str
    url: str

    async def revoke(self, privilege: str, table: str) -> None:
        await self.admin.execute(f"REVOKE {privilege} ON {table} FROM {self.name}")

    async def grant(self, privilege: str, table: str) -> None:
        await self.admin.execute(f"GRANT {privilege} ON {table} TO {self.name}")


@pytest.fixture
async def role(world: World) -> AsyncIterator[Role]:
    admin, name, parts = (
        await asyncpg.connect(world.database_url),
        f"r{uuid4().hex}",
        urlsplit(world.database_url),
    )
    host = parts.netloc.rpartition("@")[2]
    await admin.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'secret'; GRANT ALL ON SCHEMA public TO {name}")
    await admin.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {name}")
    await admin.execute(f"GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {name}")
    async with world.running:
        yield Role(admin, name, urlunsplit(parts._replace(netloc=f"{name}:secret@{host}")))
    await admin.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")
    await admin.close()


async def test_a_loop_without_a_privilege_names_it_once_and_continues_after_the_grant(
    world: World, role: Role
) -> None:
    await world.imports(a_book(a_client("C1", owing("M1"))))
    desk = await world.desk(database_url=role.url, **QUICK)
    await role.revoke("INSERT", "outbox")
    said: dict[str, Any] = {}
    codes: set[int] = set()

    async def told() -> bool:
        said.clear()
        said.update(await readiness(desk))
        codes.add(said["code"])
        return said.get("loops") is False

    async def opened() -> bool:
        return len(await cases(desk.caller())) == 1

    with capture_logs() as logs:
        await world.market.says(*quotes(world.clock(), size=0))
        await desk.until(told, "the process to name the loop")
        assert said["loopsTrouble"].startswith(f"monitor: {REFUSED}")
        assert codes == {200}, "a missing privilege turns no caller away"
        await role.grant("INSERT", "outbox")
        await desk.until(opened, "the case to open")
    lines = [each for each in logs if REFUSED in str(each.get("error"))]
    assert [(each["event"], each["worker"]) for each in lines] == [("worker waits for a server", "monitor")]
    assert [each for each in logs if "exc_info" in each] == []


async def test_a_mutation_without_a_privilege_may_be_sent_again(world: World, role: Role) -> None:
    desk = await world.desk(a_book(a_client("C1", owing("M1"))), database_url=role.url)
    caller = desk.caller()
    found: list[Any] = []

    async def opened() -> bool:
        found[:] = await cases(caller)
        return bool(found)

    await world.market.says(*quotes(world.clock(), size=0))
    await desk.until(opened, "the case to open")
    command = {"idempotencyKey": "k", "caseId": found[0]["id"]}
    await role.revoke("INSERT", "outbox")
    with capture_logs() as logs:
        refused = await caller.answer(CLAIM, input=command)
    assert refused.codes == ["DATABASE_UNAVAILABLE"], refused.body
    begun = [each for each in logs if each["event"] == "the database is unavailable to requests"]
    assert REFUSED in str(begun[0]["error"])
    assert [each for each in logs if "exc_info" in each] == []
    await role.grant("INSERT", "outbox")
    assert (await caller.ask(CLAIM, input=command))["claimCase"]["result"]["__typename"] == "CaseChanged"


async def test_a_privilege_that_is_missing_at_the_start_is_named_in_one_line(
    world: World, role: Role
) -> None:
    settings = world.settings(database_url=role.url)
    await role.revoke("SELECT", "revocation")
    with pytest.raises(
        CannotStart, match=r"permission denied for table revocation: SELECT.*GATEWAY_DATABASE_URL"
    ):
        await check(settings, world.clock(), lambda done, of: None)
