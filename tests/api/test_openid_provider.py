"""A desk that accepts the tokens of a certified OpenID provider, which is `oidc-provider` for Node."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import httpx
import pytest

from tests.kit.book_files import a_book
from tests.kit.desk_server import World
from tests.kit.login_service import AUDIENCE
from tests.kit.node_packages import installed_or_skipped, node_environment
from tests.kit.patience import PATIENCE_S
from tests.kit.source import ROOT

pytestmark = [pytest.mark.asyncio, pytest.mark.faults]

VIEWER = "{ viewer { subject permissions } }"


@asynccontextmanager
async def a_provider() -> AsyncIterator[str]:
    """Its address."""
    source = ROOT / "tests/openid_provider"
    directory = await asyncio.to_thread(installed_or_skipped, source, ("provider.mjs",))
    process = await asyncio.create_subprocess_exec(
        "node",
        "provider.mjs",
        cwd=directory,
        env=node_environment(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE_S):
            yield (await process.stdout.readline()).decode().strip()
    finally:
        process.kill()
        await process.wait()


async def test_tokens_of_an_openid_provider_are_accepted_with_each_algorithm(world: World) -> None:
    world.clock.now = datetime.now(UTC)
    async with a_provider() as issuer, httpx.AsyncClient(verify=False, timeout=PATIENCE_S) as client:
        described = (await client.get(f"{issuer}/.well-known/openid-configuration")).json()
        desk = await world.desk(
            a_book(),
            auth_jwks_url=described["jwks_uri"],
            auth_issuer=described["issuer"],
            auth_audience=AUDIENCE,
            auth_permissions_claim="scope",
            auth_roles="desk-trader=RISK_WARNING_FULL",
        )
        for algorithm in ("RS256", "ES256", "EdDSA"):
            asked = {
                "grant_type": "client_credentials",
                "scope": "desk-trader desk-other",
                "resource": AUDIENCE,
            }
            answer = await client.post(
                described["token_endpoint"], data=asked, auth=(algorithm, "a-secret-of-the-tests")
            )
            world.clock.now = datetime.now(UTC)
            caller = desk.caller_with(answer.json()["access_token"])
            viewer = (await caller.ask(VIEWER))["viewer"]
            assert viewer == {"subject": algorithm.lower(), "permissions": ["RISK_WARNING_FULL"]}
