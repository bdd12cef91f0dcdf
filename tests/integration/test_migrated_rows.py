"""What migrations make of rows that earlier versions stored: cancel causes, search forms, keys, case numbers.

One way down, with a stop at each state for the rows that a version of then would have written, and one up.
"""

from collections.abc import Sequence
from decimal import Decimal
from uuid import uuid4

import pytest

from desk.orders.cancel import Cancel, cancel
from desk.orders.record_execution import record_execution
from domain.events import OrderView
from domain.execution import ExecType
from domain.ids import CaseId
from domain.liquidation_plan import LegRequest
from domain.order import CancelCause, OrderStatus
from domain.principal import Audience, Permission
from models.case import live_cases_of, next_case_no
from models.client import ClientFilter, page_clients
from models.idempotency import claim_key, stored_outcomes
from models.sql.database import Database, execute, fetch, transaction
from models.sql.where import PageRequest
from tests.integration.migration_steps import bring_to
from tests.kit.desk_kit import APPLE, BOEING, NOON, TRADER, DeskKit, order, report

pytestmark = pytest.mark.faults

SEES_NAMES = Audience(frozenset({Permission.RISK_WARNING_FULL}), None)
BEFORE_CAUSES = "0015_risk_settings_append_only"


async def test_rows_of_earlier_versions_count_on_in_the_form_of_today(database: Database) -> None:
    with database.active():
        kit = DeskKit()
        (view,) = await live_cases_of([await kit.indebted_account("M1")])
        orders = await orders_of_every_kind(kit, view.case.id)

        async def store_rows_of_then(undone: str) -> None:
            if undone == "0029_case_numbers":
                await store_old_keys()
                await count_cases_up_to(41)
            if undone == "0023_search_forms":
                await store_old_spellings(view.case.id)

        await bring_to(BEFORE_CAUSES, store_rows_of_then)
        await database.migrate()
        await orders_have_the_causes_that_are_known(orders)
        await old_spellings_are_found(view.case.id)
        await old_keys_are_found()
        assert view.case.case_no == "MC2020-000001"
        await case_numbers_continue_after(41, kit)


async def orders_of_every_kind(kit: DeskKit, case_id: CaseId) -> Sequence[OrderView]:
    """Filled while its cancel was requested, untouched, and with a cancel that is pending."""
    legs = [LegRequest(APPLE, Decimal(100)), LegRequest(BOEING, Decimal(100))]
    filled, untouched = await kit.liquidate(case_id, *legs)
    (pending,) = await kit.liquidate(case_id, LegRequest(APPLE, Decimal(50)))
    for number, each in enumerate((filled, pending)):
        await _at_work(kit, each, number)
        await cancel(kit.desk, TRADER, Cancel(f"cancel {number}", (each.order.id,), None))
    await record_execution(kit.desk, report(filled.order, ExecType.TRADE, 2, 100))
    return filled, untouched, pending


async def _at_work(kit: DeskKit, view: OrderView, number: int) -> None:
    await fetch(
        "UPDATE liquidation_order SET status = 'PENDING_NEW' WHERE id = $1 RETURNING 1", view.order.id
    )
    await record_execution(kit.desk, report(view.order, ExecType.NEW, number))


async def orders_have_the_causes_that_are_known(orders: Sequence[OrderView]) -> None:
    """Of orders from before causes were kept, a cancel that was requested was decided by a person."""
    after = [(await order(each.order.id)).order for each in orders]
    assert [(each.status, each.cancel_cause) for each in after] == [
        (OrderStatus.FILLED, CancelCause.DECIDED),
        (OrderStatus.QUEUED, None),
        (OrderStatus.PENDING_CANCEL, CancelCause.DECIDED),
    ]


async def store_old_spellings(case_id: CaseId) -> None:
    """As they came: no search form of instruments, names and subjects not normalized."""
    old = "Cafe\u0301 \uff21\uff22\uff23"
    await execute("UPDATE client SET name = $1, search_text = $2", old, old.casefold())
    await execute("UPDATE margin_case SET claimed_by = $1 WHERE id = $2", "ANN", case_id)


async def old_spellings_are_found(case_id: CaseId) -> None:
    page = await page_clients(SEES_NAMES, ClientFilter(search="CAF\u00c9 abc"), PageRequest(10))
    assert [row.name for row in page.rows] == ["Caf\u00e9 \uff21\uff22\uff23"]
    (case,) = await fetch("SELECT claimed_by FROM margin_case WHERE id = $1", case_id)
    assert case["claimed_by"] == "ann"
    texts = [row["search_text"] for row in await fetch("SELECT search_text FROM instrument ORDER BY symbol")]
    assert texts
    assert None not in texts


async def store_old_keys() -> None:
    """Of actors in every spelling; two spellings of one actor have used one key for two requests."""
    for actor in ("Ann.Lee", "\uff21\uff2e\uff2e.LEE", "system", "ann.lee"):
        await _used(actor, f"only {actor}", "request", "case")
    await _used("Ann.Lee", "both", "older request", "case 1")
    await _used("ann.lee", "both", "newer request", "case 2")


async def _used(actor: str, key: str, request: str, item: str) -> None:
    """As an earlier version stored a request of this actor and its answer."""
    assert await claim_key(actor, key, "liquidate", request, NOON)
    await fetch(
        "INSERT INTO idempotency_item (id, actor, idempotency_key, item, outcome, at)"
        " VALUES ($1, $2, $3, $4, $5, $6) RETURNING 1",
        uuid4().hex,
        actor,
        key,
        item,
        f"answer of {actor}",
        NOON,
    )


async def old_keys_are_found() -> None:
    """In the form of the subject."""
    for actor in ("Ann.Lee", "\uff21\uff2e\uff2e.LEE", "ann.lee"):
        assert not await claim_key("ann.lee", f"only {actor}", "liquidate", "another request", NOON)
        assert await claim_key("ann.lee", f"only {actor}", "liquidate", "request", NOON)
        found = await stored_outcomes("ann.lee", f"only {actor}", ["case"])
        assert found == {"case": f"answer of {actor}"}
    assert await claim_key("ann.lee", "both", "liquidate", "newer request", NOON)
    answers = await stored_outcomes("ann.lee", "both", ["case 1", "case 2"])
    assert answers == {"case 2": "answer of ann.lee"}, "answers of two requests are not mixed"


async def count_cases_up_to(number: int) -> None:
    """The counter came down with the number of the one case that there is, and went on."""
    (row,) = await fetch("SELECT value FROM counter WHERE name = 'case'")
    assert row["value"] == 1
    await fetch("UPDATE counter SET value = $1 WHERE name = 'case' RETURNING 1", number)


async def case_numbers_continue_after(number: int, kit: DeskKit) -> None:
    (second,) = await live_cases_of([await kit.indebted_account("M2")])
    assert second.case.case_no == f"MC2020-{number + 1:06}"
    async with transaction():
        assert await next_case_no(2020) == f"MC2020-{number + 2:06}"
