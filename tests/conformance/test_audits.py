"""The specification "GraphQL over HTTP", as its own audits see it. `make conformance` tries whole clients."""

import asyncio
from pathlib import Path

import pytest

from tests.conformance.programs import AUDITS
from tests.kit.live_desk import served_desk
from tests.kit.node_packages import installed_or_skipped, node_environment
from tests.kit.patience import PATIENCE_S

pytestmark = pytest.mark.faults


async def test_every_audit_of_graphql_over_http_passes(tmp_path: Path) -> None:
    directory = await asyncio.to_thread(installed_or_skipped, AUDITS, ("audits.mjs",))
    async with served_desk(tmp_path) as desk, asyncio.timeout(PATIENCE_S):
        given = {"DESK_URL": f"{desk.url}/graphql", "TOKEN": desk.token().removeprefix("Bearer ")}
        pipe = asyncio.subprocess.PIPE
        audits = await asyncio.create_subprocess_exec(
            "node", "audits.mjs", cwd=directory, env=node_environment() | given, stdout=pipe, stderr=pipe
        )
        said, failure = await audits.communicate()
    assert (said, failure) == (b'{"step":"61 audits"}\n', b"")
