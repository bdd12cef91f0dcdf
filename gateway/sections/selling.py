"""Liquidation: price limits, sizes, approvals, what-ifs and the venue."""

from decimal import Decimal

from pydantic import Field

from gateway.sections.types import Count, Pairs, Seconds, SecondsOrZero, Section


class SellingSettings(Section):
    """Liquidation: price limits, sizes, approvals, what-ifs and the venue."""

    price_band: Decimal = Field(
        Decimal("0.05"),
        gt=0,
        lt=1,
        description="Maximum fraction by which a plan's limit prices may be worse than the quote when the "
        "request names a `priceBand`; the price collar applies in addition.",
    )
    price_collar: Decimal = Field(
        Decimal("0.05"),
        gt=0,
        lt=1,
        description="Maximum distance of a sale's price below the mark, and of a purchase's price above it, "
        "as a fraction of the mark; applies to every order, market orders and automatic ones "
        "included.",
    )
    price_collars: Pairs = Field(
        {},
        description="Price collars of individual markets, such as `XHKG=0.03,XNYS=0.08`; instruments of "
        "other markets have `GATEWAY_PRICE_COLLAR`.",
    )
    price_collar_approved: Decimal = Field(
        Decimal("0.20"),
        gt=0,
        lt=1,
        description="The wider collar, as a fraction of the mark: an operator's price between the two "
        "collars needs a second person's approval, and no order beyond the wider one is sent.",
    )
    price_collar_close: Decimal = Field(
        Decimal("0.50"),
        gt=0,
        lt=1,
        description="Maximum distance of a price from the previous close, as a fraction of that close, "
        "without a second person's approval; a mark further away may be wrong, and without a "
        "previous close nothing is compared.",
    )
    resting_order_counts_s: SecondsOrZero = Field(
        300,
        description="How long, in seconds, an order whose limit does not reach the other side of the quote "
        "counts toward the amount to collect; after that it covers nothing.",
    )
    recall_max_accounts: Count = Field(
        5_000, description="Maximum number of accounts over which one recall of a stock is allocated."
    )
    order_adv_share_max: Decimal | None = Field(
        None,
        gt=0,
        le=1,
        description="Maximum size of one order, as a fraction of the instrument's average daily volume; "
        "default: no cap.",
    )
    order_notional_max: Pairs = Field(
        {},
        description="Maximum notional of one liquidation order, by the account's base currency, such as "
        "`USD=2000000,HKD=15000000`; other currencies have no such cap.",
    )
    liquidate_max_cases: Count = Field(200, description="Maximum number of cases in one `liquidate`.")
    cancel_max_orders: Count = Field(
        200, description="Maximum number of orders in one `cancel` or `cancelAll`."
    )
    approve_max_requests: Count = Field(
        100, description="Maximum number of requests in one `approve`, `decline` or `withdraw`."
    )
    approval_notional: Decimal = Field(
        Decimal(50_000_000),
        ge=0,
        description="Notional, in the reporting currency, above which a liquidation needs a second person: "
        "per account, and per operator over all accounts, within 24 hours; the risk settings "
        "take precedence.",
    )
    approval_cases: Count = Field(
        50,
        description="Number of cases in one request above which a liquidation needs a second person; the "
        "risk settings take precedence.",
    )
    approval_ttl_s: Seconds = Field(
        14_400, description="Time, in seconds, after which an approval request expires without a decision."
    )
    approval_growth: Decimal = Field(
        Decimal("0.25"),
        ge=0,
        description="Fraction by which the notional of an approved liquidation, planned again at approval, "
        "or the amount of an approved write-off, may exceed the request; beyond it a new "
        "request is needed.",
    )
    approval_poll_interval_s: Seconds = Field(
        5,
        description="Interval, in seconds, at which the desk looks for approval requests that have expired.",
    )
    exemptions_max: Count = Field(
        500,
        description="Maximum number of exemption rules in the risk settings, including those that are "
        "switched off.",
    )
    max_legs: Count = Field(100, description="Maximum number of orders in one liquidation of a case.")
    cancel_client_orders: bool = Field(
        True,
        description="Whether the desk cancels a client's own orders before it sends liquidation orders, and "
        "those of intraday accounts before the close, if the venue can.",
    )
    what_if_timeout_s: Seconds = Field(
        60, description="Time, in seconds, after which a whole-book what-if is aborted."
    )
    what_if_waiting_max: Count = Field(
        4,
        description="Maximum number of whole-book what-ifs that run or wait in one process; one runs at a "
        "time.",
    )
    what_if_accounts_max: Count = Field(
        10_000,
        description="Maximum number of accounts in call that the answer of a whole-book what-if lists.",
    )
    what_if_chunk_accounts: Count = Field(
        500, description="Number of accounts that a whole-book what-if holds in memory at a time."
    )
    venue_answer_timeout_s: Seconds = Field(
        10,
        description="How long, in seconds, the desk waits for the venue when it sends an order or a cancel "
        "or asks for an order's history; then the venue counts as not available.",
    )
    order_ack_timeout_s: Seconds = Field(
        10,
        description="How long, in seconds, the venue may be silent about an order until the desk asks for "
        "its status.",
    )
    working_order_check_s: Seconds = Field(
        5,
        description="Interval, in seconds, at which the desk asks the venue about each working order, so "
        "that a lost report is found; a DAY order is also checked at the end of its day.",
    )
    waiting_reports_max: Count = Field(
        10_000,
        description="Maximum number of execution reports that wait in memory for locked accounts; at this "
        "number the desk reads no further ones.",
    )
    dispatch_batch: Count = Field(
        100, description="Maximum number of orders that one round sends or asks about."
    )
    paper_ack_latency_s: SecondsOrZero = Field(
        0.2,
        description="How long, in seconds, the paper venue takes to acknowledge, reject or cancel an order.",
    )
    paper_fill_latency_s: SecondsOrZero = Field(
        0.5, description="How long, in seconds, the paper venue takes before each fill."
    )
    paper_fsync: bool = Field(
        False,
        description="Whether the paper venue's journal survives a power failure; each order then takes "
        "longer.",
    )
