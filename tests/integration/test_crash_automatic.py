"""A gateway that is killed while it liquidates by itself does it once, wholly, and says so to everybody.

crash_automatic.py tries every moment.
"""

import asyncio
from collections.abc import Iterator

import pytest

from tests.integration.automatic_scene import AutomaticTemplate, automatic_template
from tests.integration.crash_automatic import live
from tests.integration.crash_harness import KillPoint
from tests.kit.crash_gateway import AtVenue, VenueMoment
from tests.kit.crash_proxy import Moment, Statement

pytestmark = pytest.mark.faults

RUN_RECORDED = "COMMIT; INSERT INTO idempotency_item"
"""The end of the transaction that records orders, audit, snapshot, events and what becomes of the setting."""
DEATHS: tuple[KillPoint, ...] = (
    Statement(1, Moment.AFTER, RUN_RECORDED),
    AtVenue(1, VenueMoment.SUBMITTED),
    Statement(2, Moment.BEFORE, RUN_RECORDED),
    Statement(1, Moment.BEFORE, "UPDATE client_message SET status"),
)
"""One process after the other, each at its own."""


@pytest.fixture(scope="module")
def source(postgres_url: str) -> Iterator[AutomaticTemplate]:
    with asyncio.Runner() as runner:
        made = automatic_template(postgres_url)
        yield runner.run(made.__aenter__())
        runner.run(made.__aexit__(None, None, None))


async def test_killed_again_and_again_the_desk_liquidates_everything_once(
    source: AutomaticTemplate, redis_url: str
) -> None:
    lives = await live(source, redis_url, DEATHS)
    assert len(lives.died_at) == len(DEATHS), f"died at {lives.died_at} only"
    assert lives.problems == []
