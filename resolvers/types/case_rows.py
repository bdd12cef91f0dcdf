"""How cases are read from rows: see resolvers.kit.row_fields.

The same fields of `resolvers.types.case.case_of`, without the objects between; a test compares both.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

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
from models.sql.values import currency, time_or_none, times
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
    Together,
    a_decimal,
    a_decimal_or_none,
    a_time,
    a_truth,
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

    def names(self, names: Sequence[str]) -> Sequence[str]:
        """The names of clients, or masks."""
        return names if self._shows_names else [MASKED] * len(names)


def _note_clients(at: CasesAt, client_ids: Sequence[str]) -> None:
    """Records that the clients were shown, as `client_of` does."""
    at.context.clients_shown.update(map(ClientId, client_ids))


def _figures(at: CasesAt, texts: Sequence[str]) -> list[Row]:
    return [orjson.loads(text) for text in texts]


def _truths(values: Sequence[object]) -> Sequence[bool]:
    return [_truth(value) for value in values]


def _overdue(at: CasesAt, statuses: Sequence[Any], deadlines: Sequence[Any]) -> list[bool]:
    now = at.now
    return [is_overdue(*of_case, now) for of_case in zip(statuses, times(deadlines), strict=True)]


def _long_term_unsettled(at: CasesAt, statuses: Sequence[Any], opened: Sequence[Any]) -> list[bool]:
    now = at.now
    return [is_long_term_unsettled(*of_case, now) for of_case in zip(statuses, times(opened), strict=True)]


def _elapsed_hours(at: CasesAt, opened: Sequence[Any], closed: Sequence[Any]) -> list[int]:
    now = at.now
    return [
        elapsed_hours(began, time_or_none(ended), now)
        for began, ended in zip(times(opened), closed, strict=True)
    ]


def _truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} is not a truth value")
    return value


def _texts(values: object) -> list[str]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ValueError(f"{values!r} is not a list of texts")
    return values


_FIGURES: RowFields = {
    "as_of": a_time("as_of"),
    "stale": Converted("stale", _truth, convert_all=_truths),
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
    "close_only": a_truth("close_only"),
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
    "name": Together(("client_name",), lambda at, names: at.names(names)),
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
    "opened_at": a_time("opened_at"),
    "deadline": a_time("deadline"),
    "overdue": Together(("status", "deadline"), _overdue),
    "force_eligible": a_truth("force_eligible"),
    "elapsed_hours": Together(("opened_at", "closed_at"), _elapsed_hours),
    "long_term_unsettled": Together(("status", "opened_at"), _long_term_unsettled),
    "follow_up_count": Column("follow_ups"),
    "remark": Column("remark"),
    "closed_at": Converted("closed_at", time_or_none),
    "close_reason": Converted("close_reason", CaseCloseReason),
    "version": Column("version"),
    "client": RowObject(("client_id",), _note_clients, _CLIENT),
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
