"""Liquidations: what one may be, what takes two people, and what it would do."""

from decimal import Decimal

from pydantic import Field

from gateway.sections.types import Count, Pairs, Seconds, SecondsOrZero, Section


class SellingSettings(Section):
    """Liquidations: what one may be, what takes two people, and what it would do."""

    price_band: Decimal = Field(
        Decimal("0.05"),
        gt=0,
        lt=1,
        description="By which fraction the limits of a plan may be worse than the quote, at most, where "
        "`priceBand` asks for that. The price collar holds besides.",
    )
    price_collar: Decimal = Field(
        Decimal("0.05"),
        gt=0,
        lt=1,
        description="How far below the mark a sale, and above it a purchase, may be priced, as a fraction of "
        "the mark. It holds for every order, market orders included, by hand and by machine.",
    )
    price_collars: Pairs = Field(
        {},
        description="Price collars of single markets, by the market of the instrument, such as "
        "`XHKG=0.03,XNYS=0.08`; other markets have `GATEWAY_PRICE_COLLAR`.",
    )
    price_collar_approved: Decimal = Field(
        Decimal("0.20"),
        gt=0,
        lt=1,
        description="The wider collar: up to this fraction a price that a person names is sent after a "
        "second person approved it; beyond it no order is sent.",
    )
    price_collar_close: Decimal = Field(
        Decimal("0.50"),
        gt=0,
        lt=1,
        description="How far from the previous close, where it is known, a price may be without a second "
        "person, as a fraction of that close: a mark that is further away may be a faulty price.",
    )
    resting_order_counts_s: SecondsOrZero = Field(
        300,
        description="For how many seconds an order whose limit does not reach the other side "
        "of the quote counts as money on its way; then it covers nothing any more.",
    )
    recall_max_accounts: Count = Field(
        5_000, description="The most accounts that one recall of a stock is allocated over."
    )
    order_adv_share_max: Decimal | None = Field(
        None,
        gt=0,
        le=1,
        description="The most of a day's average volume that one order may be, a fraction; default: no cap.",
    )
    order_notional_max: Pairs = Field(
        {},
        description="The most that one liquidation order may trade, by the account's base currency, such as "
        "`USD=2000000,HKD=15000000`; a currency that is not named has no such cap.",
    )
    liquidate_max_cases: Count = Field(200, description="The most cases one `liquidate` may name.")
    cancel_max_orders: Count = Field(200, description="The most orders one `cancel` may name.")
    approve_max_requests: Count = Field(
        100, description="The most requests one `approve`, `decline` or `withdraw` may name."
    )
    approval_notional: Decimal = Field(
        Decimal(50_000_000),
        ge=0,
        description="The most that one person liquidates alone, in the reporting currency: of an account, "
        "and over all accounts, within a day; above it a second one approves. The risk settings win.",
    )
    approval_cases: Count = Field(
        50,
        description="The most cases that one person liquidates at once alone; above it a second one "
        "approves. The risk settings win.",
    )
    approval_ttl_s: Seconds = Field(
        14_400, description="After how many seconds a request that nobody approved or declined expires."
    )
    approval_growth: Decimal = Field(
        Decimal("0.25"),
        ge=0,
        description="By which fraction the notional of an approved liquidation, planned anew, or the amount "
        "that is written off, may exceed what was asked for; beyond that it has to be asked for anew.",
    )
    approval_poll_interval_s: Seconds = Field(
        5, description="How often, in seconds, the desk looks for requests that have expired."
    )
    exemptions_max: Count = Field(
        500, description="The most exemption rules the risk settings may hold, those switched off included."
    )
    max_legs: Count = Field(100, description="The most orders one liquidation of a case may consist of.")
    cancel_client_orders: bool = Field(
        True,
        description="Whether a client's own orders are cancelled before ours are sent, and those of intraday "
        "accounts before the close, if the venue can.",
    )
    what_if_timeout_s: Seconds = Field(
        60, description="After how many seconds a what-if of the whole book is ended."
    )
    what_if_waiting_max: Count = Field(
        4, description="The most whole-book what-ifs that run or wait in one process; one runs at a time."
    )
    what_if_accounts_max: Count = Field(
        10_000, description="The most accounts in call that the answer of a whole-book what-if can list."
    )
    what_if_chunk_accounts: Count = Field(
        500, description="How many accounts a whole-book what-if holds in memory at a time."
    )
    venue_answer_timeout_s: Seconds = Field(
        10,
        description="For how many seconds the venue is waited for when an order or a cancel is handed over, "
        "or its history asked for; then the venue counts as not available.",
    )
    order_ack_timeout_s: Seconds = Field(
        10, description="After how many silent seconds of the venue an order's status is asked for."
    )
    working_order_check_s: Seconds = Field(
        5,
        description="How often, in seconds, the venue is asked about each order that it works, so that a "
        "lost report is found; a DAY order also at the end of its day.",
    )
    waiting_reports_max: Count = Field(
        10_000,
        description="The most execution reports that wait in memory for accounts that are locked; with more "
        "of them no further ones are read.",
    )
    dispatch_batch: Count = Field(
        100, description="The most orders that are sent, or asked about, in one round."
    )
    paper_ack_latency_s: SecondsOrZero = Field(
        0.2, description="How many seconds the paper venue takes to acknowledge, reject or cancel an order."
    )
    paper_fill_latency_s: SecondsOrZero = Field(
        0.5, description="How many seconds the paper venue takes before each fill."
    )
    paper_fsync: bool = Field(
        False, description="Whether the paper venue's journal survives a power failure, at a cost per order."
    )
