"""The events that every server is given, and what its subscribers ask for of them.

An event is the text that the outbox holds and the relay publishes. The peers make of it, once per event, the
object of the 20 fields whose resolvers then have nothing to do: what is compared is the fan-out, not the
mapping.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import orjson

from domain.case import AlertType, Case, CaseStatus
from domain.events import AccountReference, CaseEvent, CaseEventKind, CaseView
from domain.ids import AccountId, CaseId, ClientId, EventId, Symbol
from domain.margin import AccountType, MarginFigures, RiskLevel
from domain.money import Currency
from models.sql.codec import event_to_text

STREAM_KEY = "{%s}:events"
"""Of the bus with that name; an entry has `e`, the epoch, and `p`, the event's text."""

_ID, _AT = "f" * 32, datetime(2001, 2, 3, 4, 5, 6, 789012, tzinfo=UTC)
_OPENED_AFTER = datetime(2020, 1, 1, tzinfo=UTC)
_FIELDS = """id cursor at kind
    case { id caseNo alertType status amount amountAtOpen uncoveredAmount openedAt deadline
           overdue forceEligible elapsedHours remark version figures { equity maintenanceMargin } } """
FIELD_COUNT = 20


def subscription(variant: int, group: int | None) -> dict[str, Any]:
    """The payload of a subscription to the same 20 fields; variants differ in the alias of one of them.

    Groups differ in a filter that selects every event; the schemas of the peers have no filter.
    """
    fields = _FIELDS.replace("remark", f"remark{variant}: remark") if variant else _FIELDS
    if group is None:
        return {"query": f"subscription {{ caseEvents {{ {fields} }} }}"}
    query = f"subscription ($filter: CaseFilter) {{ caseEvents(filter: $filter) {{ {fields} }} }}"
    opened_after = _OPENED_AFTER + timedelta(minutes=group)
    return {"query": query, "variables": {"filter": {"openedAfter": opened_after.isoformat()}}}


@dataclass(slots=True)
class EventSource:
    """Makes the texts of as many different events as wanted, cheaply: a template is filled in."""

    _numbers: Iterator[int] = field(default_factory=lambda: count(1))
    _template: str = field(default_factory=lambda: event_to_text(_event()))

    def make(self, how_many: int) -> list[bytes]:
        """Events committed right now."""
        now = datetime.now(UTC).isoformat(timespec="microseconds")
        dated = self._template.replace(_timestamp_in(self._template), now.replace("+00:00", "Z"))
        return [dated.replace(_ID, f"{next(self._numbers):032x}").encode() for _ in range(how_many)]


def committed_at(payload: Any) -> float:
    """Of a `next` message's payload: POSIX seconds."""
    return datetime.fromisoformat(payload["data"]["caseEvents"]["at"]).timestamp()


def shaped(text: bytes, offset: str) -> dict[str, Any]:
    """The event as the 20 fields; `node/events.mjs` does the same."""
    event = orjson.loads(text)["event"]
    case = event["view"]["case"]
    return {
        "id": event["id"],
        "cursor": offset.rjust(76, "0"),
        "at": event["at"],
        "kind": event["kind"],
        "case": {
            "id": case["id"],
            "caseNo": case["case_no"],
            "alertType": case["alert_type"],
            "status": case["status"],
            "amount": case["figures"]["amount"],
            "amountAtOpen": case["amount_at_open"],
            "uncoveredAmount": case["uncovered_amount"],
            "openedAt": case["opened_at"],
            "deadline": case["deadline"],
            "overdue": False,
            "forceEligible": case["force_eligible"],
            "elapsedHours": 1,
            "remark": case["remark"],
            "version": case["version"],
            "figures": {
                "equity": case["figures"]["equity"],
                "maintenanceMargin": case["figures"]["maintenance_margin"],
            },
        },
    }


def _timestamp_in(template: str) -> str:
    text: str = orjson.loads(template)["event"]["at"]
    return text


def _event() -> CaseEvent:
    opened = datetime.now(UTC) - timedelta(minutes=10)
    case = Case(
        id=CaseId("0196f3a5c0de7000800000000000c0de"),
        case_no="MC-20260105-000123",
        account_id=AccountId("0196f3a5c0de70008000000000000acc"),
        alert_type=AlertType.MAINTENANCE,
        status=CaseStatus.OPEN,
        figures=_figures(opened),
        amount_at_open=Decimal("1204.11"),
        uncovered_amount=Decimal("1250.50"),
        opened_at=opened,
        deadline=opened + timedelta(days=2),
        force_eligible=False,
        remark="Called the client, who will pay in.",
        version=3,
    )
    account = AccountReference(
        account_id=case.account_id,
        account_no="8800123401",
        account_type=AccountType.MARGIN,
        base_currency=Currency("USD"),
        client_id=ClientId("0196f3a5c0de7000800000000000c11e"),
        client_no="C-000123",
        client_name="Example Holdings Ltd",
    )
    view = CaseView(case, account, (Symbol("AAPL.US"), Symbol("700.HK")))
    return CaseEvent(EventId(_ID), _AT, CaseEventKind.UPDATED, view, CaseStatus.OPEN)


def _figures(as_of: datetime) -> MarginFigures:
    return MarginFigures(
        as_of=as_of,
        stale=False,
        cash=Decimal("-30000.00"),
        long_market_value=Decimal("52345.67"),
        short_market_value=Decimal("0.00"),
        dead_market_value=Decimal("0.00"),
        equity=Decimal("22345.67"),
        liquid_net_assets=Decimal("22345.67"),
        initial_margin=Decimal("26172.84"),
        maintenance_margin=Decimal("20938.27"),
        margin_call_margin=Decimal("23555.55"),
        force_close_margin=Decimal("18320.98"),
        net_asset_ratio=Decimal("0.4269"),
        debt=Decimal("30000.00"),
        over_financing=Decimal("0.00"),
        accrued_interest=Decimal("40.62"),
        outstanding_margin=Decimal("0.00"),
        trading_limit=Decimal("0.00"),
        amount=Decimal("1250.50"),
        risk_level=RiskLevel.WARNING,
    )
