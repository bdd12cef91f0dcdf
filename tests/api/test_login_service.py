"""A desk whose tokens come from a login service: over HTTP, sockets and event streams, while keys rotate."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from domain.principal import Permission
from tests.api.readiness import readiness
from tests.kit.book_files import a_book
from tests.kit.desk_server import Desk, World, scraped
from tests.kit.login_service import AUDIENCE, ISSUER, KeyServer, a_key_server, signing_key
from tests.kit.patience import PATIENCE_S

pytestmark = pytest.mark.asyncio

VIEWER = "{ viewer { subject permissions accountScope } }"
FIRST, SECOND = signing_key("RS256", "first"), signing_key("EdDSA", "second")


@asynccontextmanager
async def a_desk(world: World, **settings: Any) -> AsyncIterator[tuple[Desk, KeyServer]]:
    """It reads its keys often, and takes roles from where Keycloak puts them."""
    async with a_key_server(FIRST) as service:
        desk = await world.desk(
            a_book(),
            auth_jwks_url=service.url,
            auth_issuer=ISSUER,
            auth_audience=AUDIENCE,
            auth_permissions_claim="realm_access.roles",
            auth_roles="trader=RISK_WARNING_FULL",
            auth_jwks_refetch_s=0.05,
            **settings,
        )
        yield desk, service


def roles(*names: str) -> dict[str, Any]:
    return {"realm_access": {"roles": [*names]}}


async def test_a_token_of_the_login_service_is_accepted_on_every_transport(world: World) -> None:
    async with a_desk(world) as (desk, _):
        caller = desk.caller_with(FIRST.token(desk.clock(), **roles("trader", "other"), accounts=["M1"]))
        viewer = {"subject": "trader", "permissions": ["RISK_WARNING_FULL"], "accountScope": ["M1"]}

        assert (await caller.ask(VIEWER))["viewer"] == viewer
        assert await (await caller.socket()).ask(VIEWER) == viewer
        async with httpx.AsyncClient(verify=False, timeout=PATIENCE_S) as client:
            headers = {"Authorization": f"Bearer {caller.token}", "Accept": "text/event-stream"}
            url = f"http://127.0.0.1:{desk.port}/graphql"
            streamed = await client.post(url, json={"query": VIEWER}, headers=headers)
        assert '"subject":"trader"' in streamed.text


async def test_the_desks_own_tokens_are_refused_beside_a_login_service(world: World) -> None:
    async with a_desk(world) as (desk, _):
        own = desk.caller(Permission.RISK_WARNING_FULL)
        answer = await own.answer(VIEWER)
        assert (answer.status, answer.codes) == (401, ["TOKEN_ALGORITHM"])
        assert await (await own.socket(acknowledged=False)).closed() == 4403


async def test_a_new_key_is_accepted_soon_after_the_first_token_that_it_signed(world: World) -> None:
    async with a_desk(world, auth_jwks_refresh_s=PATIENCE_S * 10) as (desk, service):
        service.publish(FIRST, SECOND)
        other = desk.caller_with(FIRST.token(desk.clock(), {"kid": "unknown"}, **roles("trader")))
        caller = desk.caller_with(SECOND.token(desk.clock(), **roles("trader")))
        answer = await caller.answer(VIEWER)
        assert (answer.status, answer.codes) == (401, ["TOKEN_KEY_UNKNOWN"])
        assert answer.headers["retry-after"] == "1"
        assert await (await other.socket(acknowledged=False)).closed() == 1013

        async def accepted() -> bool:
            return (await caller.answer(VIEWER)).status == 200

        await desk.until(accepted, "the new key")
        assert service.requests <= 3


async def test_an_outage_of_the_login_service_is_shown_and_locks_out_no_one_at_once(world: World) -> None:
    async with a_desk(world, auth_jwks_refresh_s=0.05) as (desk, service):
        caller = desk.caller_with(FIRST.token(desk.clock(), **roles("trader")))
        service.status = 503

        async def shown() -> bool:
            return (await readiness(desk))["login"] is False

        await desk.until(shown, "the outage")
        said = await readiness(desk)
        assert (said["code"], said["status"]) == (200, "degraded")
        assert "the last ones are used" in said["loginTrouble"]
        assert (await caller.ask(VIEWER))["viewer"]["subject"] == "trader"
        assert (await scraped(desk))["desk_login_keys"] == 1


async def test_a_desk_starts_while_its_login_service_is_away(world: World) -> None:
    """Cases, orders and automatic liquidations must not wait for a log-in."""
    async with a_key_server(FIRST) as service:
        service.status = 503
        given = {"auth_jwks_url": service.url, "auth_issuer": ISSUER, "auth_audience": AUDIENCE}
        desk = await world.desk(a_book(), auth_jwks_refetch_s=0.05, **given)
        caller = desk.caller_with(FIRST.token(desk.clock()))
        assert (await caller.answer(VIEWER)).codes == ["TOKEN_KEY_UNKNOWN"]
        service.status = 200

        async def accepted() -> bool:
            return (await caller.answer(VIEWER)).status == 200

        await desk.until(accepted, "the keys")
