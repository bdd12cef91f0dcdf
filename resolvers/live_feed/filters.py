"""The filters of subscriptions: those of the lists, applied to one event at a time."""

from domain.approval import READER, Approval, ApprovalView
from domain.case_filter import CaseFilter, contains, searched_texts
from domain.events import (
    ApprovalEvent,
    ApprovalEventKind,
    CaseEvent,
    CaseEventKind,
    KillSwitchEvent,
    KillSwitchEventKind,
    KillSwitchView,
    OrderEvent,
    OrderEventKind,
    OrderView,
)
from domain.kill_switch import KillSwitchScope
from domain.principal import Audience
from models.approval import ApprovalFilter
from models.order import OrderFilter


def case_event_kind(event: CaseEvent, selection: CaseFilter, audience: Audience) -> CaseEventKind | None:
    """The kind under which the event is delivered; None: not at all.

    A case that was selected, as far as it is known, and no longer is becomes REMOVED. Without a choice of
    statuses a case that ends is CLOSED, because every live case was requested.
    """
    view, case = event.view, event.view.case
    if not audience.covers(view.account.account_no) or not selection.selects_kind(view, audience):
        return None
    is_now = selection.selects_state(
        case.status,
        view.account.base_currency,
        case.figures.amount,
        case.worth,
        view.symbols,
        None if selection.overdue is None else case.overdue(event.at),
    )
    if is_now:
        return event.kind
    if not _was_selected(event, selection):
        return None
    closed = selection.status is None and event.kind is CaseEventKind.CLOSED
    return CaseEventKind.CLOSED if closed else CaseEventKind.REMOVED


def order_event_kind(event: OrderEvent, selection: OrderFilter, audience: Audience) -> OrderEventKind | None:
    """The kind under which the event is delivered; None: not at all. An order that leaves the statuses is
    REMOVED.
    """
    view = event.view
    if not audience.covers(view.account.account_no) or not _order_matches(view, selection, audience):
        return None
    if selection.status is None or view.order.status in selection.status:
        return event.kind
    return OrderEventKind.REMOVED if event.previous_status in selection.status else None


def approval_event_kind(
    event: ApprovalEvent, selection: ApprovalFilter, audience: Audience
) -> ApprovalEventKind | None:
    """The kind under which the event is delivered; None: not at all. A request that leaves the statuses is
    REMOVED.
    """
    if not _sees_approval(event.view, audience) or not _approval_matches(event.view.approval, selection):
        return None
    if selection.status is None or event.view.approval.status in selection.status:
        return event.kind
    return ApprovalEventKind.REMOVED if event.previous_status in selection.status else None


def kill_switch_event_kind(
    event: KillSwitchEvent, on: bool | None, audience: Audience
) -> KillSwitchEventKind | None:
    """The kind under which the event is delivered; None: not at all. A switch that was selected because it
    was on, and is off, is REMOVED.
    """
    if not _sees_switch(event.view, audience):
        return None
    if on is None or event.view.switch.on is on:
        return event.kind
    return KillSwitchEventKind.REMOVED if on else None


def _was_selected(event: CaseEvent, selection: CaseFilter) -> bool:
    if event.previous_status is None:
        return False
    return selection.selects_state(
        event.previous_status,
        event.view.account.base_currency,
        event.previous_amount,
        event.previous_worth,
        event.previous_symbols,
        event.previous_overdue,
    )


def _order_matches(view: OrderView, selection: OrderFilter, audience: Audience) -> bool:
    account, order = view.account, view.order
    return (
        selection.case_id in (None, order.case_id)
        and selection.client_id in (None, account.client_id)
        and selection.account_no in (None, account.account_no)
        and selection.symbol in (None, order.symbol)
        and (selection.created_after is None or order.created_at > selection.created_after)
        and (selection.created_before is None or order.created_at < selection.created_before)
        and (
            selection.search is None
            or contains(
                selection.search, *searched_texts(account, audience), order.symbol, order.client_order_id
            )
        )
    )


def _sees_approval(view: ApprovalView, audience: Audience) -> bool:
    """As in the list: a request about the whole desk is visible with access to all accounts."""
    if not audience.may(READER[view.approval.kind]):
        return False
    return audience.sees_every_account if view.account is None else audience.covers(view.account.account_no)


def _approval_matches(approval: Approval, selection: ApprovalFilter) -> bool:
    return (
        (selection.kind is None or approval.kind in selection.kind)
        and selection.entity in (None, approval.entity)
        and selection.entity_id in (None, approval.entity_id)
        and selection.maker in (None, approval.maker)
    )


def _sees_switch(view: KillSwitchView, audience: Audience) -> bool:
    """As in the list: the desk's switch is visible to every audience, others with an account in scope."""
    if view.switch.frozen.scope is KillSwitchScope.DESK or audience.account_scope is None:
        return audience.may_see
    return any(audience.covers(account_no) for account_no in view.account_nos)
