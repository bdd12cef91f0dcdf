"""Store a plan as case, orders, audit and events, in the caller's transaction. Sends nothing."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from desk.assessment.case_event import case_event, twin_events
from desk.audit import case_entry
from desk.context import DeskContext
from desk.evidence.take_snapshot import snapshot_change
from desk.liquidation.liquidation_command import Liquidate
from desk.liquidation.plan_liquidation import PlannedLiquidation, ReadAhead
from desk.order_steps import created_event, creation_step
from desk.outcomes import LiquidationStarted, Uncurable
from domain.case import Case, CaseTrigger, decide
from domain.events import Event, OrderView
from domain.ids import OrderId
from domain.liquidation import uncovered_amount
from domain.money import plain_text
from domain.open_orders import as_open_orders
from domain.order import Order, OrderStatus, client_order_id
from domain.principal import Principal
from domain.refusals import Refusal
from domain.requested_amount import book_of
from models import outbox
from models.audit import AuditEntry, write_audit
from models.case import save_case
from models.holding import bump_book
from models.order import add_changes, insert_orders


async def record_liquidation(
    desk: DeskContext, principal: Principal, planned: PlannedLiquidation, now: datetime
) -> LiquidationStarted:
    """Store the plan, in the caller's transaction: case, orders, audit, events."""
    view, read, plan = planned.view, planned.read, planned.plan
    case = decide(view.case, CaseTrigger.LIQUIDATION_ACCEPTED, now)
    assert not isinstance(case, Refusal)
    orders = _orders(desk, principal, planned, case, now)
    order_views = [OrderView(order, view.account) for order in orders]
    if not case.is_recovery:
        uncovered = _uncovered(desk, case, read, [*read.orders, *order_views], now)
        case = replace(case, uncovered_amount=uncovered)
    before = replace(view, symbols=read.book.symbols)
    events: list[Event] = [case_event(desk, before, replace(before, case=case), now)]
    events += [created_event(desk, each) for each in order_views]
    await insert_orders(orders)
    await add_changes([creation_step(order) for order in orders])
    await save_case(case)
    await bump_book(case.account_id)
    await write_audit([_audit(principal, planned, case, orders, now)])
    await snapshot_change(desk, view.case, case, now, read.book, read.orders)
    await outbox.append([*events, *await twin_events(desk, case.account_id, events, now)])
    return LiquidationStarted(
        case.id,
        tuple(order.id for order in orders),
        plan.estimated_reduction,
        plan.amount_after,
        tuple(Uncurable(each.symbol, each.code, each.remaining) for each in plan.uncurable),
        plan.short_of_target,
        plan.unknown_volume,
    )


def _uncovered(
    desk: DeskContext, case: Case, read: ReadAhead, orders: Sequence[OrderView], now: datetime
) -> Decimal:
    """The amount that counting orders leave to collect; an order that waits for its market does not count."""
    book = book_of(case.alert_type, read.book.book)
    return uncovered_amount(
        book, as_open_orders(orders, book, desk.cover_conditions(now)), now, desk.policy.max_price_age
    )


def _orders(
    desk: DeskContext, principal: Principal, planned: PlannedLiquidation, case: Case, now: datetime
) -> list[Order]:
    """One order per leg of the plan; orders after an approval belong to the maker."""
    command, instruction = planned.command, planned.item.plan
    placed_by = principal.subject if command.approval is None else command.approval.maker
    return [
        Order(
            id=OrderId(desk.new_id()),
            client_order_id=client_order_id(case.case_no, case.plans, number),
            case_id=case.id,
            account_id=case.account_id,
            symbol=leg.instrument.symbol,
            side=leg.side,
            type=instruction.order_type,
            time_in_force=instruction.time_in_force,
            session=instruction.session,
            quantity=leg.quantity,
            limit_price=leg.limit_price,
            status=OrderStatus.QUEUED,
            estimated_reduction=leg.reduction,
            placed_by=placed_by,
            created_at=now,
            updated_at=now,
            override=instruction.override,
            ordered_alone_by=command.ordered_alone_by,
        )
        for number, leg in enumerate(planned.plan.legs, start=1)
    ]


def _audit(
    principal: Principal, planned: PlannedLiquidation, after: Case, orders: Sequence[Order], now: datetime
) -> AuditEntry:
    command, plan = planned.command, planned.plan
    legs = [
        {
            "clientOrderId": order.client_order_id,
            "symbol": order.symbol,
            "side": order.side,
            "quantity": plain_text(order.quantity),
            "price": plain_text(leg.price),
            "reduction": plain_text(leg.reduction),
        }
        for order, leg in zip(orders, plan.legs, strict=True)
    ]
    detail = {
        "idempotencyKey": command.idempotency_key,
        "reason": command.reason,
        "policy": planned.item.plan.policy,
        "target": planned.item.plan.target,
        "amountBefore": plain_text(plan.amount_before),
        "amountAfter": plain_text(plan.amount_after),
        "legs": legs,
        **_approval_facts(command),
    }
    entry = case_entry(principal, now, planned.view.case, after, "liquidate", detail)
    assert entry is not None, "a liquidation changes the case"
    return entry


def _approval_facts(command: Liquidate) -> dict[str, str]:
    if command.approval is None:
        return {}
    return {"approval": command.approval.id, "maker": command.approval.maker}
