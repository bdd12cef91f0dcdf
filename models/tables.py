"""Every table of the desk. The constraints repeat the rules of the domain: what they refuse cannot be stored.

Ids are UUIDv7 text made by the desk, so a row can be named before it is stored. Decimals are NUMERIC(30, 10);
JSON is text, written and read by us, the same on both databases. Constraints and indexes reach a database
only through migrations (`make migration`): every database, those of tests too, is built by migrating.
"""

from typing import Any

from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint
from tortoise.models import Model


def _id() -> Any:
    return fields.CharField(primary_key=True, max_length=32)


def _decimal(null: bool = False) -> Any:
    return fields.DecimalField(30, 10, null=True) if null else fields.DecimalField(30, 10)


def _parent(model: str) -> Any:
    return fields.ForeignKeyField(f"models.{model}", on_delete=fields.RESTRICT, related_name=False)


def _one_of(column: str, *values: str) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


LIVE_CASE = _one_of("status", "OPEN", "LIQUIDATING", "EXCEPTION")
OPEN_ORDER = "status NOT IN ('FILLED', 'CANCELED', 'REJECTED', 'EXPIRED')"


class ClientTable(Model):
    id = _id()
    client_no = fields.CharField(max_length=40, unique=True)
    name = fields.CharField(max_length=200)
    client_group = fields.CharField(max_length=80, null=True)
    search_text = fields.CharField(max_length=250)

    class Meta:
        table = "client"


class AccountTable(Model):
    """The row that everything which changes the account's money, cases or orders locks first."""

    id = _id()
    client = _parent("ClientTable")
    account_no = fields.CharField(max_length=40, unique=True)
    type = fields.CharField(max_length=10)
    base_currency = fields.CharField(max_length=3)
    financing_limit = _decimal()
    trading_limit = _decimal()
    outstanding_margin = _decimal()
    close_only = fields.BooleanField(default=False)
    written_off_alerts = fields.CharField(max_length=200, null=True)
    book_version = fields.BigIntField(default=0)
    search_text = fields.CharField(max_length=50)

    class Meta:
        table = "account"
        constraints = (CheckConstraint(_one_of("type", "MARGIN", "INTRADAY", "CASH"), "account_type_known"),)


class InstrumentTable(Model):
    """The terms of an option, expiry as ISO date, are all there or none is."""

    symbol = fields.CharField(primary_key=True, max_length=40)
    name = fields.CharField(max_length=200)
    market = fields.CharField(max_length=10)
    currency = fields.CharField(max_length=3)
    kind = fields.CharField(max_length=10)
    lot_size = _decimal()
    multiplier = _decimal()
    underlying = fields.CharField(max_length=40, null=True)
    option_right = fields.CharField(max_length=4, null=True)
    strike = _decimal(null=True)
    expiry = fields.CharField(max_length=10, null=True)
    fee_rate = _decimal()
    trade_status = fields.CharField(max_length=10)
    trade_status_at = fields.DatetimeField()
    initial_factor = _decimal(null=True)
    maintenance_factor = _decimal(null=True)
    margin_call_factor = _decimal(null=True)
    force_close_factor = _decimal(null=True)
    average_daily_volume = _decimal(null=True)

    class Meta:
        table = "instrument"
        constraints = (
            CheckConstraint(
                "CAST(lot_size AS NUMERIC) > 0 AND CAST(multiplier AS NUMERIC) > 0",
                "instrument_sizes_positive",
            ),
        )


class ClientFactorTable(Model):
    id = _id()
    client = _parent("ClientTable")
    instrument = _parent("InstrumentTable")
    initial_factor = _decimal()
    maintenance_factor = _decimal()
    margin_call_factor = _decimal()
    force_close_factor = _decimal()

    class Meta:
        table = "client_factor"
        unique_together = (("client", "instrument"),)


class QuoteTable(Model):
    symbol = fields.CharField(primary_key=True, max_length=40)
    at = fields.DatetimeField()
    bid = _decimal(null=True)
    ask = _decimal(null=True)
    last_price = _decimal(null=True)
    previous_close = _decimal(null=True)
    bid_size = _decimal(null=True)
    ask_size = _decimal(null=True)

    class Meta:
        table = "quote"


class FxRateTable(Model):
    pair = fields.CharField(primary_key=True, max_length=7)
    base_currency = fields.CharField(max_length=3)
    quote_currency = fields.CharField(max_length=3)
    rate = _decimal()
    at = fields.DatetimeField()

    class Meta:
        table = "fx_rate"
        constraints = (CheckConstraint("CAST(rate AS NUMERIC) > 0", "fx_rate_positive"),)


class CashTable(Model):
    id = _id()
    account = _parent("AccountTable")
    currency = fields.CharField(max_length=3)
    balance = _decimal()
    accrued_interest = _decimal()
    as_of = fields.DatetimeField()

    class Meta:
        table = "cash_balance"
        unique_together = (("account", "currency"),)


class PositionTable(Model):
    """A closed position stays with quantity 0, so that an older statement cannot bring it back."""

    id = _id()
    account = _parent("AccountTable")
    instrument = _parent("InstrumentTable")
    quantity = _decimal()
    average_cost = _decimal(null=True)
    as_of = fields.DatetimeField()
    short_since = fields.DatetimeField(null=True)

    class Meta:
        table = "position"
        unique_together = (("account", "instrument"),)
        indexes = (Index(fields=("instrument_id",), name="position_symbol"),)


class CaseTable(Model):
    """Also: one live case per account and alert type, a partial unique index (migration 0004)."""

    id = _id()
    case_no = fields.CharField(max_length=20, unique=True)
    account = _parent("AccountTable")
    alert_type = fields.CharField(max_length=30)
    status = fields.CharField(max_length=12)
    amount = _decimal()
    amount_at_open = _decimal()
    uncovered_amount = _decimal()
    figures = fields.TextField()
    opened_at = fields.DatetimeField()
    deadline = fields.DatetimeField()
    force_eligible = fields.BooleanField()
    plans = fields.IntField()
    cured_since = fields.DatetimeField(null=True)
    auto_liquidate_at = fields.DatetimeField(null=True)
    auto_liquidate_trigger = fields.CharField(max_length=10, null=True)
    auto_liquidate_held = fields.CharField(max_length=30, null=True)
    auto_liquidate_held_until = fields.DatetimeField(null=True)
    remark = fields.TextField()
    reopened_from = fields.CharField(max_length=32, null=True)
    closed_at = fields.DatetimeField(null=True)
    close_reason = fields.CharField(max_length=12, null=True)
    exempted_by = fields.CharField(max_length=32, null=True)
    version = fields.IntField()
    original_deadline = fields.DatetimeField(null=True)
    claimed_by = fields.CharField(max_length=200, null=True)
    claimed_at = fields.DatetimeField(null=True)
    claim_expires_at = fields.DatetimeField(null=True)
    follow_ups = fields.IntField(default=0)
    figures_at_open = fields.TextField(null=True)

    class Meta:
        table = "margin_case"
        constraints = (
            CheckConstraint(
                _one_of("status", "OPEN", "LIQUIDATING", "EXCEPTION", "RESOLVED", "WRITTEN_OFF", "VOID"),
                "case_status_known",
            ),
            CheckConstraint(
                f"({LIVE_CASE}) = (closed_at IS NULL) AND ({LIVE_CASE}) = (close_reason IS NULL)",
                "case_closed_iff_terminal",
            ),
        )
        indexes = (
            Index(fields=("status", "opened_at", "id"), name="case_list"),
            Index(fields=("account_id",), name="case_account"),
            Index(fields=("auto_liquidate_at",), name="case_auto_liquidation"),
        )


class FollowUpTable(Model):
    """Append-only: what somebody, or the desk itself, noted about a case."""

    id = _id()
    case = _parent("CaseTable")
    at = fields.DatetimeField()
    author = fields.CharField(max_length=200)
    by_desk = fields.BooleanField()
    note = fields.TextField()

    class Meta:
        table = "follow_up"
        indexes = (Index(fields=("case_id", "at", "id"), name="follow_up_case"),)


class DeadlineChangeTable(Model):
    """Append-only: every move of a case's deadline."""

    id = _id()
    case = _parent("CaseTable")
    at = fields.DatetimeField()
    author = fields.CharField(max_length=200)
    kind = fields.CharField(max_length=8)
    before = fields.DatetimeField()
    after = fields.DatetimeField()
    reason = fields.TextField()
    approved_by = fields.CharField(max_length=200, null=True)

    class Meta:
        table = "deadline_change"
        constraints = (CheckConstraint(_one_of("kind", "PERSON", "CALENDAR"), "deadline_change_kind_known"),)
        indexes = (Index(fields=("case_id", "at", "id"), name="deadline_change_case"),)


class MarketDayTable(Model):
    """A trading day that is not as the exchange calendar has it. The newest row of a market's day holds."""

    id = _id()
    market = fields.CharField(max_length=10)
    day = fields.CharField(max_length=10)
    kind = fields.CharField(max_length=8)
    closes_at = fields.CharField(max_length=5, null=True)
    reason = fields.TextField()
    author = fields.CharField(max_length=200)
    at = fields.DatetimeField()

    class Meta:
        table = "market_day"
        constraints = (
            CheckConstraint(_one_of("kind", "CLOSED", "HALF", "REGULAR"), "market_day_kind_known"),
            CheckConstraint("(kind = 'HALF') = (closes_at IS NOT NULL)", "market_day_half_has_close"),
        )
        indexes = (Index(fields=("market", "day", "id"), name="market_day_list"),)


class StockRecallTable(Model):
    """What a lender wants back, and how it was allocated."""

    id = _id()
    instrument = _parent("InstrumentTable")
    quantity = _decimal()
    allocated = _decimal()
    rule = fields.CharField(max_length=15)
    cause = fields.CharField(max_length=10)
    due_at = fields.DatetimeField()
    reason = fields.TextField()
    recalled_by = fields.CharField(max_length=200)
    recalled_at = fields.DatetimeField()

    class Meta:
        table = "stock_recall"
        constraints = (
            CheckConstraint(
                "CAST(allocated AS NUMERIC) > 0 AND CAST(allocated AS NUMERIC) <= CAST(quantity AS NUMERIC)",
                "recall_allocated_within",
            ),
            CheckConstraint(_one_of("rule", "PRO_RATA", "FIFO", "LARGEST_FIRST"), "recall_rule_known"),
            CheckConstraint(_one_of("cause", "RECALLED", "UNBORROWED"), "recall_cause_known"),
        )


class StockRecoveryTable(Model):
    """One stock that one account has to bring back, under the case that asks for it."""

    id = _id()
    account = _parent("AccountTable")
    case = _parent("CaseTable")
    instrument = _parent("InstrumentTable")
    recall: Any = fields.ForeignKeyField(
        "models.StockRecallTable", on_delete=fields.RESTRICT, related_name=False, null=True
    )
    alert_type = fields.CharField(max_length=30)
    quantity = _decimal()
    outstanding = _decimal()
    short_may_stay = _decimal()
    due_at = fields.DatetimeField()
    opened_at = fields.DatetimeField()
    closed_at = fields.DatetimeField(null=True)

    class Meta:
        table = "stock_recovery"
        constraints = (
            CheckConstraint(
                "CAST(quantity AS NUMERIC) > 0 AND CAST(outstanding AS NUMERIC) >= 0"
                " AND CAST(short_may_stay AS NUMERIC) >= 0",
                "recovery_quantities",
            ),
            CheckConstraint(
                "closed_at IS NULL OR CAST(outstanding AS NUMERIC) = 0", "recovery_closed_is_recovered"
            ),
            CheckConstraint(
                "(alert_type = 'SHORT_RECALL') = (recall_id IS NOT NULL)"
                " AND alert_type IN ('COVERED_CALL_SHORTFALL', 'SHORT_RECALL')",
                "recovery_of_a_recall",
            ),
        )
        indexes = (
            Index(fields=("alert_type", "opened_at", "id"), name="recovery_list"),
            Index(fields=("account_id",), name="recovery_account"),
            Index(fields=("case_id",), name="recovery_case"),
            Index(fields=("instrument_id",), name="recovery_symbol"),
        )


class OrderTable(Model):
    id = _id()
    client_order_id = fields.CharField(max_length=40, unique=True)
    case = _parent("CaseTable")
    account = _parent("AccountTable")
    symbol = fields.CharField(max_length=40)
    side = fields.CharField(max_length=4)
    type = fields.CharField(max_length=6)
    time_in_force = fields.CharField(max_length=3)
    session = fields.CharField(max_length=7)
    quantity = _decimal()
    limit_price = _decimal(null=True)
    status = fields.CharField(max_length=16)
    estimated_reduction = _decimal()
    placed_by = fields.CharField(max_length=200)
    created_at = fields.DatetimeField()
    updated_at = fields.DatetimeField()
    filled_quantity = _decimal()
    filled_notional = fields.DecimalField(max_digits=40, decimal_places=20)
    acknowledged = fields.BooleanField()
    cancel_requested = fields.BooleanField()
    reason = fields.TextField(null=True)
    version = fields.IntField()
    override = fields.BooleanField(default=False)
    raw_status = fields.CharField(max_length=40, null=True)

    class Meta:
        table = "liquidation_order"
        constraints = (
            CheckConstraint("CAST(quantity AS NUMERIC) > 0", "order_quantity_positive"),
            CheckConstraint("CAST(filled_quantity AS NUMERIC) >= 0", "order_filled_not_negative"),
            CheckConstraint(_one_of("side", "BUY", "SELL"), "order_side_known"),
            CheckConstraint("(type = 'LIMIT') = (limit_price IS NOT NULL)", "order_limit_has_price"),
            CheckConstraint(
                _one_of(
                    "status",
                    *(
                        "PENDING_APPROVAL",
                        "QUEUED",
                        "PENDING_NEW",
                        "NEW",
                        "PARTIALLY_FILLED",
                        "PENDING_CANCEL",
                    ),
                    *("FILLED", "CANCELED", "REJECTED", "EXPIRED", "UNKNOWN"),
                ),
                "order_status_known",
            ),
            CheckConstraint(
                "status <> 'FILLED' OR CAST(filled_quantity AS NUMERIC) >= CAST(quantity AS NUMERIC)",
                "order_filled_is_full",
            ),
        )
        indexes = (
            Index(fields=("created_at", "id"), name="order_list"),
            Index(fields=("case_id", "created_at"), name="order_case"),
            Index(fields=("account_id", "status"), name="order_account"),
            Index(fields=("status",), name="order_status"),
        )


class ExecutionTable(Model):
    """Every report of a venue that was taken in, once: (venue, execution_id) is unique."""

    id = _id()
    order = _parent("OrderTable")
    venue = fields.CharField(max_length=40)
    execution_id = fields.CharField(max_length=80)
    exec_type = fields.CharField(max_length=16)
    quantity = _decimal()
    price = _decimal()
    fee = _decimal()
    cash_effect = _decimal()
    at = fields.DatetimeField()
    recorded_at = fields.DatetimeField()
    text = fields.TextField(null=True)

    class Meta:
        table = "execution"
        unique_together = (("venue", "execution_id"),)
        indexes = (Index(fields=("order_id", "at"), name="execution_order"),)


class OrderChangeTable(Model):
    id = fields.BigIntField(primary_key=True, generated=True)
    order = _parent("OrderTable")
    status = fields.CharField(max_length=16)
    at = fields.DatetimeField()
    reason = fields.TextField(null=True)

    class Meta:
        table = "order_change"
        indexes = (Index(fields=("order_id", "id"), name="order_change_order"),)


class ApprovalTable(Model):
    """What takes two people. Also: one pending request per kind and thing, a partial unique index."""

    id = _id()
    kind = fields.CharField(max_length=20)
    entity = fields.CharField(max_length=20)
    entity_id = fields.CharField(max_length=80)
    account: Any = fields.ForeignKeyField(
        "models.AccountTable", on_delete=fields.RESTRICT, related_name=False, null=True
    )
    approver = fields.CharField(max_length=200)
    maker = fields.CharField(max_length=200)
    reason = fields.TextField(null=True)
    before_text = fields.TextField()
    after_text = fields.TextField()
    command = fields.TextField()
    created_at = fields.DatetimeField()
    expires_at = fields.DatetimeField()
    status = fields.CharField(max_length=10)
    decided_by = fields.CharField(max_length=200, null=True)
    decided_at = fields.DatetimeField(null=True)
    decision_reason = fields.TextField(null=True)
    difference = fields.TextField(null=True)

    class Meta:
        table = "approval"
        constraints = (
            CheckConstraint(
                _one_of("status", "PENDING", "APPROVED", "DECLINED", "WITHDRAWN", "EXPIRED"),
                "approval_status_known",
            ),
            CheckConstraint("(status = 'PENDING') = (decided_at IS NULL)", "approval_decided_once"),
            CheckConstraint(
                "status NOT IN ('APPROVED', 'DECLINED') OR (decided_by IS NOT NULL AND decided_by <> maker)",
                "approval_by_another",
            ),
        )
        indexes = (
            Index(fields=("created_at", "id"), name="approval_list"),
            Index(fields=("status", "expires_at"), name="approval_expiry"),
        )


class KillSwitchTable(Model):
    """Each time one was on. Also: on at most once for the same, a partial unique index."""

    id = _id()
    scope = fields.CharField(max_length=10)
    subject = fields.CharField(max_length=32)
    set_by = fields.CharField(max_length=200)
    reason = fields.TextField()
    since = fields.DatetimeField()
    ended_at = fields.DatetimeField(null=True)
    ended_by = fields.TextField()

    class Meta:
        table = "kill_switch"
        constraints = (
            CheckConstraint(_one_of("scope", "DESK", "CLIENT", "ACCOUNT"), "kill_switch_scope_known"),
            CheckConstraint("(scope = 'DESK') = (subject = '')", "kill_switch_has_subject"),
        )
        indexes = (
            Index(fields=("since", "id"), name="kill_switch_list"),
            Index(fields=("subject", "ended_at"), name="kill_switch_subject"),
        )


class IdempotencyKeyTable(Model):
    """A mutation's key: the same actor and key mean the same request for ever."""

    id = _id()
    actor = fields.CharField(max_length=200)
    idempotency_key = fields.CharField(max_length=200)
    operation = fields.CharField(max_length=20)
    request_hash = fields.CharField(max_length=64)
    at = fields.DatetimeField()

    class Meta:
        table = "idempotency_key"
        unique_together = (("actor", "idempotency_key"),)


class IdempotencyItemTable(Model):
    """The stored answer for one case or order of a batch."""

    id = _id()
    actor = fields.CharField(max_length=200)
    idempotency_key = fields.CharField(max_length=200)
    item = fields.CharField(max_length=80)
    outcome = fields.TextField()
    at = fields.DatetimeField()

    class Meta:
        table = "idempotency_item"
        unique_together = (("actor", "idempotency_key", "item"),)


class AuditTable(Model):
    """Append-only: who did what to which entity, and when."""

    id = fields.BigIntField(primary_key=True, generated=True)
    at = fields.DatetimeField()
    actor = fields.CharField(max_length=200)
    action = fields.CharField(max_length=40)
    entity = fields.CharField(max_length=20)
    entity_id = fields.CharField(max_length=80)
    detail = fields.TextField()
    before_state = fields.TextField(null=True)
    after_state = fields.TextField(null=True)
    request_id = fields.CharField(max_length=64, null=True)

    class Meta:
        table = "audit"
        indexes = (Index(fields=("entity", "entity_id"), name="audit_entity"),)


class AuditLinkTable(Model):
    """Append-only: the place of each audit row in the hash chain, given after its transaction."""

    sequence = fields.BigIntField(primary_key=True, generated=True)
    audit_id = fields.BigIntField(unique=True)
    previous_hash = fields.CharField(max_length=64)
    hash = fields.CharField(max_length=64)

    class Meta:
        table = "audit_link"


class AuditHeadTable(Model):
    """How far the chain goes: what its end is compared with."""

    name = fields.CharField(primary_key=True, max_length=20)
    sequence = fields.BigIntField()
    hash = fields.CharField(max_length=64)

    class Meta:
        table = "audit_head"


class SnapshotTable(Model):
    """Append-only: what was known of a case at a moment."""

    id = _id()
    case = _parent("CaseTable")
    kind = fields.CharField(max_length=10)
    occasion = fields.CharField(max_length=80)
    at = fields.DatetimeField()
    content = fields.TextField()
    hash = fields.CharField(max_length=64)

    class Meta:
        table = "snapshot"
        unique_together = (("case", "kind", "occasion"),)
        constraints = (
            CheckConstraint(
                _one_of("kind", "TRIGGER", "FORCE", "NOTICE", "DAILY", "END"), "snapshot_kind_known"
            ),
        )
        indexes = (Index(fields=("case_id", "at", "id"), name="snapshot_case"),)


class OrderMarkTable(Model):
    """What the market said of the instrument when an order was last sent."""

    order_id = fields.CharField(primary_key=True, max_length=32)
    at = fields.DatetimeField()
    mark = _decimal(null=True)

    class Meta:
        table = "order_mark"


class OutboxTable(Model):
    """Facts to publish, written in the transaction that made them, positioned when they are published."""

    id = fields.BigIntField(primary_key=True, generated=True)
    event_id = fields.CharField(max_length=32, unique=True)
    payload = fields.TextField()
    at = fields.DatetimeField()
    stream_offset = fields.BigIntField(null=True, unique=True)

    class Meta:
        table = "outbox"
        indexes = (Index(fields=("at",), name="outbox_at"),)


class StreamTable(Model):
    """How far the one event stream has come: its epoch and the last offset given out."""

    name = fields.CharField(primary_key=True, max_length=20)
    epoch = fields.CharField(max_length=32)
    last_offset = fields.BigIntField()

    class Meta:
        table = "stream"


class CounterTable(Model):
    name = fields.CharField(primary_key=True, max_length=20)
    value = fields.BigIntField()

    class Meta:
        table = "counter"


class RevocationTable(Model):
    """Whose tokens, issued until when, are refused."""

    subject = fields.CharField(primary_key=True, max_length=200)
    at = fields.DatetimeField()

    class Meta:
        table = "revocation"
        indexes = (Index(fields=("at",), name="revocation_at"),)


class RiskSettingTable(Model):
    """Append-only: every approved version of every setting of the risk back office."""

    id = _id()
    number = fields.BigIntField(unique=True)
    kind = fields.CharField(max_length=24)
    subject = fields.CharField(max_length=80)
    value = fields.TextField()
    value_before = fields.TextField(null=True)
    effective_at = fields.DatetimeField()
    requested_by = fields.CharField(max_length=200)
    requested_at = fields.DatetimeField()
    approved_by = fields.CharField(max_length=200)
    approved_at = fields.DatetimeField()
    reason = fields.TextField()
    # Whom alone it concerns, for those who may not see them.
    account_id = fields.CharField(max_length=32, null=True)
    client_id = fields.CharField(max_length=32, null=True)

    class Meta:
        table = "risk_setting"
        constraints = (
            CheckConstraint("requested_by <> approved_by", "risk_setting_by_two"),
            CheckConstraint("effective_at >= approved_at", "risk_setting_never_backdated"),
        )
        indexes = (
            Index(fields=("kind", "subject", "effective_at", "number"), name="risk_setting_in_force"),
            Index(fields=("effective_at",), name="risk_setting_effective"),
        )


class LeaseTable(Model):
    """Who does a job that only one process may do, until when."""

    name = fields.CharField(primary_key=True, max_length=40)
    holder = fields.CharField(max_length=80)
    expires_at = fields.DatetimeField()

    class Meta:
        table = "lease"


class ClientContactTable(Model):
    """How a client is reached. Personal data: shown only to those who may see it."""

    id = _id()
    client = fields.OneToOneField("models.ClientTable", on_delete=fields.RESTRICT, related_name=False)  # type: ignore[var-annotated]
    email = fields.CharField(max_length=254, null=True)
    phone = fields.CharField(max_length=20, null=True)
    push_id = fields.CharField(max_length=200, null=True)
    language = fields.CharField(max_length=10)
    time_zone = fields.CharField(max_length=40)
    quiet_hours = fields.CharField(max_length=11, null=True)
    as_of = fields.DatetimeField()

    class Meta:
        table = "client_contact"


class MessageTable(Model):
    """A message to a client, from the transaction that decided it to its end.

    `automatic_key` names the case and day of an automatic message: there is at most one.
    """

    id = _id()
    case = _parent("CaseTable")
    client = _parent("ClientTable")
    channel = fields.CharField(max_length=5)
    template = fields.CharField(max_length=20)
    language = fields.CharField(max_length=10)
    title = fields.TextField()
    body = fields.TextField()
    recipient = fields.CharField(max_length=254, null=True)
    automatic_key = fields.CharField(max_length=60, null=True, unique=True)
    placed_by = fields.CharField(max_length=200)
    created_at = fields.DatetimeField()
    earliest_at = fields.DatetimeField()
    latest_at = fields.DatetimeField()
    status = fields.CharField(max_length=8)
    attempts = fields.IntField()
    next_attempt_at = fields.DatetimeField(null=True)
    settled_at = fields.DatetimeField(null=True)
    reason = fields.TextField(null=True)

    class Meta:
        table = "client_message"
        constraints = (
            CheckConstraint(_one_of("status", "QUEUED", "SENT", "FAILED", "EXPIRED"), "message_status_known"),
            CheckConstraint(_one_of("channel", "PUSH", "SMS", "EMAIL", "VOICE"), "message_channel_known"),
            CheckConstraint("(status = 'QUEUED') = (settled_at IS NULL)", "message_settled_iff_ended"),
            CheckConstraint("recipient IS NOT NULL OR status = 'FAILED'", "message_has_recipient"),
        )
        indexes = (
            Index(fields=("case_id", "created_at", "id"), name="message_case"),
            Index(fields=("created_at",), name="message_created"),
            Index(fields=("status", "channel", "next_attempt_at"), name="message_due"),
        )


class WebhookTable(Model):
    """An endpoint of the alert feed: whose it is, what he may see, and how far the deliveries have come."""

    id = _id()
    url = fields.CharField(max_length=1000)
    events = fields.TextField()
    owner = fields.CharField(max_length=200)
    permissions = fields.TextField()
    account_scope = fields.TextField(null=True)
    authorized_at = fields.DatetimeField()
    salt = fields.CharField(max_length=32)
    created_at = fields.DatetimeField()
    epoch = fields.CharField(max_length=32)
    stream_offset = fields.BigIntField()
    status = fields.CharField(max_length=8)
    attempts = fields.IntField()
    next_attempt_at = fields.DatetimeField(null=True)
    failing_since = fields.DatetimeField(null=True)
    delivered_at = fields.DatetimeField(null=True)
    disabled_at = fields.DatetimeField(null=True)
    reason = fields.TextField(null=True)
    generation = fields.IntField()

    class Meta:
        table = "webhook"
        constraints = (
            CheckConstraint(_one_of("status", "ACTIVE", "DISABLED"), "webhook_status_known"),
            CheckConstraint("(status = 'DISABLED') = (disabled_at IS NOT NULL)", "webhook_disabled_has_time"),
        )
        indexes = (Index(fields=("owner",), name="webhook_owner"),)
