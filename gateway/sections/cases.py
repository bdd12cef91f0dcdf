"""Cases: when they open and close, their deadlines, and the automatic actions on them."""

from datetime import time

from pydantic import Field

from gateway.sections.types import (
    Count,
    Days,
    Minutes,
    Pairs,
    Seconds,
    SecondsOrZero,
    Section,
    TimeOfDay,
    TradingDays,
)


class CaseSettings(Section):
    """Cases: when they open and close, their deadlines, and the automatic actions on them."""

    suspended_dead_after_days: Days = Field(
        30, description="Days of suspension after which a position no longer counts as collateral."
    )
    close_hold_s: SecondsOrZero = Field(
        60,
        description="How long, in seconds, the amount to collect must stay 0 until the case counts as cured.",
    )
    case_refresh_interval_s: Seconds = Field(
        1, description="Interval, in seconds, at which the stored figures of open cases are refreshed."
    )
    deadline_trading_days: TradingDays = Field(
        3,
        description="Trading day on which a case is due; the day on which it opens is day 1, or the next "
        "trading day if it opens after `GATEWAY_DEADLINE_CUTOFF` or on a day without trading.",
    )
    deadline_cutoff: TimeOfDay = Field(
        time(14, 0),
        description="Time of day of deadlines, in the time zone of the market that sets the deadline.",
    )
    deadline_markets: Pairs = Field(
        {"USD": "XNYS", "HKD": "XHKG", "JPY": "XTKS", "GBP": "XLON", "EUR": "XETR"},
        description="Market whose calendar sets the deadline, by the account's base currency, such as "
        "`USD=XNYS,HKD=XHKG`.",
    )
    deadline_default_market: str = Field(
        "XNYS",
        description="Market that sets the deadline of accounts in a currency that "
        "`GATEWAY_DEADLINE_MARKETS` does not name.",
    )
    debit_interest_rates: Pairs = Field(
        {},
        description="Yearly interest rates on debits that the look-ahead uses, by the currency of the "
        "debit, as fractions such as `HKD=0.0575,USD=0.068`; debits in other currencies bear no "
        "interest there.",
    )
    look_ahead_settlement_days: int = Field(
        2,
        ge=0,
        le=10,
        description="Trading days after a session until its trades are settled; the look-ahead counts "
        "interest until then.",
    )
    covered_options_trigger_time: TimeOfDay | None = Field(
        None,
        description="Time of day, local to the market, at which the desk starts to collect stock for "
        "written calls while the risk settings name none; default: never.",
    )
    case_claim_minutes: Minutes = Field(
        15, description="How long, in minutes, a claim on a case holds unless it is renewed."
    )
    deadline_extension_trading_days: int = Field(
        3,
        ge=0,
        le=250,
        description="How many trading days past the calendar's deadline one person may move it without a "
        "second person's approval.",
    )
    auto_liquidation_poll_s: Seconds = Field(
        1,
        description="Interval, in seconds, at which the desk looks for automatic liquidations that are due.",
    )
    auto_liquidation_retry_s: Seconds = Field(
        10,
        description="Interval, in seconds, between attempts of an automatic liquidation that waits for a "
        "price or for the end of a slice.",
    )
    auto_liquidation_fault_wait_max_s: Seconds = Field(
        300,
        description="Longest wait, in seconds, between attempts of an automatic liquidation, or of an "
        "intraday account, that failed; the wait starts at `GATEWAY_AUTO_LIQUIDATION_RETRY_S` "
        "and doubles.",
    )
    auto_liquidation_batch: Count = Field(
        100, description="Maximum number of automatic liquidations that are read together."
    )
    intraday_flat_minutes: int = Field(
        15,
        ge=0,
        le=1440,
        description="How many minutes before the close intraday accounts must be flat; 0 means never.",
    )
    intraday_last_order_minutes: int = Field(
        20,
        ge=0,
        le=1440,
        description="How many minutes before the close intraday accounts may only reduce positions.",
    )
    intraday_liquidate_at_once: bool = Field(
        False,
        description="Set to `true` to liquidate the margin call of an intraday account as soon as it opens.",
    )
    market_day_poll_interval_s: Seconds = Field(
        1,
        description="Interval, in seconds, at which a process looks for market days that were entered by "
        "hand.",
    )
    market_day_recheck_s: Seconds = Field(
        600,
        description="Interval, in seconds, at which the deadlines of all live cases are checked even if no "
        "market day was entered.",
    )
    covered_options_check_interval_s: Seconds = Field(
        15,
        description="Interval, in seconds, at which the desk checks whether it is time to collect stock for "
        "written calls.",
    )
