"""Every table of the desk, by topic; Tortoise finds them here.

The constraints repeat the rules of the domain: what they refuse cannot be stored.

Ids are UUIDv7 text created by the desk, so that a row has an id before it is stored. Decimals are NUMERIC(30,
10); JSON is text, written and read by this package, the same on both databases. Constraints and indexes reach
a database only through migrations (`make migration`): every database, those of tests too, is built by
migrating.
"""

from models.tables.book import (
    AccountTable,
    CashTable,
    ClientFactorTable,
    ClientTable,
    FxRateTable,
    InstrumentTable,
    PositionTable,
    QuoteTable,
)
from models.tables.cases import CaseTable, DeadlineChangeTable, FollowUpTable, MarketDayTable
from models.tables.control import (
    ApprovalTable,
    IdempotencyItemTable,
    IdempotencyKeyTable,
    KillSwitchTable,
    RiskSettingTable,
)
from models.tables.doubts import AccountDoubtTable
from models.tables.evidence import AuditHeadTable, AuditLinkTable, AuditTable, SnapshotTable
from models.tables.inputs import InputOutcomeTable
from models.tables.orders import (
    ExecutionTable,
    OrderChangeTable,
    OrderMarkTable,
    OrderTable,
    SetAsideReportTable,
)
from models.tables.outbound import ClientContactTable, MessageTable, WebhookTable
from models.tables.process import CounterTable, LeaseTable, OutboxTable, RevocationTable, StreamTable
from models.tables.stock import StockRecallTable, StockRecoveryTable

__all__ = [
    "AccountDoubtTable",
    "AccountTable",
    "ApprovalTable",
    "AuditHeadTable",
    "AuditLinkTable",
    "AuditTable",
    "CaseTable",
    "CashTable",
    "ClientContactTable",
    "ClientFactorTable",
    "ClientTable",
    "CounterTable",
    "DeadlineChangeTable",
    "ExecutionTable",
    "FollowUpTable",
    "FxRateTable",
    "IdempotencyItemTable",
    "IdempotencyKeyTable",
    "InputOutcomeTable",
    "InstrumentTable",
    "KillSwitchTable",
    "LeaseTable",
    "MarketDayTable",
    "MessageTable",
    "OrderChangeTable",
    "OrderMarkTable",
    "OrderTable",
    "OutboxTable",
    "PositionTable",
    "QuoteTable",
    "RevocationTable",
    "RiskSettingTable",
    "SetAsideReportTable",
    "SnapshotTable",
    "StockRecallTable",
    "StockRecoveryTable",
    "StreamTable",
    "WebhookTable",
]
