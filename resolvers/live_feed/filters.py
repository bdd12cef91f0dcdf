"""The filters of subscriptions: those of the lists, applied to one event at a time."""

from decimal import Decimal

from domain.case import LIVE, Case, CaseStatus
from domain.events import (
    AccountReference,
    CaseEvent,
    CaseEventKind,
    CaseView,
    OrderEvent,
    OrderEventKind,
    OrderView,
)
from domain.ids import Symbol
from domain.money import Currency
from domain.principal import Audience, Capability
from domain.reporting import Worth
from domain.text import search_form
from models.case_list import CaseFilter
from models.order import OrderFilter


def case_event_kind(event: CaseEvent, wanted: CaseFilter, audience: Audience) -> CaseEventKind | None:
    """The kind under which the event is delivered; None: not at all.

    A case that was selected, as far as it is known, and no longer is becomes REMOVED. Without a choice of
    statuses a case that ends is CLOSED, because every live case was requested.
    """
    view, case = event.view, event.view.case
    if not audience.covers(view.account.account_no) or not _case_matches(view, wanted, audience):
        return None
    is_now = _selected(
        wanted,
        case.status,
        view.account.base_currency,
        case.figures.amount,
        case.worth,
        view.symbols,
        case.overdue(event.at),
    )
    if is_now:
        return event.kind
    if not _was_selected(event, wanted):
        return None
    closed = wanted.status is None and event.kind is CaseEventKind.CLOSED
    return CaseEventKind.CLOSED if closed else CaseEventKind.REMOVED


def order_event_kind(event: OrderEvent, wanted: OrderFilter, audience: Audience) -> OrderEventKind | None:
    """The kind under which the event is delivered; None: not at all. An order that leaves the statuses is
    REMOVED.
    """
    view = event.view
    if not audience.covers(view.account.account_no) or not _order_matches(view, wanted, audience):
        return None
    if wanted.status is None or view.order.status in wanted.status:
        return event.kind
    return OrderEventKind.REMOVED if event.previous_status in wanted.status else None


def _selected(
    wanted: CaseFilter,
    status: CaseStatus,
    currency: Currency,
    amount: Decimal | None,
    worth: Worth | None,
    symbols: tuple[Symbol, ...] | None,
    overdue: bool | None,
) -> bool:
    """Matches by what changes while a case lives; unknown values match."""
    return (
        status in (LIVE if wanted.status is None else wanted.status)
        and (
            wanted.amount_at_least is None
            or amount is None
            or wanted.amount_at_least.allows(amount, currency, worth)
        )
        and (wanted.symbol is None or symbols is None or wanted.symbol in symbols)
        and (wanted.overdue is None or overdue is None or overdue is wanted.overdue)
    )


def _was_selected(event: CaseEvent, wanted: CaseFilter) -> bool:
    if event.previous_status is None:
        return False
    return _selected(
        wanted,
        event.previous_status,
        event.view.account.base_currency,
        event.previous_amount,
        event.previous_worth,
        event.previous_symbols,
        event.previous_overdue,
    )


def _case_matches(view: CaseView, wanted: CaseFilter, audience: Audience) -> bool:
    """Matches by what does not change while a case lives."""
    account, case = view.account, view.case
    return (
        (wanted.alert_type is None or case.alert_type in wanted.alert_type)
        and (wanted.account_type is None or account.account_type in wanted.account_type)
        and wanted.client_id in (None, account.client_id)
        and wanted.account_no in (None, account.account_no)
        and (wanted.opened_after is None or case.opened_at > wanted.opened_after)
        and (wanted.opened_before is None or case.opened_at < wanted.opened_before)
        and _ended_within(case, wanted)
        and _found(wanted.search, *_texts(account, audience), case.case_no)
    )


def _ended_within(case: Case, wanted: CaseFilter) -> bool:
    if wanted.closed_after is None and wanted.closed_before is None:
        return True
    return (
        case.closed_at is not None
        and (wanted.closed_after is None or case.closed_at > wanted.closed_after)
        and (wanted.closed_before is None or case.closed_at < wanted.closed_before)
    )


def _order_matches(view: OrderView, wanted: OrderFilter, audience: Audience) -> bool:
    account, order = view.account, view.order
    return (
        wanted.case_id in (None, order.case_id)
        and wanted.client_id in (None, account.client_id)
        and wanted.account_no in (None, account.account_no)
        and wanted.symbol in (None, order.symbol)
        and (wanted.created_after is None or order.created_at > wanted.created_after)
        and (wanted.created_before is None or order.created_at < wanted.created_before)
        and _found(wanted.search, *_texts(account, audience), order.symbol, order.client_order_id)
    )


def _texts(account: AccountReference, audience: Audience) -> tuple[str, ...]:
    """The searchable texts of the account: an audience that may not see names does not find by them
    either.
    """
    numbers = (account.client_no, account.account_no)
    return (account.client_name, *numbers) if audience.may(Capability.SEE_PERSONAL_DATA) else numbers


def _found(search: str | None, *texts: str) -> bool:
    return search is None or any(search_form(search) in search_form(text) for text in texts)
