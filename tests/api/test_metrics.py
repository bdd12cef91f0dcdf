"""What an operator can alert on: operations by error, work that waits, the monitor, the connections."""

import asyncio
import hashlib
import re
from collections import Counter

import httpx
import pytest
from structlog.testing import capture_logs

from tests.api.case_work import WORK_EVENTS, command
from tests.api.trading import cases, liquidate
from tests.kit.book_files import BANK, a_book, a_client, owing, quotes
from tests.kit.desk_server import Desk, World, scraped
from tests.kit.patience import ANY_TIME_S, PATIENCE_S

DAY_S = 86_400

pytestmark = pytest.mark.both_stacks


@pytest.fixture
async def desk(world: World) -> Desk:
    """M1 and M2 owe; nothing trades."""
    desk = await world.desk(a_book(a_client("C1", owing("M1")), a_client("C2", owing("M2"))))
    events = await desk.caller().subscribe(WORK_EVENTS)
    await world.market.says(*quotes(world.clock(), size=0))
    await events.next()
    await events.next()
    return desk


async def test_cases_and_orders_that_wait_are_counted(desk: Desk) -> None:
    ann = desk.caller(subject="ann")
    first, _ = await cases(ann)
    await liquidate(ann, first["id"], legs=[{"symbol": BANK, "quantity": "100"}])
    desk.clock.advance(minutes=5)
    before = await scraped(desk)
    assert (before['desk_cases{status="LIQUIDATING"}'], before['desk_cases{status="OPEN"}']) == (1, 1)
    assert before["desk_cases_unclaimed_age_seconds"] == pytest.approx(300, abs=5)
    assert before["desk_cases_overdue"] == 0
    assert before["desk_monitor_accounts"] == 2
    assert before["desk_monitor_round_seconds_count"] >= 1
    assert before["desk_trading_up"] == 1
    assert before["desk_lease_terms"] == 1
    assert before["desk_lease_left_seconds"] > 0
    assert sum(count for name, count in before.items() if name.startswith("desk_orders{")) == 1
    for case in await cases(ann):
        await command(ann, "claimCase", case)
    assert (await scraped(desk))["desk_cases_unclaimed_age_seconds"] == 0
    desk.clock.advance(days=30)
    after = await scraped(desk)
    assert after["desk_cases_overdue"] == 2
    assert after["desk_cases_unclaimed_age_seconds"] > 29 * DAY_S, "a claim expires"


async def test_operations_are_counted_by_type_and_first_error(desk: Desk) -> None:
    ann = desk.caller(subject="ann")
    await ann.ask("{ viewer { subject } }")
    assert (await ann.answer("{ nowhere }")).codes == ["GRAPHQL_VALIDATION_FAILED"]
    assert (await ann.answer("{")).codes == ["GRAPHQL_VALIDATION_FAILED"]
    assert (await ann.answer("query ($id: ID!) { case(id: $id) { id } }")).codes == ["BAD_USER_INPUT"]
    socket = await ann.socket()
    await socket.ask("{ viewer { subject } }")
    counted = await scraped(desk)
    totals: Counter[str] = Counter()
    for name, count in counted.items():
        totals[re.sub('operation=".*?",', "", name)] += int(count)
    assert totals['desk_operations_total{code="OK",type="query"}'] == 2
    assert totals['desk_operations_total{code="OK",type="subscription"}'] == 1
    assert totals['desk_operations_total{code="GRAPHQL_VALIDATION_FAILED",type="query"}'] == 1
    assert totals['desk_operations_total{code="GRAPHQL_VALIDATION_FAILED",type="unknown"}'] == 1
    assert totals['desk_operations_total{code="BAD_USER_INPUT",type="query"}'] == 1
    assert counted['desk_operation_seconds_count{type="query"}'] == 2
    # The query of the socket was known from the first one.
    assert counted['desk_documents_total{result="known"}'] >= 1
    assert counted['desk_documents_total{result="new"}'] >= 4


async def test_operations_are_counted_by_a_bounded_number_of_names(world: World) -> None:
    desk = await world.desk(a_book(), metrics_operation_names=2)
    ann = desk.caller(subject="ann")
    await ann.answer("query Invented { nowhere }")
    for name in ("First", "Second", "Third", "First", ""):
        await ann.ask(f"query {name} {{ viewer {{ subject }} }}")
    await ann.answer("query Second { nowhere }")
    counted = await scraped(desk)
    shown = {name: count for name, count in counted.items() if name.startswith("desk_operations_total{")}
    of = 'desk_operations_total{{code="{}",operation="{}",type="{}"}}'.format
    assert {name: count for name, count in shown.items() if 'type="query"' in name} == {
        of("OK", "First", "query"): 2,
        of("OK", "Second", "query"): 1,
        of("OK", "(other)", "query"): 1,
        of("OK", "(none)", "query"): 1,
        of("GRAPHQL_VALIDATION_FAILED", "(other)", "query"): 1,
        of("GRAPHQL_VALIDATION_FAILED", "Second", "query"): 1,
    }
    assert counted['desk_named_operation_seconds_count{operation="First"}'] == 2
    assert counted['desk_named_operation_seconds_sum{operation="First"}'] > 0


async def test_what_the_database_holds_is_read_once_an_interval(world: World) -> None:
    desk = await world.desk(a_book(), metrics_database_interval_s=ANY_TIME_S)
    terms = (await scraped(desk))["desk_lease_terms"]
    await desk.rows("UPDATE lease SET fence = fence + 1 RETURNING fence")
    assert (await scraped(desk))["desk_lease_terms"] == terms


async def test_many_scrapes_cost_one_exposition(world: World) -> None:
    desk = await world.desk(a_book(), metrics_kept_s=ANY_TIME_S)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{desk.port}", timeout=PATIENCE_S) as client:
        answers = await asyncio.gather(*(client.get("/metrics") for _ in range(20)))
        await client.get("/nowhere")
        answers.append(await client.get("/metrics"))
    assert [answer.status_code for answer in answers] == [200] * 21
    assert len({answer.content for answer in answers}) == 1


async def test_requests_refused_before_graphql_are_counted_by_status_and_code(desk: Desk) -> None:
    json = {"Content-Type": "application/json"}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{desk.port}", timeout=PATIENCE_S) as client:
        await client.post("/graphql", json={"query": "{ viewer { subject } }"})
        await client.post("/graphql", content=b"x" * (desk.settings.max_body_bytes + 1), headers=json)
        await client.put("/reports/aging.csv")
        await client.get("/reports/aging.csv")
        await client.get("/nowhere")
        await client.get("/" + "x" * desk.settings.http_url_bytes)
    counted = {name: count for name, count in (await scraped(desk)).items() if "http_errors_total" in name}
    assert counted == {
        'desk_http_errors_total{code="TOKEN_MISSING",status="401"}': 2,
        'desk_http_errors_total{code="BODY_TOO_LARGE",status="413"}': 1,
        'desk_http_errors_total{code="OTHER",status="405"}': 1,
        'desk_http_errors_total{code="OTHER",status="404"}': 1,
        'desk_http_errors_total{code="URL_TOO_LONG",status="414"}': 1,
    }


async def test_the_process_and_its_connections_are_shown(desk: Desk, world: World) -> None:
    shown = await scraped(desk)
    assert any(name.startswith("desk_build_info{") for name in shown)
    assert shown["process_open_fds"] > 0
    pool = {f"desk_database_connections_{name}" for name in ("busy", "max", "awaited")}
    assert pool & shown.keys() == (pool if world.database_url.startswith("postgres") else set())


async def test_a_slow_operation_is_logged_with_the_hash_of_its_document(world: World) -> None:
    desk = await world.desk(a_book(), slow_operation_s=1e-9)
    document = "query Caller { viewer { subject } }"
    with capture_logs() as logs:
        await desk.caller().ask(document)
    (slow,) = [each for each in logs if each["event"] == "a slow operation"]
    digest = hashlib.sha256(document.encode()).hexdigest()
    assert digest.startswith(slow["document"])
    assert (slow["operation"], slow["type"], slow["cost"]) == ("Caller", "query", 2)
