"""Which events a subscription delivers: the filters of the lists, applied to one event at a time."""

from datetime import datetime

from domain.case import CaseStatus
from domain.events import CaseEvent, CaseEventKind, CaseView, OrderEvent, OrderEventKind, OrderView
from domain.principal import Audience
from models.case import CaseFilter
from models.order import OrderFilter


def case_event_kind(
    event: CaseEvent, wanted: CaseFilter, audience: Audience, now: datetime
) -> CaseEventKind | None:
    """As what the event is delivered; None: not at all. A case that leaves the wanted statuses is REMOVED."""
    view = event.view
    if not audience.covers(view.account.account_no) or not _case_matches(view, wanted):
        return None
    if wanted.status is not None:
        return _within(event.kind, view.case.status, event.previous_status, wanted.status)
    closing = event.kind is CaseEventKind.CLOSED
    return event.kind if closing or _figures_match(view, wanted, now) else None


def order_event_kind(event: OrderEvent, wanted: OrderFilter, audience: Audience) -> OrderEventKind | None:
    """As what the event is delivered; None: not at all. An order that leaves the statuses is REMOVED."""
    view = event.view
    if not audience.covers(view.account.account_no) or not _order_matches(view, wanted):
        return None
    if wanted.status is None or view.order.status in wanted.status:
        return event.kind
    return OrderEventKind.REMOVED if event.previous_status in wanted.status else None


def _within(
    kind: CaseEventKind,
    status: CaseStatus,
    previous: CaseStatus | None,
    statuses: tuple[CaseStatus, ...],
) -> CaseEventKind | None:
    if status in statuses:
        return kind
    return CaseEventKind.REMOVED if previous in statuses else None


def _case_matches(view: CaseView, wanted: CaseFilter) -> bool:
    """By what does not change while a case lives, and by what the account holds."""
    account, case = view.account, view.case
    return (
        (wanted.alert_type is None or case.alert_type in wanted.alert_type)
        and (wanted.account_type is None or account.account_type in wanted.account_type)
        and wanted.client_id in (None, account.client_id)
        and wanted.account_no in (None, account.account_no)
        and (wanted.symbol is None or wanted.symbol in view.symbols)
        and (wanted.opened_after is None or case.opened_at > wanted.opened_after)
        and (wanted.opened_before is None or case.opened_at < wanted.opened_before)
        and _found(wanted.search, account.client_name, account.client_no, account.account_no, case.case_no)
    )


def _figures_match(view: CaseView, wanted: CaseFilter, now: datetime) -> bool:
    case = view.case
    return (wanted.amount_at_least is None or case.figures.amount >= wanted.amount_at_least) and (
        wanted.overdue is None or case.overdue(now) is wanted.overdue
    )


def _order_matches(view: OrderView, wanted: OrderFilter) -> bool:
    account, order = view.account, view.order
    return (
        wanted.case_id in (None, order.case_id)
        and wanted.client_id in (None, account.client_id)
        and wanted.account_no in (None, account.account_no)
        and wanted.symbol in (None, order.symbol)
        and (wanted.created_after is None or order.created_at > wanted.created_after)
        and (wanted.created_before is None or order.created_at < wanted.created_before)
        and _found(
            wanted.search,
            *(account.client_name, account.client_no, account.account_no),
            *(order.symbol, order.client_order_id),
        )
    )


def _found(search: str | None, *texts: str) -> bool:
    return search is None or any(search.casefold() in text.casefold() for text in texts)
