"""The short form of `make chaos`: as many faults as fit into its time, each once."""

import pytest

from tests.chaos.harness import run, short

pytestmark = pytest.mark.faults


async def test_no_fault_costs_a_subscriber_an_event(postgres_url: str) -> None:
    report = await run(short(seed=1), postgres_url)
    assert not report.failed, "\n".join(report.lines())
