"""A leader whose loop stands still keeps its lease for a while, and gives it back when that lasts."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from threading import Thread

import pytest
import structlog

from desk.leadership import NotLeading
from gateway.workers.term import LEASE, Term
from models.lease import Lease, acquire_lease, read_lease
from models.sql.database import Database
from tests.kit.desk_kit import Clock
from tests.kit.led_processes import Venues, process, renewals, until
from tests.kit.patience import FAR_S, PATIENCE_S

TTL_S = 1.0
SHORT = {"lease_ttl_s": TTL_S, "lease_without_loop_s": FAR_S}
STANDS_STILL = "the loop that answers requests stands still"
GIVEN_BACK = "a loop that stands still for too long costs this process the lease"


@pytest.fixture
def venues(tmp_path: Path) -> Venues:
    return Venues(tmp_path / "journal")


def stand_still_until(holds: Callable[[], Awaitable[bool]], url: str) -> None:
    """Block the loop that calls this, as one long call does, until another thread sees this to hold."""

    async def look() -> None:
        database = Database(url, pool_size=1)
        await database.open()
        with database.active():
            async with asyncio.timeout(PATIENCE_S):
                while not await holds():  # noqa: ASYNC110 - the database has no event
                    await asyncio.sleep(0.02)
        await database.close()

    elsewhere = Thread(target=lambda: asyncio.run(look()), daemon=True)
    elsewhere.start()
    elsewhere.join(PATIENCE_S)


async def lease_now(database: Database) -> Lease:
    with database.active():
        lease = await read_lease(LEASE)
    assert lease is not None
    return lease


@pytest.mark.only("postgres")
async def test_a_leader_whose_loop_stands_still_keeps_the_lease(
    url: str, venues: Venues, tmp_path: Path, database: Database
) -> None:
    others: list[Lease | None] = []
    async with process(url, Clock(), venues, tmp_path / "1", **SHORT) as leader:
        await until(lambda: leader.leading and venues.now_open == 1)
        before = await lease_now(database)

        async def renewed_for_long() -> bool:
            others.append(await acquire_lease(LEASE, "another process", timedelta(seconds=FAR_S)))
            lease = await read_lease(LEASE)
            return lease is not None and lease.until - before.until > timedelta(seconds=3 * TTL_S)

        with structlog.testing.capture_logs() as logs:
            stand_still_until(renewed_for_long, url)
            await until(lambda: leader.standstills == 1)
        assert set(others) == {None}, "no other process could begin a term"
        assert leader.leading
        assert (await lease_now(database)).fence == before.fence
        (still,) = [each for each in logs if each["event"] == STANDS_STILL]
        assert "stand_still_until" in still["error"], "the log says what holds it up"


@pytest.mark.only("postgres")
async def test_a_leader_whose_loop_stands_still_for_too_long_gives_the_lease_back(
    url: str, venues: Venues, tmp_path: Path, database: Database
) -> None:
    async with process(
        url, Clock(), venues, tmp_path / "1", lease_ttl_s=FAR_S, lease_without_loop_s=0.5
    ) as leader:
        await until(lambda: leader.leading and venues.now_open == 1)
        age_s = leader.lease_age_s
        assert age_s is not None
        assert 0 <= age_s < PATIENCE_S
        before = await lease_now(database)

        async def another_leads() -> bool:
            return await acquire_lease(LEASE, "another process", timedelta(seconds=FAR_S)) is not None

        with structlog.testing.capture_logs() as logs:
            stand_still_until(another_leads, url)
            await until(lambda: not leader.leading and venues.now_open == 0)
        assert [each["event"] for each in logs].count(GIVEN_BACK) == 1
        after = await lease_now(database)
        assert (after.holder, after.fence) == ("another process", before.fence + 1)
        assert leader.lease_age_s is None


async def test_a_process_that_shares_its_lease_with_none_leads_on_after_any_standstill(
    url: str, venues: Venues, tmp_path: Path, database: Database
) -> None:
    """On SQLite the loop itself renews: the lease runs out, and the process takes up the same term again."""
    async with process(url, Clock(), venues, tmp_path / "1", **SHORT) as leader:
        await until(lambda: leader.leading)
        before = await lease_now(database)

        async def ran_out_or_was_renewed() -> bool:
            lease = await read_lease(LEASE)
            assert lease is not None
            return lease.now - before.until > timedelta(seconds=TTL_S)

        stand_still_until(ran_out_or_was_renewed, url)
        await renewals(5)
        assert leader.leading
        after = await lease_now(database)
        assert (after.fence, after.held) == (before.fence, True)


async def test_the_lease_is_renewed_until_the_work_has_stopped(
    url: str, venues: Venues, tmp_path: Path, database: Database
) -> None:
    """The next leader opens venue and feed at once."""
    async with process(url, Clock(), venues, tmp_path / "1", **SHORT) as leader:
        await until(lambda: leader.leading and venues.now_open == 1)
        before, held = await lease_now(database), list[bool]()

        async def takes_longer_than_the_lease_lasts() -> None:
            async with asyncio.timeout(PATIENCE_S):
                lease = before
                while lease.now - before.until < timedelta(seconds=TTL_S):
                    await asyncio.sleep(0.02)
                    lease = await lease_now(database)
            held.append(lease.held and lease.fence == before.fence)

        venues.closing = takes_longer_than_the_lease_lasts
        await leader.stop()
        assert held == [True]
        assert not (await lease_now(database)).held


def test_nothing_is_sent_in_a_term_that_was_ended() -> None:
    term = Term("holder", 1, runs_out=float("inf"))
    term.require_unexpired()
    term.end()
    with pytest.raises(NotLeading):
        term.require_unexpired()
