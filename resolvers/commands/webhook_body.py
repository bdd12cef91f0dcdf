"""The body that is posted to a webhook: the API's names and ids, and no personal data.

Fields may be added to a body, but never change their meaning. The currency of each amount stands beside it.
"""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson

from domain.canonical import plain
from domain.events import CaseEvent, Event, LostEvent, OrderEvent
from domain.webhook import EVENT_LOST, WebhookId, event_name
from resolvers.kit.node import global_id
from subscriptions.stream.bus import Position
from subscriptions.stream.cursor import CursorSigner, scope_of


def webhook_cursor(cursors: CursorSigner, webhook_id: WebhookId, position: Position) -> str:
    """A cursor for `replayWebhook` of this endpoint only."""
    return cursors.sign(position, webhook_scope(webhook_id))


def webhook_scope(webhook_id: WebhookId) -> bytes:
    """The scope that the cursors of an endpoint are bound to."""
    return scope_of("webhook", webhook_id)


def webhook_body(event: Event | LostEvent, cursor: str) -> bytes:
    """The body as JSON with sorted keys."""
    if isinstance(event, LostEvent):
        return _body(event, EVENT_LOST, {}, cursor)
    name = event_name(event)
    assert name is not None, "only what has a name is delivered"
    assert isinstance(event, CaseEvent | OrderEvent)
    return _body(event, name, _case(event) if isinstance(event, CaseEvent) else _order(event), cursor)


def _body(event: CaseEvent | OrderEvent | LostEvent, name: str, data: dict[str, Any], cursor: str) -> bytes:
    message = {"id": event.id, "cursor": cursor, "type": name, "at": event.at, "data": data}
    return orjson.dumps(_plain(message), option=orjson.OPT_SORT_KEYS)


def _case(event: CaseEvent) -> dict[str, Any]:
    case, account = event.view.case, event.view.account
    return {
        "caseId": global_id("Case", case.id),
        "caseNo": case.case_no,
        "alertType": case.alert_type,
        "status": case.status,
        "previousStatus": event.previous_status,
        "accountNo": account.account_no,
        "clientNo": account.client_no,
        "amount": case.figures.amount,
        "uncoveredAmount": case.uncovered_amount,
        "currency": account.base_currency,
        "stale": case.figures.stale,
        "openedAt": case.opened_at,
        "deadline": case.deadline,
        "overdue": case.overdue(event.at),
        "forceEligible": case.force_eligible,
        "closedAt": case.closed_at,
        "closeReason": case.close_reason,
        "version": case.version,
    }


def _order(event: OrderEvent) -> dict[str, Any]:
    order, account, fill = event.view.order, event.view.account, event.fill
    return {
        "orderId": global_id("Order", order.id),
        "clientOrderId": order.client_order_id,
        "caseId": global_id("Case", order.case_id),
        "accountNo": account.account_no,
        "clientNo": account.client_no,
        "symbol": order.symbol,
        "side": order.side,
        "type": order.type,
        "quantity": order.quantity,
        "limitPrice": order.limit_price,
        "filledQuantity": order.filled_quantity,
        "leavesQuantity": order.leaves_quantity,
        "averagePrice": order.average_price,
        "status": order.status,
        "previousStatus": event.previous_status,
        "reason": order.reason,
        "version": order.version,
        "fill": fill
        and {"executionId": fill.execution_id, "quantity": fill.quantity, "price": fill.price, "at": fill.at},
    }


def _plain(value: Any) -> Any:
    """Decimals as text without an exponent or trailing zeros, times in the format of the API."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value
