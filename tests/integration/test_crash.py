"""A gateway that is killed between accepting a liquidation and recording its fills loses and doubles nothing.

The moments here are the borders that matter; crash_harness.py tries every one.
"""

import asyncio
from collections.abc import Iterator

import pytest

from tests.integration.crash_harness import KillPoint, Template, crash, template
from tests.kit.crash_gateway import AtVenue, VenueMoment
from tests.kit.crash_proxy import Moment, Statement

pytestmark = pytest.mark.faults

ACCEPTED = "COMMIT; INSERT INTO idempotency_item"
STEP = "COMMIT; INSERT INTO outbox"
"""An order is marked as sent, or a report is recorded: one after the other."""
POINTS: tuple[KillPoint, ...] = (
    Statement(1, Moment.AFTER, "INSERT INTO idempotency_key"),
    Statement(1, Moment.AFTER, "INSERT INTO liquidation_order"),
    Statement(1, Moment.BEFORE, ACCEPTED),
    Statement(1, Moment.AFTER, ACCEPTED),
    Statement(1, Moment.AFTER, STEP),
    AtVenue(1, VenueMoment.SUBMITTING),
    AtVenue(2, VenueMoment.SUBMITTED),
    AtVenue(3, VenueMoment.REPORTED),
    AtVenue(2, VenueMoment.RECORDED),
    Statement(2, Moment.BEFORE, "UPDATE cash_balance"),
    Statement(2, Moment.BEFORE, STEP),
    Statement(2, Moment.AFTER, STEP),
    Statement(2, Moment.AFTER, "COMMIT; UPDATE stream"),
)


@pytest.fixture(scope="module")
def source(postgres_url: str) -> Iterator[Template]:
    with asyncio.Runner() as runner:
        made = template(postgres_url)
        yield runner.run(made.__aenter__())
        runner.run(made.__aexit__(None, None, None))


@pytest.mark.parametrize("point", POINTS, ids=str)
async def test_a_killed_gateway_loses_no_order_and_sends_none_twice(
    point: KillPoint, source: Template, redis_url: str
) -> None:
    outcome = await crash(source, redis_url, point)
    assert outcome.died, f"never got to {point}"
    assert outcome.problems == []
