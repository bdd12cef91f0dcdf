"""Plan and record the liquidation of cases. Talks to no venue: recorded orders are dispatched afterwards.

One transaction per case, under the lock of its account: so two traders, or the same request twice, meet one
after the other, and the second sees what the first did. What is read ahead for a whole batch is used only
where the version of the account's book, read under the lock, says that it still holds.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from desk.assess_case import as_open_orders, case_event
from desk.assess_recovery import is_recovery
from desk.audit import case_entry
from desk.desk import Desk
from desk.four_eyes import Lately, facts_after, facts_before, load_lately, outgrown, why_two
from desk.kill_switch import frozen_by
from desk.order_steps import created_event, creation_step
from desk.outcomes import (
    BUSY,
    KEY_REUSED,
    LIQUIDATION_OUTCOMES,
    LiquidationOutcome,
    LiquidationRefused,
    LiquidationStarted,
    Uncurable,
    lacks,
    plain,
    request_hash,
)
from desk.plan_recovery import plan_case_recovery
from desk.request_approval import ApprovalAsked, request_approval, would_ask
from desk.take_snapshot import snapshot_change
from domain.approval import Approval, ApprovalKind
from domain.case import Case, CaseTrigger, decide
from domain.events import CaseView, Event, OrderView
from domain.ids import AccountId, CaseId, OrderId, RecoveryId, client_order_id
from domain.liquidation import LiquidationTarget, Plan, PlannedLeg, PlanRequest, plan
from domain.order import Order, OrderStatus
from domain.principal import Capability, Principal
from domain.refusals import Refusal, RefusalCode
from domain.risk_settings import ForceType, trade_type_of
from models import outbox
from models.audit import AuditEntry, write_audit
from models.book import AccountBook, load_books
from models.case import load_cases, lock_case, save_case
from models.codec import Codec, loads
from models.database import Busy, UniqueViolated, transaction
from models.holding import bump_book
from models.idempotency import claim_key, store_outcome, stored_outcomes
from models.order import add_changes, insert_orders, open_orders_of

READ_AHEAD_CASES = 50
"""How many cases are read at once: enough to save round trips, few enough that quotes stay fresh."""


@dataclass(frozen=True, slots=True)
class LiquidateCase:
    """One case of a batch."""

    case_id: CaseId
    expected_version: int | None
    plan: PlanRequest
    recoveries: tuple[RecoveryId, ...] = ()
    """Of a case of stock recovery: which to serve; none named: all that are open."""


@dataclass(frozen=True, slots=True)
class Liquidate:
    """The command. Cases differ from each other."""

    idempotency_key: str
    cases: tuple[LiquidateCase, ...]
    reason: str | None
    approval: Approval | None = None
    """What a second person approved; the caller is that person, and the orders are the maker's."""


@dataclass(frozen=True, slots=True)
class ApprovedLiquidation:
    """What is kept of a command until a second person approves it: the version that was seen is not."""

    idempotency_key: str
    item: LiquidateCase


APPROVED_LIQUIDATIONS: Codec[ApprovedLiquidation] = Codec(ApprovedLiquidation)


@dataclass(frozen=True, slots=True)
class ReadAhead:
    """An account's book, its open orders, and what was ordered lately."""

    book: AccountBook
    orders: Sequence[OrderView]
    lately: Lately


async def liquidate(desk: Desk, principal: Principal, command: Liquidate) -> list[LiquidationOutcome]:
    """One outcome per case, in the order asked."""
    ids = [item.case_id for item in command.cases]
    if not principal.audience.may(Capability.LIQUIDATE):
        return [
            LiquidationRefused(id_, RefusalCode.FORBIDDEN, lacks(Capability.LIQUIDATE), False) for id_ in ids
        ]
    key, actor = command.idempotency_key, principal.subject
    if not await claim_key(actor, key, "liquidate", _hash(command), desk.clock()):
        return [LiquidationRefused(id_, RefusalCode.IDEMPOTENCY_KEY_REUSED, KEY_REUSED, False) for id_ in ids]
    outcomes: dict[CaseId, LiquidationOutcome] = {
        CaseId(item): LIQUIDATION_OUTCOMES.from_text(text)
        for item, text in (await stored_outcomes(actor, key, ids)).items()
    }
    todo = [item for item in command.cases if item.case_id not in outcomes]
    for start in range(0, len(todo), READ_AHEAD_CASES):
        chunk = todo[start : start + READ_AHEAD_CASES]
        ahead = await _read_ahead(desk, principal, chunk)
        for item in chunk:
            outcomes[item.case_id] = await _liquidate_case(desk, principal, command, item, ahead)
    desk.on_commit()
    return [outcomes[id_] for id_ in ids]


async def _read_ahead(
    desk: Desk, principal: Principal, items: Sequence[LiquidateCase]
) -> dict[AccountId, ReadAhead]:
    views = await load_cases(principal.audience, [item.case_id for item in items])
    account_ids = sorted({view.case.account_id for view in views.values()})
    if not account_ids:
        return {}
    books = await load_books(account_ids, desk.rules.books, desk.clock())
    orders: dict[AccountId, list[OrderView]] = defaultdict(list)
    for order in await open_orders_of(account_ids):
        orders[order.order.account_id].append(order)
    lately = await load_lately(list(books.values()), desk.clock())
    return {id_: ReadAhead(book, orders[id_], lately[id_]) for id_, book in books.items()}


async def _liquidate_case(
    desk: Desk,
    principal: Principal,
    command: Liquidate,
    item: LiquidateCase,
    ahead: dict[AccountId, ReadAhead],
) -> LiquidationOutcome:
    try:
        async with transaction():
            return await _decide_case(desk, principal, command, item, ahead)
    except Busy:
        return LiquidationRefused(item.case_id, RefusalCode.VERSION_CONFLICT, BUSY, True)
    except UniqueViolated:
        # The same request, sent twice at once, was faster: its answer is ours.
        stored = await stored_outcomes(principal.subject, command.idempotency_key, [item.case_id])
        if item.case_id not in stored:
            raise
        return LIQUIDATION_OUTCOMES.from_text(stored[item.case_id])


async def _decide_case(
    desk: Desk,
    principal: Principal,
    command: Liquidate,
    item: LiquidateCase,
    ahead: dict[AccountId, ReadAhead],
) -> LiquidationOutcome:
    now = desk.clock()
    locked = await lock_case(principal.audience, item.case_id)
    if locked is None:
        return LiquidationRefused(item.case_id, RefusalCode.NOT_FOUND, "There is no such case.", False)
    view, book_version = locked
    read = await _fresh(desk, view, book_version, ahead, now)
    made = await _plan(view, item, read, desk, now)
    outcome: LiquidationOutcome
    if isinstance(made, Refusal):
        outcome = LiquidationRefused(item.case_id, made.code, made.message, True)
    elif why := why_two(desk, read.book, read.lately, made, len(command.cases), item.plan.override):
        outcome = await _ask_another(desk, principal, command, item, view, made, why, now)
    else:
        outcome = await record_liquidation(desk, principal, command, item, view, made, read, now)
    await store_outcome(
        *(principal.subject, command.idempotency_key, item.case_id),
        LIQUIDATION_OUTCOMES.to_text(outcome),
        now,
    )
    return outcome


async def _ask_another(
    desk: Desk,
    principal: Principal,
    command: Liquidate,
    item: LiquidateCase,
    view: CaseView,
    made: Plan,
    why: str,
    now: datetime,
) -> LiquidationRefused:
    approved = ApprovedLiquidation(command.idempotency_key, replace(item, expected_version=None))
    asked = ApprovalAsked(
        kind=ApprovalKind.LIQUIDATION,
        entity="case",
        entity_id=item.case_id,
        account_id=view.case.account_id,
        reason=command.reason,
        before=facts_before(made),
        after=facts_after(made),
        command=APPROVED_LIQUIDATIONS.to_text(approved),
    )
    refused = await request_approval(desk, principal, asked, why, now)
    return LiquidationRefused(item.case_id, refused.code, refused.message, True, refused.approval_id)


async def liquidate_approved(
    desk: Desk, approver: Principal, approval: Approval, approved: ApprovedLiquidation, now: datetime
) -> Plan | Refusal:
    """Plan anew and record, in the caller's transaction; the plan that was recorded."""
    item = approved.item
    locked = await lock_case(approver.audience, item.case_id)
    if locked is None:
        return Refusal(RefusalCode.NOT_FOUND, "There is no such case.")
    view, book_version = locked
    read = await _fresh(desk, view, book_version, {}, now)
    made = await _plan(view, item, read, desk, now)
    if not isinstance(made, Refusal):
        refused = outgrown(loads(approval.after), made, desk.rules.approval_growth)
        if refused is not None:
            return refused
        command = Liquidate(approved.idempotency_key, (item,), approval.reason, approval)
        await record_liquidation(desk, approver, command, item, view, made, read, now)
    return made


async def _fresh(
    desk: Desk, view: CaseView, book_version: int, ahead: dict[AccountId, ReadAhead], now: datetime
) -> ReadAhead:
    account_id = view.case.account_id
    read = ahead.get(account_id)
    rules = await desk.risk_rules(now)
    if read is not None and read.book.version == book_version and read.book.rules is rules:
        return read
    book = (await load_books([account_id], desk.rules.books, now))[account_id]
    orders = await open_orders_of([account_id])
    return ReadAhead(book, orders, (await load_lately([book], now))[account_id])


async def _plan(
    view: CaseView, item: LiquidateCase, read: ReadAhead, desk: Desk, now: datetime
) -> Plan | Refusal:
    case = view.case
    if item.expected_version is not None and item.expected_version != case.version:
        return Refusal(
            RefusalCode.VERSION_CONFLICT,
            f"The case is at version {case.version}, not {item.expected_version}: look at it again.",
        )
    return await plan_now(desk, view, item, read, now)


async def plan_now(
    desk: Desk, view: CaseView, item: LiquidateCase, read: ReadAhead, now: datetime
) -> Plan | Refusal:
    """What would be recorded at this moment, or why nothing; the preview asks too. Changes nothing."""
    accepted = decide(view.case, CaseTrigger.LIQUIDATION_ACCEPTED, now)
    if isinstance(accepted, Refusal):
        return accepted
    off = await frozen_by(view.account) or switched_off(read.book, ForceType.MANUAL)
    if off is not None:
        return off
    orders = as_open_orders(read.orders)
    if is_recovery(view.case):
        return await plan_case_recovery(desk, view.case, read.book, orders, item.plan, item.recoveries, now)
    return plan(read.book.book, orders, item.plan, desk.rules.plans, now)


async def second_person(
    desk: Desk, view: CaseView, item: LiquidateCase, read: ReadAhead, made: Plan
) -> Refusal | None:
    """What `liquidate` would say of this plan alone, if it takes two. Changes nothing."""
    why = why_two(desk, read.book, read.lately, made, 1, item.plan.override)
    return None if why is None else await would_ask(ApprovalKind.LIQUIDATION, "case", view.case.id, why)


def switched_off(account: AccountBook, force_type: ForceType) -> Refusal | None:
    """Whether the risk back office lets accounts of this type be liquidated this way."""
    account_type = account.account.account_type
    if account.rules.liquidation_on(account_type, force_type):
        return None
    return Refusal(
        RefusalCode.SWITCH_OFF,
        f"{force_type.capitalize()} liquidation of {trade_type_of(account_type).lower()} accounts is switched"
        " off in the risk settings.",
    )


async def record_liquidation(
    desk: Desk,
    principal: Principal,
    command: Liquidate,
    item: LiquidateCase,
    view: CaseView,
    made: Plan,
    read: ReadAhead,
    now: datetime,
) -> LiquidationStarted:
    """Store what was planned, in the caller's transaction: case, orders, audit, events."""
    case = decide(view.case, CaseTrigger.LIQUIDATION_ACCEPTED, now)
    assert not isinstance(case, Refusal)
    case = replace(case, uncovered_amount=made.amount_after)
    orders = [
        _order(desk, _placed_by(principal, command), item, case.case_no, case.plans, number, leg, view, now)
        for number, leg in enumerate(made.legs, start=1)
    ]
    before = replace(view, symbols=read.book.symbols)
    changed = replace(before, case=case)
    events: list[Event] = [case_event(desk, before, changed, now)]
    events += [created_event(desk, OrderView(order, view.account)) for order in orders]
    await insert_orders(orders)
    await add_changes([creation_step(order) for order in orders])
    await save_case(case)
    await bump_book(case.account_id)
    await write_audit([_audit(principal, command, item, view.case, case, orders, made, now)])
    await snapshot_change(desk, view.case, case, now, read.book, read.orders)
    await outbox.append(events)
    return LiquidationStarted(
        case.id,
        tuple(order.id for order in orders),
        made.estimated_reduction,
        made.amount_after,
        tuple(Uncurable(each.symbol, each.code, each.remaining) for each in made.uncurable),
        made.short_of_target,
        made.unknown_volume,
    )


def _placed_by(principal: Principal, command: Liquidate) -> str:
    return principal.subject if command.approval is None else command.approval.maker


def _order(
    desk: Desk,
    placed_by: str,
    item: LiquidateCase,
    case_no: str,
    plan_number: int,
    number: int,
    leg: PlannedLeg,
    view: CaseView,
    now: datetime,
) -> Order:
    return Order(
        id=OrderId(desk.new_id()),
        client_order_id=client_order_id(case_no, plan_number, number),
        case_id=view.case.id,
        account_id=view.case.account_id,
        symbol=leg.instrument.symbol,
        side=leg.side,
        type=item.plan.order_type,
        time_in_force=item.plan.time_in_force,
        session=item.plan.session,
        quantity=leg.quantity,
        limit_price=leg.limit_price,
        status=OrderStatus.QUEUED,
        estimated_reduction=leg.reduction,
        placed_by=placed_by,
        created_at=now,
        updated_at=now,
        override=item.plan.override,
    )


def _audit(
    principal: Principal,
    command: Liquidate,
    item: LiquidateCase,
    before: Case,
    after: Case,
    orders: Sequence[Order],
    made: Plan,
    now: datetime,
) -> AuditEntry:
    legs = [
        {
            "clientOrderId": order.client_order_id,
            "symbol": order.symbol,
            "side": order.side,
            "quantity": plain(order.quantity),
            "price": plain(leg.price),
            "reduction": plain(leg.reduction),
        }
        for order, leg in zip(orders, made.legs, strict=True)
    ]
    detail = {
        "idempotencyKey": command.idempotency_key,
        "reason": command.reason,
        "policy": item.plan.policy,
        "target": item.plan.target,
        "amountBefore": plain(made.amount_before),
        "amountAfter": plain(made.amount_after),
        "legs": legs,
        **_approval_facts(command),
    }
    made_of = case_entry(principal, now, before, after, "liquidate", detail)
    assert made_of is not None, "a liquidation changes the case"
    return made_of


def _approval_facts(command: Liquidate) -> dict[str, str]:
    if command.approval is None:
        return {}
    return {"approval": command.approval.id, "maker": command.approval.maker}


def _hash(command: Liquidate) -> str:
    return request_hash({"reason": command.reason, "cases": [_plain_item(item) for item in command.cases]})


def _plain_item(item: LiquidateCase) -> dict[str, object]:
    asked = item.plan
    legs = (
        None
        if asked.legs is None
        else [[leg.symbol, plain(leg.quantity), plain(leg.limit_price)] for leg in asked.legs]
    )
    return (
        {
            "case": item.case_id,
            "expectedVersion": item.expected_version,
            "legs": legs,
            "policy": asked.policy,
            "keep": sorted(asked.keep),
            "order": [asked.order_type, asked.session, asked.time_in_force],
        }
        | _plain_knobs(asked)
        | ({"recoveries": list(item.recoveries)} if item.recoveries else {})
    )


def _plain_knobs(asked: PlanRequest) -> dict[str, object]:
    """Left out where nothing is asked: a request from before there were knobs keeps its hash."""
    knobs = {
        "target": asked.target if asked.target is not LiquidationTarget.MARGIN_CALL else None,
        "priceBand": plain(asked.price_band or None),
        "maxAdvShare": plain(asked.caps.adv_share),
        "maxSliceNotional": plain(asked.caps.slice_notional),
        "override": asked.override or None,
    }
    return {name: knob for name, knob in knobs.items() if knob is not None}
