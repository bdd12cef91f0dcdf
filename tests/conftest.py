"""Fixtures every test may ask for; a server starts only when the first test of the run asks for it."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.servers import fresh_database, postgres_server, redis_server


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A real PostgreSQL whose user may create databases; use `database_url` for one of your own."""
    with postgres_server() as url:
        yield url


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A real Redis shared by the run: name your keys uniquely, never flush."""
    with redis_server() as url:
        yield url


@pytest.fixture
async def database_url(postgres_url: str) -> AsyncIterator[str]:
    """A new, empty PostgreSQL database for this test alone."""
    async with fresh_database(postgres_url) as url:
        yield url
