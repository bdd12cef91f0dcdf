"""Cases: when they open and close, their deadlines, and what happens to them by itself."""

from datetime import time

from pydantic import Field

from gateway.sections.types import Count, Pairs, Seconds, SecondsOrZero, Section, TimeOfDay


class CaseSettings(Section):
    """Cases: when they open and close, their deadlines, and what happens to them by itself."""

    suspended_dead_after_days: Count = Field(
        30, description="After how many days of suspension a position backs no loan any more."
    )
    close_hold_s: SecondsOrZero = Field(
        60, description="For how many seconds the amount must stay 0 before a case counts as cured."
    )
    case_refresh_interval_s: Seconds = Field(
        1, description="How often, in seconds, the stored figures of open cases are refreshed."
    )
    deadline_trading_days: Count = Field(
        3, description="A case is due on this trading day, counted from the day it opens."
    )
    deadline_cutoff: TimeOfDay = Field(
        time(14, 0), description="The time of day of deadlines, local to the account's market."
    )
    deadline_markets: Pairs = Field(
        {"USD": "XNYS", "HKD": "XHKG", "JPY": "XTKS", "GBP": "XLON", "EUR": "XETR"},
        description="The market whose calendar sets the deadline, by the account's base currency.",
    )
    deadline_default_market: str = Field(
        "XNYS", description="The market that sets the deadline of accounts in any other currency."
    )
    debit_interest_rates: Pairs = Field(
        {},
        description="The yearly interest on debits that the look-ahead reckons with, by the debit's "
        "currency, fractions such as `HKD=0.0575,USD=0.068`; a currency that is not named bears none there.",
    )
    look_ahead_settlement_days: int = Field(
        2,
        ge=0,
        le=10,
        description="How many trading days after a session its trades are settled: until then the look-ahead "
        "reckons interest.",
    )
    covered_options_trigger_time: time | None = Field(
        None,
        description="When stock for written calls is collected, local to the market, while the risk settings "
        "say nothing of it; default: never.",
    )
    case_claim_minutes: Count = Field(
        15, description="For how many minutes a claim on a case holds unless it is renewed."
    )
    deadline_extension_trading_days: int = Field(
        3,
        ge=0,
        description="How many trading days past the calendar's deadline one person alone may move it.",
    )
    auto_liquidation_poll_s: Seconds = Field(
        1, description="How often, in seconds, the desk looks for automatic liquidations that are due."
    )
    auto_liquidation_retry_s: Seconds = Field(
        10,
        description="After how many seconds an automatic liquidation that waits for a price, or for the end "
        "of a slice, is tried again.",
    )
    auto_liquidation_fault_wait_max_s: Seconds = Field(
        300,
        description="The longest wait, in seconds, before an automatic liquidation, or an intraday account, "
        "that the desk failed at is tried again; the first is GATEWAY_AUTO_LIQUIDATION_RETRY_S, then it "
        "doubles.",
    )
    auto_liquidation_batch: Count = Field(
        100, description="The most automatic liquidations that are read at a time."
    )
    intraday_flat_minutes: int = Field(
        15, ge=0, description="How many minutes before the close intraday accounts have to be flat; 0: never."
    )
    intraday_last_order_minutes: int = Field(
        20, ge=0, description="How many minutes before the close intraday accounts may only reduce."
    )
    intraday_liquidate_at_once: bool = Field(
        False, description="Whether the desk liquidates a margin call of an intraday account as it opens."
    )
    market_day_poll_interval_s: Seconds = Field(
        1, description="How often, in seconds, a process looks for market days put in by hand."
    )
    market_day_recheck_s: Seconds = Field(
        600, description="How often, in seconds, the deadlines of all live cases are checked all the same."
    )
    covered_options_check_interval_s: Seconds = Field(
        15, description="How often, in seconds, the desk looks whether the time of covered options has come."
    )
