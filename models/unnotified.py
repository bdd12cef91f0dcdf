"""Cases whose clients have not been sent a message: the call of the day, what was traded, the end of the
case.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from domain.case import RECOVERY_ALERTS, AlertType, CaseStatus
from domain.ids import AccountId, CaseId, Symbol
from domain.letter import ASKS, WRITES_FIRST, Traded
from domain.message import Channel, Contact, MessageStatus
from domain.money import Currency, average_price
from domain.order import OrderSide
from domain.refusals import RefusalCode
from models.case import LIVE_LIST
from models.contact import CONTACT_COLUMNS
from models.message import contact_or_none
from models.sql.database import Row, fetch, numeric, placeholders
from models.sql.readable import first_readable, first_rows, readable
from models.sql.values import decimal, time
from models.sql.where import Where


def _about(case: str, news: str) -> str:
    """Messages `m` about this news of the case.

    `automatic_key` is its id and the news, followed by a number if the letter replaces one that was not sent.
    """
    named = f"CAST({case}.id AS TEXT) || ':' || {news}"
    return f"m.case_id = {case}.id AND m.automatic_key || ':' LIKE {named} || ':%'"


_OF_TODAY = f"SELECT 1 FROM client_message m WHERE {_about('t', '?')}"
_CALLED = "SELECT 1 FROM client_message m WHERE m.case_id = c.id AND m.status IN ('QUEUED', 'SENT')"


_MOVES = "(SELECT COUNT(*) FROM deadline_change d WHERE d.case_id = c.id)"
_NO_ADDRESS = "COALESCE(t.email, t.phone, t.push_id) IS NULL"


def _unwritten(news: str) -> str:
    """No letter about this news was sent or is waiting, and a letter that failed for lack of an address could
    now be sent.
    """
    return (
        f"NOT EXISTS (SELECT 1 FROM client_message m WHERE {_about('c', news)}"
        f" AND (m.status IN ('QUEUED', 'SENT') OR (m.recipient IS NULL AND {_NO_ADDRESS})))"
    )


@dataclass(frozen=True, slots=True)
class Unsent:
    """An automatic message that was created and not sent: FAILED or EXPIRED."""

    key: str
    channel: Channel
    recipient: str | None
    status: MessageStatus

    def is_about(self, key: str) -> bool:
        """The news part of this key."""
        return f"{self.key}:".startswith(f"{key}:")


@dataclass(frozen=True, slots=True)
class Unnotified:
    """A case whose client has not been sent the news."""

    case_id: CaseId
    account_id: AccountId
    opened_at: datetime
    called_before: bool
    contact_row: Row
    plans: int
    moves: int
    """The number of moves of its deadline."""
    unsent: tuple[Unsent, ...] = ()

    @property
    def contact(self) -> Contact | None:
        """Read on demand: an unreadable contact concerns this case alone."""
        return contact_or_none(self.contact_row)


async def unnotified_cases(
    day: str, currencies: Sequence[str], now: datetime, after: CaseId | None, limit: int
) -> list[Unnotified]:
    """Live cases before their deadline in these base currencies, without the automatic message of `day`.

    Cases for money are included only if they demand some. An over-financing case is left out if another case
    of the account has sent today's message or is to send it; if that letter waits, the check of the case
    decides.
    """
    where = Where()
    where.add(f"(c.alert_type IN (?) OR {numeric('c.amount')} > 0)", sorted(RECOVERY_ALERTS))
    where.add(
        "NOT (c.alert_type = ? AND EXISTS (SELECT 1 FROM margin_case t WHERE t.account_id = c.account_id"
        f" AND t.alert_type IN (?) AND t.status IN ({LIVE_LIST}) AND {numeric('t.amount')} > 0"
        f" AND (EXISTS ({_OF_TODAY} AND m.status = 'SENT')"
        " OR (t.status IN (?) AND t.deadline > ?"
        f" AND NOT EXISTS ({_OF_TODAY} AND m.status = 'QUEUED' AND m.reason IS NOT NULL)))))",
        AlertType.OVER_FINANCING,
        [each for each in WRITES_FIRST if each is not AlertType.OVER_FINANCING],
        day,
        [CaseStatus.OPEN, CaseStatus.LIQUIDATING],
        now,
        day,
    )
    where.add("c.status IN (?)", [CaseStatus.OPEN, CaseStatus.LIQUIDATING])
    where.add("c.deadline > ?", now)
    where.add("a.base_currency IN (?)", list(currencies))
    where.add(_unwritten("?"), day)
    where.add_if("c.id > ?", after)
    return await _unnotified(where, limit)


async def unnotified_moves(
    currencies: Sequence[str], now: datetime, after: CaseId | None, limit: int
) -> list[Unnotified]:
    """Live cases for money in these base currencies whose deadline is now earlier than in the last letter.

    Letters about stock state the due time of the stock instead.
    """
    where = Where()
    where.add(f"c.alert_type NOT IN (?) AND {numeric('c.amount')} > 0", sorted(RECOVERY_ALERTS))
    where.add("c.status IN (?)", [CaseStatus.OPEN, CaseStatus.LIQUIDATING])
    where.add("c.deadline > ?", now)
    where.add("a.base_currency IN (?)", list(currencies))
    asked = (
        "SELECT 1 FROM client_message m WHERE m.case_id = c.id AND m.status = 'SENT' AND m.template IN (?)"
    )
    where.add(
        "EXISTS (SELECT 1 FROM deadline_change d WHERE d.case_id = c.id AND c.deadline < d.before"
        f" AND EXISTS ({asked} AND m.settled_at < d.at) AND NOT EXISTS ({asked} AND m.settled_at >= d.at))",
        sorted(ASKS),
        sorted(ASKS),
    )
    where.add(_unwritten(f"'moved:' || CAST({_MOVES} AS TEXT)"))
    where.add_if("c.id > ?", after)
    return await _unnotified(where, limit)


async def unnotified_ends(since: datetime, after: CaseId | None, limit: int) -> list[Unnotified]:
    """Cases cured or void since then whose clients were sent a call, and not its end."""
    where = Where()
    where.add("c.status IN (?)", [CaseStatus.RESOLVED, CaseStatus.VOID])
    where.add("c.closed_at >= ?", since)
    where.add("EXISTS (SELECT 1 FROM client_message m WHERE m.case_id = c.id AND m.status = 'SENT')")
    where.add(_unwritten("'cured'"))
    where.add_if("c.id > ?", after)
    return await _unnotified(where, limit)


async def unnotified_sales(since: datetime, after: CaseId | None, limit: int) -> list[Unnotified]:
    """Cases whose orders have traded since then and have ended, and whose clients were not notified.

    A case with orders in slices is left until the last slice.
    """
    where = Where()
    where.add("c.status <> ?", CaseStatus.LIQUIDATING)
    where.add("(c.auto_liquidate_held IS NULL OR c.auto_liquidate_held <> ?)", RefusalCode.CAPPED)
    where.add(
        "EXISTS (SELECT 1 FROM liquidation_order o WHERE o.case_id = c.id AND o.updated_at >= ?"
        f" AND {numeric('o.filled_quantity')} > 0)",
        since,
    )
    where.add(_unwritten("'sold:' || CAST(c.plans AS TEXT)"))
    where.add_if("c.id > ?", after)
    return await _unnotified(where, limit)


async def trades_of(case_id: CaseId) -> list[Traded]:
    """The trades of the case's orders, the oldest first."""
    rows = await fetch(
        "SELECT o.symbol, o.side, o.filled_quantity, o.filled_notional, i.currency FROM liquidation_order o"
        " JOIN instrument i ON i.symbol = o.symbol"
        f" WHERE o.case_id = $1 AND {numeric('o.filled_quantity')} > 0 ORDER BY o.created_at, o.id",
        case_id,
    )
    return [
        Traded(
            Symbol(row["symbol"]),
            OrderSide(row["side"]),
            quantity := decimal(row["filled_quantity"]),
            average_price(decimal(row["filled_notional"]), quantity),
            Currency(row["currency"]),
        )
        for row in rows
    ]


async def _unnotified(where: Where, limit: int) -> list[Unnotified]:
    first = first_rows(
        f"SELECT c.id, c.account_id, c.opened_at, c.plans, EXISTS ({_CALLED}) AS called,"
        f" {_MOVES} AS moves, {CONTACT_COLUMNS}"
        " FROM margin_case c JOIN account a ON a.id = c.account_id"
        f" LEFT JOIN client_contact t ON t.client_id = a.client_id{where} ORDER BY c.id",
        where,
    )
    cases = await first_readable(first, _one, "margin_case", limit)
    unsent = await _unsent_of([each.case_id for each in cases])
    return [replace(each, unsent=tuple(unsent[each.case_id])) for each in cases]


async def _unsent_of(case_ids: Sequence[CaseId]) -> dict[CaseId, list[Unsent]]:
    unsent: dict[CaseId, list[Unsent]] = {case_id: [] for case_id in case_ids}
    if not case_ids:
        return unsent
    rows = await fetch(
        "SELECT case_id, automatic_key, channel, recipient, status FROM client_message"
        f" WHERE case_id IN ({placeholders(case_ids)}) AND automatic_key IS NOT NULL"
        " AND status IN ('FAILED', 'EXPIRED') ORDER BY created_at, id",
        *case_ids,
    )
    for case_id, message in readable(rows, _unsent, "client_message", "automatic_key"):
        unsent[case_id].append(message)
    return unsent


def _unsent(row: Row) -> tuple[CaseId, Unsent]:
    status = MessageStatus(row["status"])
    unsent = Unsent(row["automatic_key"], Channel(row["channel"]), row["recipient"], status)
    return CaseId(row["case_id"]), unsent


def _one(row: Row) -> Unnotified:
    return Unnotified(
        CaseId(row["id"]),
        AccountId(row["account_id"]),
        time(row["opened_at"]),
        bool(row["called"]),
        row,
        row["plans"],
        row["moves"],
    )
