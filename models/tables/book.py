"""Clients, their accounts, the holdings, and their prices."""

from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint
from tortoise.models import Model

from domain.text import SEARCH_EXPANSION
from models.tables.columns import decimal, id_, one_of, parent

MAX_NAME, MAX_CLIENT_NO = 200, 40
MAX_SEARCH_TEXT = (MAX_NAME + MAX_CLIENT_NO) * SEARCH_EXPANSION + 1
"""The search form of a name may have more characters than the name."""


class ClientTable(Model):
    id = id_()
    client_no = fields.CharField(max_length=MAX_CLIENT_NO, unique=True)
    name = fields.CharField(max_length=MAX_NAME)
    client_group = fields.CharField(max_length=80, null=True)
    search_text = fields.CharField(max_length=MAX_SEARCH_TEXT)

    class Meta:
        table = "client"


class AccountTable(Model):
    """The row that every change of the account's money, cases or orders locks first."""

    id = id_()
    client = parent("ClientTable")
    account_no = fields.CharField(max_length=40, unique=True)
    type = fields.CharField(max_length=10)
    base_currency = fields.CharField(max_length=3)
    financing_limit = decimal()
    trading_limit = decimal()
    outstanding_margin = decimal()
    close_only = fields.BooleanField(default=False)
    written_off_alerts = fields.CharField(max_length=200, null=True)
    book_version = fields.BigIntField(default=0)
    search_text = fields.CharField(max_length=50)

    class Meta:
        table = "account"
        constraints = (CheckConstraint(one_of("type", "MARGIN", "INTRADAY", "CASH"), "account_type_known"),)


class InstrumentTable(Model):
    """The terms of an option, with the expiry as an ISO date, are either all set or all null.

    `trade_status_at` is the time of the last statement; `suspended_since` that of the fact.
    """

    symbol = fields.CharField(primary_key=True, max_length=40)
    name = fields.CharField(max_length=MAX_NAME)
    market = fields.CharField(max_length=10)
    currency = fields.CharField(max_length=3)
    kind = fields.CharField(max_length=10)
    lot_size = decimal()
    multiplier = decimal()
    underlying = fields.CharField(max_length=40, null=True)
    option_right = fields.CharField(max_length=4, null=True)
    strike = decimal(null=True)
    expiry = fields.CharField(max_length=10, null=True)
    fee_rate = decimal()
    trade_status = fields.CharField(max_length=10)
    trade_status_at = fields.DatetimeField()
    suspended_since = fields.DatetimeField(null=True)
    initial_factor = decimal(null=True)
    maintenance_factor = decimal(null=True)
    margin_call_factor = decimal(null=True)
    force_close_factor = decimal(null=True)
    average_daily_volume = decimal(null=True)
    tick = fields.CharField(max_length=300, null=True)
    negative_prices = fields.BooleanField(null=True)
    search_text = fields.CharField(max_length=MAX_SEARCH_TEXT, null=True)

    class Meta:
        table = "instrument"
        constraints = (
            CheckConstraint(
                "CAST(lot_size AS NUMERIC) > 0 AND CAST(multiplier AS NUMERIC) > 0",
                "instrument_sizes_positive",
            ),
        )


class ClientFactorTable(Model):
    id = id_()
    client = parent("ClientTable")
    instrument = parent("InstrumentTable")
    initial_factor = decimal()
    maintenance_factor = decimal()
    margin_call_factor = decimal()
    force_close_factor = decimal()

    class Meta:
        table = "client_factor"
        unique_together = (("client", "instrument"),)


class QuoteTable(Model):
    symbol = fields.CharField(primary_key=True, max_length=40)
    at = fields.DatetimeField()
    bid = decimal(null=True)
    ask = decimal(null=True)
    last_price = decimal(null=True)
    previous_close = decimal(null=True)
    bid_size = decimal(null=True)
    ask_size = decimal(null=True)

    class Meta:
        table = "quote"


class FxRateTable(Model):
    pair = fields.CharField(primary_key=True, max_length=7)
    base_currency = fields.CharField(max_length=3)
    quote_currency = fields.CharField(max_length=3)
    rate = decimal()
    at = fields.DatetimeField()

    class Meta:
        table = "fx_rate"
        constraints = (CheckConstraint("CAST(rate AS NUMERIC) > 0", "fx_rate_positive"),)


class CashTable(Model):
    id = id_()
    account = parent("AccountTable")
    currency = fields.CharField(max_length=3)
    balance = decimal()
    accrued_interest = decimal()
    as_of = fields.DatetimeField()

    class Meta:
        table = "cash_balance"
        unique_together = (("account", "currency"),)


class PositionTable(Model):
    """A closed position stays with quantity 0, so that an older statement cannot open it again."""

    id = id_()
    account = parent("AccountTable")
    instrument = parent("InstrumentTable")
    quantity = decimal()
    average_cost = decimal(null=True)
    as_of = fields.DatetimeField()
    short_since = fields.DatetimeField(null=True)

    class Meta:
        table = "position"
        unique_together = (("account", "instrument"),)
        indexes = (Index(fields=("instrument_id",), name="position_symbol"),)
