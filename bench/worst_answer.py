"""The longest step of the event loop while it computes the largest answers within the limits of cost.

On PostgreSQL: 2,000 live cases; 50 of the clients have ten accounts each, with some fifty positions. A step
is what the loop does between two looks at its sockets.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from time import thread_time

import asyncpg

from bench.called_book import open_desk, settings_for
from bench.query.book import columns_of, copy_rows, fill_book
from domain.principal import Audience, Permission, Principal
from gateway.http.server import keep_what_is_loaded
from gateway.resources import Resources
from resolvers.execution.executor import AdmittedOperation, encode
from resolvers.kit.context import RequestContext
from tests.kit.executing import executor
from tests.kit.servers import fresh_database, postgres_server
from tests.kit.worst_documents import leaves

ACCOUNTS_MORE, INSTRUMENTS_MORE = 9, 40
ROUNDS = 3
_READER = Principal(
    "bench",
    Audience(frozenset(Permission), None),
    datetime.min.replace(tzinfo=UTC),
    datetime.max.replace(tzinfo=UTC),
)


def _all(type_name: str) -> str:
    return " ".join(leaves(type_name))


_FIGURES = f"figures {{ {_all('MarginFigures')} }}"
_CASE = f"{_all('Case')} {_FIGURES}"
_ACCOUNT = f"{_all('Account')} {_FIGURES}"
QUERIES = {
    "positions of all accounts": f"{{ clients(first: 100) {{ nodes {{ accounts {{ positions(first: 20) {{"
    f" nodes {{ {_all('Position')} instrument {{ {_all('Instrument')} }} }} }} }} }} }} }}",
    "figures of all accounts": f"{{ clients(first: 100) {{ nodes {{ accounts {{ {_ACCOUNT} }} }} }} }}",
    "accounts as they will stand": "{ clients(first: 100) { nodes { accounts { lookAhead { __typename } } } }"
    " }",
    "cases, their clients, and the accounts of these": f"{{ cases(first: 100) {{ nodes {{ {_CASE}"
    f" account {{ {_ACCOUNT} client {{ openCases {{ {_all('Case')} }} }} }}"
    f" client {{ accounts {{ {_ACCOUNT} }} }} }} }} }}",
    "twelve pages of cases": " ".join(
        ["{", *(f"a{number}: cases(first: 100) {{ nodes {{ {_CASE} }} }}" for number in range(12)), "}"]
    ),
    "fifteen summaries": " ".join(
        ["{", *(f"a{number}: caseSummary {{ __typename }}" for number in range(15)), "}"]
    ),
}


class MeasuredLoop(asyncio.SelectorEventLoop):
    """Notes its longest step."""

    longest_s = 0.0

    def _run_once(self) -> None:
        began = thread_time()
        super()._run_once()  # type: ignore[misc]
        self.longest_s = max(self.longest_s, thread_time() - began)


async def longest_steps() -> dict[str, float]:
    """In milliseconds of the processor, by query; of several rounds the best."""
    return await asyncio.to_thread(_on_a_measured_loop)


def _on_a_measured_loop() -> dict[str, float]:
    with asyncio.Runner(loop_factory=MeasuredLoop) as runner:
        return runner.run(_measure())


async def _measure() -> dict[str, float]:
    with postgres_server() as server, TemporaryDirectory(prefix="bench-") as directory:
        async with fresh_database(server) as url, open_desk(settings_for(url, Path(directory))) as resources:
            await fill_book(resources, url)
            await _add_accounts(url)
            keep_what_is_loaded()
            found = {}
            for name, text in QUERIES.items():
                rounds = [await _longest_step(resources, text) for _ in range(ROUNDS)]
                found[name] = min(step for step, _ in rounds)
                found[f"{name}: encoded"] = min(encoded for _, encoded in rounds)
            return found


async def _add_accounts(url: str) -> None:
    """Each client with positions gets more accounts with the same and further positions."""
    connection = await asyncpg.connect(url)
    try:
        more = {"id": "md5('more' || t.id || n)", "account_no": "t.account_no || '/' || n"}
        await copy_rows(connection, "account", more, "t.account_no NOT LIKE '%-%'", ACCOUNTS_MORE)
        columns = await columns_of(connection, "position")
        same = {"id": "md5(a.id || t.id)", "account_id": "a.id"}
        await connection.execute(
            f"INSERT INTO position ({', '.join(columns)}) SELECT {_selected(columns, same)} FROM account a"
            " JOIN account o ON o.client_id = a.client_id AND o.account_no NOT LIKE '%/%'"
            " JOIN position t ON t.account_id = o.id WHERE a.account_no LIKE '%/%'"
        )
        further = {"id": "md5(t.id || i.symbol)", "instrument_id": "i.symbol"}
        await connection.execute(
            f"INSERT INTO position ({', '.join(columns)}) SELECT {_selected(columns, further)}"
            " FROM (SELECT DISTINCT ON (account_id) * FROM position) t CROSS JOIN"
            f" (SELECT symbol FROM instrument WHERE symbol LIKE 'B%' LIMIT {INSTRUMENTS_MORE}) i"
            " ON CONFLICT DO NOTHING"
        )
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()


def _selected(columns: Sequence[str], own: Mapping[str, str]) -> str:
    return ", ".join(own.get(each, f"t.{each}") for each in columns)


async def _longest_step(resources: Resources, text: str) -> tuple[float, float]:
    """Of the execution, and the time to encode the answer."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, MeasuredLoop), "the loop of this benchmark"
    desk = executor()
    operation = desk.admit(desk.read(text), None, {})
    assert isinstance(operation, AdmittedOperation), operation
    await asyncio.sleep(0)
    loop.longest_s = 0.0
    result = await asyncio.create_task(desk.execute(operation, RequestContext(resources.api, _READER)))
    await asyncio.sleep(0)
    longest_s = loop.longest_s
    assert not result.errors, result.errors
    began = thread_time()
    encode(result)
    return 1000 * longest_s, 1000 * (thread_time() - began)
