"""Demand stock from an account: a recovery case with one record per stock, in the caller's transaction.

An account has one live case per reason; further demands are added to it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from desk.assessment.case_event import case_event, twin_events
from desk.audit import case_entry
from desk.context import DeskContext
from desk.evidence.take_snapshot import snapshot_change
from domain.case import AlertType, Case, CaseStatus, CaseTrigger, decide
from domain.events import CaseEvent, CaseEventKind, CaseView
from domain.ids import CaseId, RecoveryId, Symbol
from domain.margin import compute_figures
from domain.money import ZERO, plain_text
from domain.principal import Principal
from domain.refusals import Refusal
from domain.stock_recovery import RecallCause, Recovery, without_amount
from models.audit import write_audit
from models.book import AccountBook
from models.case import insert_case, last_closed_case, live_cases_of, next_case_no, save_case
from models.stock_recovery import insert_recoveries


@dataclass(frozen=True, slots=True)
class StockDemand:
    """A quantity of a stock to bring back. The last three fields are for recalls."""

    symbol: Symbol
    quantity: Decimal
    short_may_stay: Decimal = ZERO
    cause: RecallCause | None = None
    recall_id: str | None = None


@dataclass(frozen=True, slots=True)
class StockCall:
    """The stocks that an account must bring back for one reason, and by when."""

    alert_type: AlertType
    demands: Sequence[StockDemand]
    due_at: datetime


async def open_recoveries(
    desk: DeskContext,
    by: Principal | str,
    account: AccountBook,
    call: StockCall,
    now: datetime,
) -> list[CaseEvent]:
    """Store case, records and snapshots; returns the events to append. `account` was read under its lock."""
    alert_type, demands, due_at = call.alert_type, call.demands, call.due_at
    live = await live_cases_of([account.account.account_id])
    before = next((view for view in live if view.case.alert_type is alert_type), None)
    if before is None:
        view, event = await _opened(desk, account, alert_type, due_at, now)
    else:
        view, event = await _extended(desk, account, before, due_at, now)
    await insert_recoveries(
        [
            Recovery(
                id=RecoveryId(desk.new_id()),
                account_id=view.case.account_id,
                case_id=view.case.id,
                alert_type=alert_type,
                symbol=each.symbol,
                quantity=each.quantity,
                outstanding=each.quantity,
                due_at=due_at,
                opened_at=now,
                short_may_stay=each.short_may_stay,
                cause=each.cause,
                recall_id=each.recall_id,
            )
            for each in demands
        ]
    )
    case_before = before.case if before else None
    record = case_entry(by, now, case_before, view.case, detail={"stock": [_plain(each) for each in demands]})
    await write_audit([record] if record else [])
    await snapshot_change(desk, case_before, view.case, now, account)
    return [event, *await twin_events(desk, view.case.account_id, [event], now)]


def _plain(demand: StockDemand) -> dict[str, str | None]:
    return {"symbol": demand.symbol, "quantity": plain_text(demand.quantity), "recall": demand.recall_id}


async def _opened(
    desk: DeskContext, account: AccountBook, alert_type: AlertType, due_at: datetime, now: datetime
) -> tuple[CaseView, CaseEvent]:
    account_id = account.account.account_id
    case = Case(
        id=CaseId(desk.new_id()),
        case_no=await next_case_no(now.year),
        account_id=account_id,
        alert_type=alert_type,
        status=CaseStatus.OPEN,
        figures=without_amount(compute_figures(account.book, now, desk.policy.max_price_age)),
        amount_at_open=ZERO,
        uncovered_amount=ZERO,
        opened_at=now,
        deadline=due_at,
        force_eligible=False,
        reopened_from=await last_closed_case(account_id, alert_type),
        worth=account.reporting.worth(ZERO),
    )
    await insert_case(case)
    view = CaseView(case, account.account, account.symbols)
    return view, CaseEvent(desk.event_id(), now, CaseEventKind.OPENED, view)


async def _extended(
    desk: DeskContext, account: AccountBook, before: CaseView, due_at: datetime, now: datetime
) -> tuple[CaseView, CaseEvent]:
    case = decide(before.case, CaseTrigger.EDITED, now)
    assert not isinstance(case, Refusal), "a live case can be edited"
    case = replace(case, cured_since=None, deadline=min(case.deadline, due_at))
    await save_case(case)
    before = replace(before, symbols=account.symbols)
    view = replace(before, case=case)
    return view, case_event(desk, before, view, now)
