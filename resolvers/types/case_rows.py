"""How a list of cases reads its fields from rows: see resolvers.execution.row_selection.

The same fields of `resolvers.types.case.case_of`, without the objects between; a test compares both.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, partial

import orjson

from domain.case import (
    AlertType,
    CaseCloseReason,
    CaseStatus,
    elapsed_hours,
    is_long_term_unsettled,
    is_overdue,
)
from domain.ids import ClientId
from domain.margin import AccountType, RiskLevel
from domain.principal import MASKED, Capability
from models.sql.values import currency, plain_decimal, time, time_or_none
from resolvers.execution.row_selection import Column, Computed, Converted, Row, RowFields, RowObject
from resolvers.kit.context import ReadContext
from resolvers.kit.node import global_id


@dataclass(frozen=True)
class CasePageAt:
    """The moment of a page, and whom it is for."""

    now: datetime
    context: ReadContext

    @cached_property
    def _shows_names(self) -> bool:
        return self.context.audience.may(Capability.SEE_PERSONAL_DATA)

    def name(self, name: str) -> str:
        """The name of a client, or the mask."""
        return name if self._shows_names else MASKED


def _row(row: Row, at: CasePageAt) -> Row:
    return row


def _client(row: Row, at: CasePageAt) -> Row:
    """Records that the client was shown, as `client_of` does."""
    at.context.clients_shown.add(ClientId(row["client_id"]))
    return row


def _figures(row: Row, at: CasePageAt) -> Row:
    figures: Row = orjson.loads(row["figures"])
    return figures


def _truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} is not a truth value")
    return value


def _texts(values: object) -> list[str]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ValueError(f"{values!r} is not a list of texts")
    return values


def _id_of(type_name: str, column: str) -> Converted:
    return Converted(column, partial(global_id, type_name))


def _decimal(column: str) -> Converted:
    return Converted(column, plain_decimal, is_text=True)


def _decimal_or_none(value: object) -> str | None:
    return None if value is None else plain_decimal(value)


_FIGURES: RowFields = {
    "as_of": Converted("as_of", time),
    "stale": Converted("stale", _truth),
    "unvalued": Computed((), lambda figures, at: _texts(figures.get("unvalued", []))),
    "net_asset_ratio": Converted("net_asset_ratio", _decimal_or_none, is_text=True),
    "risk_level": Converted("risk_level", RiskLevel),
    **{
        name: _decimal(name)
        for name in (
            "cash",
            "long_market_value",
            "short_market_value",
            "dead_market_value",
            "equity",
            "liquid_net_assets",
            "initial_margin",
            "maintenance_margin",
            "margin_call_margin",
            "force_close_margin",
            "debt",
            "over_financing",
            "accrued_interest",
            "outstanding_margin",
            "trading_limit",
            "amount",
        )
    },
}
_ACCOUNT: RowFields = {
    "id": _id_of("Account", "account_id"),
    "account_no": Column("account_no"),
    "type": Converted("account_type", AccountType),
    "base_currency": Converted("base_currency", currency),
    "close_only": Converted("close_only", bool),
}
_CLIENT: RowFields = {
    "id": _id_of("Client", "client_id"),
    "client_no": Column("client_no"),
    "name": Computed(("client_name",), lambda row, at: at.name(row["client_name"])),
    "group": Column("client_group"),
}
CASE_ROWS: RowFields = {
    "id": _id_of("Case", "id"),
    "case_no": Column("case_no"),
    "alert_type": Converted("alert_type", AlertType),
    "status": Converted("status", CaseStatus),
    "amount": _decimal("amount"),
    "amount_at_open": _decimal("amount_at_open"),
    "uncovered_amount": _decimal("uncovered_amount"),
    "figures": RowObject(("figures",), _figures, _FIGURES, is_row=False),
    "opened_at": Converted("opened_at", time),
    "deadline": Converted("deadline", time),
    "overdue": Computed(
        ("status", "deadline"),
        lambda row, at: is_overdue(row["status"], time(row["deadline"]), at.now),
    ),
    "force_eligible": Converted("force_eligible", bool),
    "elapsed_hours": Computed(
        ("opened_at", "closed_at"),
        lambda row, at: elapsed_hours(time(row["opened_at"]), time_or_none(row["closed_at"]), at.now),
    ),
    "long_term_unsettled": Computed(
        ("status", "opened_at"),
        lambda row, at: is_long_term_unsettled(row["status"], time(row["opened_at"]), at.now),
    ),
    "follow_up_count": Column("follow_ups"),
    "remark": Column("remark"),
    "closed_at": Converted("closed_at", time_or_none),
    "close_reason": Converted("close_reason", CaseCloseReason),
    "version": Column("version"),
    "client": RowObject(("client_id",), _client, _CLIENT),
    "account": RowObject((), _row, _ACCOUNT),
}
"""The fields of a case that a list reads from its row."""
