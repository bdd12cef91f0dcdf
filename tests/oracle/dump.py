"""The tables as plain rows: text, whole numbers, exact fractions and aware times."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from models.sql.database import fetch

Row = Mapping[str, Any]

_TABLES: Mapping[str, str] = {
    "client": "SELECT * FROM client",
    "account": "SELECT * FROM account ORDER BY account_no",
    "instrument": "SELECT * FROM instrument",
    "client_factor": "SELECT * FROM client_factor",
    "quote": "SELECT * FROM quote",
    "fx_rate": "SELECT * FROM fx_rate",
    "cash_balance": "SELECT * FROM cash_balance ORDER BY currency",
    "position": "SELECT * FROM position ORDER BY instrument_id",
    "margin_case": "SELECT * FROM margin_case ORDER BY case_no",
    "liquidation_order": "SELECT * FROM liquidation_order ORDER BY created_at, id",
    "execution": "SELECT * FROM execution ORDER BY recorded_at, id",
    "account_doubt": "SELECT * FROM account_doubt",
    "risk_setting": "SELECT * FROM risk_setting ORDER BY number",
}
_NUMBERS = frozenset(
    """
    financing_limit trading_limit outstanding_margin lot_size multiplier strike fee_rate initial_factor
    maintenance_factor margin_call_factor force_close_factor average_daily_volume bid ask last_price
    previous_close bid_size ask_size rate balance accrued_interest quantity average_cost amount amount_at_open
    uncovered_amount limit_price estimated_reduction filled_quantity filled_notional price fee cash_effect
    """.split()
)
_TIMES = ("at", "_at", "as_of", "since", "deadline")


@dataclass(frozen=True, slots=True)
class Dump:
    """Every table that figures, calls and plans follow from."""

    tables: Mapping[str, Sequence[Row]]

    def rows(self, table: str, **equal: Any) -> list[Row]:
        """The rows whose columns have these values."""
        return [
            row
            for row in self.tables.get(table, ())
            if all(row[column] == value for column, value in equal.items())
        ]

    def one(self, table: str, **equal: Any) -> Row | None:
        """The only such row, or None."""
        found = self.rows(table, **equal)
        assert len(found) <= 1, f"{table} {equal} is there {len(found)} times"
        return found[0] if found else None


async def dump() -> Dump:
    """All tables at this moment."""
    return Dump({table: [_plain(row) for row in await fetch(sql)] for table, sql in _TABLES.items()})


def _plain(row: Row) -> Row:
    return {column: _value(column, value) for column, value in row.items()}


def _value(column: str, value: Any) -> Any:
    if value is None:
        return None
    if column in _NUMBERS:
        return Fraction(Decimal(value))
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    if column.endswith(_TIMES) and isinstance(value, str):
        return datetime.fromisoformat(value).astimezone(UTC)
    return value
