"""One process leads: by its lease in the database, until it expires, is given back, or is lost."""

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.workers.term import LEASE
from models.lease import acquire_lease, holds_lease, read_lease, release_lease, renew_lease
from models.sql.database import Database, execute
from tests.kit.crash_proxy import PostgresProxy
from tests.kit.desk_kit import Clock
from tests.kit.led_processes import Venues, process, renewals, until
from tests.kit.patience import FAR_S, PATIENCE_S
from tests.kit.servers import RedisServer, fresh_database

pytestmark = pytest.mark.usefixtures("each_postgres")

TTL = timedelta(hours=1)
"""Far longer than a test takes."""
EXPIRE = "UPDATE lease SET expires_at = $1 WHERE name = 'desk'"


async def expire() -> None:
    """As if its time had passed by the clock of the database."""
    assert await execute(EXPIRE, datetime.now(UTC) - timedelta(seconds=1)) == 1


async def test_one_holder_has_the_lease_and_keeps_it_by_renewing(database: Database) -> None:
    with database.active():
        first = await acquire_lease("desk", "first", TTL)
        assert first is not None
        assert first.held
        assert await acquire_lease("desk", "second", TTL) is None
        renewed = await renew_lease("desk", "first", first.fence, 2 * TTL)
        assert renewed is not None
        assert renewed.fence == first.fence
        assert renewed.until - first.until > TTL / 2
        assert await acquire_lease("desk", "second", TTL) is None


async def test_an_expired_lease_is_taken_over_and_the_old_holder_notices(
    database: Database,
) -> None:
    with database.active():
        first = await acquire_lease("desk", "first", TTL)
        assert first is not None
        await expire()
        assert await acquire_lease("desk", "second", TTL)
        assert await renew_lease("desk", "first", first.fence, TTL) is None
        assert await acquire_lease("desk", "first", TTL) is None


async def test_a_lease_expires_automatically(database: Database) -> None:
    with database.active():
        await acquire_lease("desk", "first", timedelta(milliseconds=1))
        async with asyncio.timeout(PATIENCE_S):
            while await acquire_lease("desk", "second", TTL) is None:  # noqa: ASYNC110 - time has no event
                await asyncio.sleep(0.005)


async def test_only_the_holder_can_give_the_lease_back(database: Database) -> None:
    with database.active():
        await acquire_lease("desk", "first", TTL)
        assert not await release_lease("desk", "second")
        assert await acquire_lease("desk", "second", TTL) is None
        assert await release_lease("desk", "first")
        assert await acquire_lease("desk", "second", TTL)


async def test_leases_of_different_names_do_not_disturb_each_other(database: Database) -> None:
    with database.active():
        assert await acquire_lease("desk", "first", TTL)
        assert await acquire_lease("other", "second", TTL)


async def test_of_many_at_once_one_gets_it(database: Database) -> None:
    with database.active():
        got = await asyncio.gather(*(acquire_lease("desk", f"{number}", TTL) for number in range(10)))
    assert len([lease for lease in got if lease is not None]) == 1


async def test_each_term_has_a_greater_fence_and_work_of_an_earlier_one_is_recognised(
    database: Database,
) -> None:
    with database.active():
        fences = []
        for holder in ("first", "second", "first", "first"):
            lease = await acquire_lease("desk", holder, TTL)
            assert lease is not None
            fences.append(lease.fence)
            assert await holds_lease("desk", holder, lease.fence)
            assert not await holds_lease("desk", holder, lease.fence - 1)
            assert not await holds_lease("desk", "another", lease.fence)
            await expire()
            assert not await holds_lease("desk", holder, lease.fence), "its time has passed"
        assert fences == sorted(set(fences))
        await release_lease("desk", "first")
        after = await acquire_lease("desk", "third", TTL)
        assert after is not None
        assert after.fence > fences[-1], "giving a lease back does not begin the count again"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def venues(tmp_path: Path) -> Venues:
    return Venues(tmp_path / "journal")


async def test_one_of_two_processes_leads_and_the_other_takes_over_when_it_stops(
    url: str, clock: Clock, venues: Venues, tmp_path: Path
) -> None:
    """Time stands still: nothing expires. The venue is let go of before the lease is."""
    async with process(url, clock, venues, tmp_path / "1") as first:
        await until(lambda: first.leading)
        async with process(url, clock, venues, tmp_path / "2") as second:
            await renewals(5)
            assert not second.leading
            assert second.ready, "to do its part, which is to wait"
            await first.stop()
            assert not first.leading
            await until(lambda: second.leading and venues.now_open == 1)
            assert venues.tried == 2
    assert venues.now_open == 0


async def test_the_work_of_a_process_that_died_is_taken_over_when_its_lease_has_expired(
    url: str, clock: Clock, venues: Venues, tmp_path: Path, database: Database
) -> None:
    async with process(url, clock, venues, tmp_path / "1") as heir:
        await until(lambda: heir.leading)
        await heir.stop()
    with database.active():
        assert await acquire_lease(LEASE, "a process that died", TTL)
    async with process(url, clock, venues, tmp_path / "2") as heir:
        await renewals(5)
        assert not heir.leading
        with database.active():
            await expire()
        await until(lambda: heir.leading)


@pytest.mark.parametrize("minutes", [10, -10])
async def test_a_process_whose_clock_is_wrong_takes_no_lease_and_leaves_none_behind(
    url: str, venues: Venues, tmp_path: Path, database: Database, minutes: int
) -> None:
    """Ten minutes ahead or behind: the lease is judged by the database's clock alone."""
    right, wrong = Clock(datetime.now(UTC)), Clock(datetime.now(UTC) + timedelta(minutes=minutes))
    async with process(url, right, venues, tmp_path / "1") as first:
        await until(lambda: first.leading)
        async with process(url, wrong, venues, tmp_path / "2") as second:
            await renewals(5)
            assert [first.leading, second.leading] == [True, False]
            await first.stop()
            await until(lambda: second.leading)
            with database.active():
                lease = await read_lease(LEASE)
            assert lease is not None
            assert timedelta() < lease.until - lease.now <= timedelta(seconds=FAR_S)
        async with process(url, right, venues, tmp_path / "3") as third:
            await until(lambda: third.leading)


@pytest.mark.parametrize("begun", [True, False])
async def test_a_process_whose_database_does_not_answer_stops_its_work_before_another_may_begin(
    postgres_url: str, migrated_postgres: str, clock: Clock, venues: Venues, tmp_path: Path, begun: bool
) -> None:
    """A cable is pulled, also while it begins to trade: no connection fails, nothing comes back."""
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(fresh_database(postgres_url, copy_of=migrated_postgres))
        proxy = await stack.enter_async_context(PostgresProxy(url).running())
        if not begun:
            venues.opened = proxy.freeze
        cut_off = await stack.enter_async_context(
            process(proxy.url, clock, venues, tmp_path / "1", lease_ttl_s=2, shutdown_timeout_s=0.2)
        )
        await until(lambda: cut_off.leading and cut_off.ready if begun else venues.tried > 0)
        proxy.freeze()
        await until(lambda: not cut_off.leading)
        await until(lambda: venues.now_open == 0)
        async with process(url, clock, venues, tmp_path / "2") as other:
            await until(lambda: other.leading)
            proxy.thaw()
            await renewals(5)
            assert [cut_off.leading, other.leading] == [False, True]


async def test_a_process_that_lost_its_lease_stops_its_work(
    url: str, clock: Clock, venues: Venues, tmp_path: Path, database: Database
) -> None:
    async with process(url, clock, venues, tmp_path / "1") as loser:
        await until(lambda: loser.leading)
        with database.active():
            assert await execute("UPDATE lease SET holder = 'another' WHERE name = 'desk'") == 1
        await until(lambda: not loser.leading)
        await until(lambda: venues.now_open == 0)
        await renewals(5)
        assert not loser.leading
        with database.active():
            assert await acquire_lease(LEASE, "third", TTL) is None, "it did not give back what is not its"


async def test_a_leader_without_redis_gives_way_to_a_process_that_reaches_it_and_to_no_other(
    url: str, clock: Clock, venues: Venues, tmp_path: Path
) -> None:
    """Each process has a Redis of its own here, so that either can be cut off."""
    with RedisServer() as here, RedisServer() as there:
        async with process(url, clock, venues, tmp_path / "1", redis_url=here.url) as first:
            await until(lambda: first.leading)
            async with process(url, clock, venues, tmp_path / "2", redis_url=there.url) as second:
                await until(lambda: second.ready)
                here.kill()
                await until(lambda: second.leading and not first.leading)
                there.kill()
                await renewals(40)
                assert [first.leading, second.leading] == [False, True], "nobody is better off"
                here.start()
                await until(lambda: first.leading and not second.leading)
