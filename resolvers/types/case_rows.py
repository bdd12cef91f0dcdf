"""How cases are read from rows: see resolvers.kit.row_fields.

The same fields of `resolvers.types.case.case_of`, without the objects between; a test compares both.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import orjson

from domain.case import (
    AlertType,
    CaseCloseReason,
    CaseStatus,
    elapsed_hours,
    is_long_term_unsettled,
    is_overdue,
)
from domain.ids import AccountId, CaseId, ClientId
from domain.margin import AccountType, RiskLevel
from domain.principal import MASKED, Capability
from models.sql.values import currency, time, time_or_none
from resolvers.kit.arguments import POSITIONS, SNAPSHOTS, PageArguments
from resolvers.kit.context import ReadContext
from resolvers.kit.row_fields import (
    Column,
    Computed,
    Converted,
    Resolved,
    Row,
    RowFields,
    RowObject,
    a_decimal,
    a_decimal_or_none,
    an_id,
    row_itself,
)
from resolvers.types.client import cash_of, positions_of
from resolvers.types.order import orders_of_case
from resolvers.types.snapshot import snapshots_page


@dataclass(frozen=True)
class CasesAt:
    """The moment of the answer, and whom it is for."""

    now: datetime
    context: ReadContext

    @cached_property
    def _shows_names(self) -> bool:
        return self.context.audience.may(Capability.SEE_PERSONAL_DATA)

    def name(self, name: str) -> str:
        """The name of a client, or the mask."""
        return name if self._shows_names else MASKED


def _client(row: Row, at: CasesAt) -> Row:
    """Records that the client was shown, as `client_of` does."""
    at.context.clients_shown.add(ClientId(row["client_id"]))
    return row


def _figures(row: Row, at: CasesAt) -> Row:
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


_FIGURES: RowFields = {
    "as_of": Converted("as_of", time),
    "stale": Converted("stale", _truth),
    "unvalued": Computed((), lambda figures, at: _texts(figures.get("unvalued", []))),
    "net_asset_ratio": a_decimal_or_none("net_asset_ratio"),
    "risk_level": Converted("risk_level", RiskLevel),
    **{
        name: a_decimal(name)
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
    "id": an_id("Account", "account_id"),
    "account_no": Column("account_no"),
    "type": Converted("account_type", AccountType),
    "base_currency": Converted("base_currency", currency),
    "close_only": Converted("close_only", bool),
    "cash_balances": Resolved(("account_id",), lambda row, info: cash_of(info, AccountId(row["account_id"]))),
    "positions": Resolved(
        ("account_id",),
        lambda row, info, **asked: positions_of(
            info, AccountId(row["account_id"]), PageArguments(**asked, rows=POSITIONS)
        ),
    ),
}
_CLIENT: RowFields = {
    "id": an_id("Client", "client_id"),
    "client_no": Column("client_no"),
    "name": Computed(("client_name",), lambda row, at: at.name(row["client_name"])),
    "group": Column("client_group"),
}
CASE_ROWS: RowFields = {
    "id": an_id("Case", "id"),
    "case_no": Column("case_no"),
    "alert_type": Converted("alert_type", AlertType),
    "status": Converted("status", CaseStatus),
    "amount": a_decimal("amount"),
    "amount_at_open": a_decimal("amount_at_open"),
    "uncovered_amount": a_decimal("uncovered_amount"),
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
    "account": RowObject((), row_itself, _ACCOUNT),
    "orders": Resolved(
        ("id",), lambda row, info, **asked: orders_of_case(info, CaseId(row["id"]), PageArguments(**asked))
    ),
    "snapshots": Resolved(
        ("id",),
        lambda row, info, **asked: snapshots_page(
            info, CaseId(row["id"]), PageArguments(**asked, rows=SNAPSHOTS)
        ),
    ),
}
"""The fields of a case that are read from its row."""
