"""What migrations make of the rows that are there."""

from decimal import Decimal

from desk.orders.cancel import Cancel, cancel
from desk.orders.record_execution import record_execution
from domain.events import OrderView
from domain.execution import ExecType
from domain.liquidation_plan import LegRequest
from domain.order import CancelCause, OrderStatus
from models.case import live_cases_of
from models.sql.database import Database, fetch
from tests.integration.migration_steps import bring_to
from tests.kit.desk_kit import APPLE, BOEING, TRADER, DeskKit, order, report


async def test_of_orders_from_before_causes_were_kept_those_whose_cancel_was_asked_for_are_decided(
    database: Database,
) -> None:
    with database.active():
        kit = DeskKit()
        (view,) = await live_cases_of([await kit.indebted_account()])
        legs = [LegRequest(APPLE, Decimal(100)), LegRequest(BOEING, Decimal(100))]
        filled, unasked = await kit.liquidate(view.case.id, *legs)
        (pending,) = await kit.liquidate(view.case.id, LegRequest(APPLE, Decimal(50)))
        for number, each in enumerate((filled, pending)):
            await _at_work(kit, each, number)
            await cancel(kit.desk, TRADER, Cancel(f"cancel {number}", (each.order.id,), None))
        await record_execution(kit.desk, report(filled.order, ExecType.TRADE, 2, 100))
        await bring_to("0015_risk_settings_append_only")
        await database.migrate()
        after = [(await order(each.order.id)).order for each in (filled, unasked, pending)]
        assert [(each.status, each.cancel_cause) for each in after] == [
            (OrderStatus.FILLED, CancelCause.DECIDED),
            (OrderStatus.QUEUED, None),
            (OrderStatus.PENDING_CANCEL, CancelCause.DECIDED),
        ]


async def _at_work(kit: DeskKit, view: OrderView, number: int) -> None:
    await fetch(
        "UPDATE liquidation_order SET status = 'PENDING_NEW' WHERE id = $1 RETURNING 1", view.order.id
    )
    await record_execution(kit.desk, report(view.order, ExecType.NEW, number))
