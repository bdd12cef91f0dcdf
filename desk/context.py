"""The dependencies of every use case: the rules in force, the clock, the source of ids and the calendars."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from zoneinfo import ZoneInfo

from desk.fair_scheduler import Attempt
from desk.leadership import UNDISPUTED, Leadership
from desk.outbound_policy import MessagePolicy, WebhookPolicy
from domain.calendar import NoCalendar, TradingCalendar, deadline, is_assumed, is_open, last_minutes_began
from domain.case import AlertType
from domain.covered_options import Today
from domain.execution_check import Attention
from domain.ids import EventId
from domain.intraday import IntradayPhase, IntradayPolicy, flat_time, intraday_phase
from domain.judgement import JudgementPolicy
from domain.liquidation_plan import PlanPolicy
from domain.look_ahead import InterestPolicy
from domain.market import Instrument
from domain.market_hours import MarketHours, MarketState
from domain.money import Currency
from domain.open_orders import CoverConditions
from domain.risk_settings import ApprovalLimits, RiskPolicy
from models.book import BookPolicy


@dataclass(frozen=True, slots=True)
class CasePolicy:
    """The policy for cases, from the settings."""

    claim_lasts: timedelta
    deadline_extension_trading_days: int
    """Trading days that one person alone may move a deadline behind the calendar's."""
    auto_liquidation_retry: timedelta
    """The wait before an automatic liquidation that is held for a temporary reason is tried again."""
    intraday: IntradayPolicy


@dataclass(frozen=True, slots=True)
class DeskPolicy:
    """All policies of the desk, from the settings."""

    books: BookPolicy
    plans: PlanPolicy
    max_price_age: timedelta
    unpriced_short_rise: Decimal
    """The fraction by which an unpriced short position is assumed to have risen above its average cost."""
    resting_order_counts_for: timedelta
    """How long an order that rests away from the market counts as covering the amount to collect."""
    close_hold: timedelta
    """How long the amount to collect must stay 0 before a case is closed as cured."""
    deadline_trading_days: int
    deadline_cut_off: time
    base_markets: Mapping[Currency, str]
    """The market whose calendar sets the deadlines, by the account's base currency."""
    default_base_market: str
    aging_last_days: tuple[int, ...]
    """The last day of each aging bucket except the last bucket, ascending."""
    max_cases_per_batch: int
    max_orders_per_batch: int
    cases: CasePolicy
    recall_max_accounts: int
    """The most accounts that one recall of a stock may concern."""
    max_approvals_per_batch: int
    approval_limits: ApprovalLimits
    """The limits of what one person may liquidate alone; the risk settings take precedence."""
    max_exemptions: int
    approval_ttl: timedelta
    """How long an approval request stays pending."""
    approval_growth: Decimal
    """The fraction by which an approved liquidation may exceed the request."""
    interest: InterestPolicy
    """The policy for interest in the look-ahead."""
    messages: MessagePolicy = field(default_factory=MessagePolicy)
    webhooks: WebhookPolicy = field(default_factory=WebhookPolicy)
    plays_prices: bool = False
    """The feed replays recorded prices at any hour, so every market counts as being in session."""

    @property
    def reporting_currency(self) -> Currency:
        """The currency of sums over accounts and of comparisons between cases."""
        return self.books.reporting_currency

    @property
    def judgement(self) -> JudgementPolicy:
        """The policy by which figures are judged."""
        return JudgementPolicy(self.max_price_age, self.unpriced_short_rise)


@dataclass(frozen=True, slots=True)
class DeskContext:
    """Passed to every use case, so that none creates its own clock, random id or setting."""

    policy: DeskPolicy
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    calendar_of: Callable[[str], TradingCalendar]
    on_commit: Callable[[], None]
    """Called after a commit that left events to publish or orders to send."""
    attempt: Attempt
    """Runs one of several independent items and returns its fault; raises what concerns all items."""
    leadership: Leadership = UNDISPUTED
    attention: Counter[Attention] = field(default_factory=Counter)
    """Findings reported to operators since the process started, by kind."""

    def event_id(self) -> EventId:
        """A new event id."""
        return EventId(self.new_id())

    def market_of(self, base_currency: Currency) -> str:
        """The market whose calendar sets the deadlines of accounts in this base currency."""
        return self.policy.base_markets.get(base_currency, self.policy.default_base_market)

    def zone_of(self, base_currency: Currency) -> ZoneInfo:
        """The time zone of the market that sets the deadlines of accounts in this base currency."""
        market = self.policy.base_markets.get(base_currency, self.policy.default_base_market)
        return self.calendar_of(market).zone

    async def risk_policy(self, now: datetime) -> RiskPolicy:
        """The risk settings in force at `now`, read in the current transaction. A loaded book carries the
        same policy.
        """
        return await self.policy.books.settings.in_force(now)

    def deadline(
        self, opened_at: datetime, base_currency: Currency, alert_type: AlertType = AlertType.MAINTENANCE
    ) -> datetime:
        """When a call opened now must be met; for an intraday account, when it has to be flat."""
        calendar = self.calendar_for(base_currency)
        if alert_type is AlertType.INTRADAY:
            flat = flat_time(calendar, self.policy.cases.intraday, opened_at)
            if flat is not None:
                return flat
        policy = self.policy
        return deadline(opened_at, calendar, policy.deadline_trading_days, policy.deadline_cut_off)

    def is_assumed(self, moment: datetime, base_currency: Currency) -> bool:
        """Whether `moment` lies after the end of the calendar that sets the deadlines in this currency."""
        return is_assumed(moment, self.calendar_for(base_currency))

    def next_deadline(self, now: datetime, base_currency: Currency, alert_type: AlertType) -> datetime:
        """The next possible deadline: today's cut-off or that of the next trading day; for an intraday
        account, when it next has to be flat.
        """
        if alert_type is AlertType.INTRADAY:
            return self.deadline(now, base_currency, alert_type)
        calendar = self.calendar_for(base_currency)
        return deadline(now, calendar, trading_days=1, cut_off=self.policy.deadline_cut_off)

    def calendar_for(self, base_currency: Currency) -> TradingCalendar:
        """The trading calendar that sets the deadlines of accounts in this base currency."""
        return self.calendar_of(self.market_of(base_currency))

    def intraday_phase(self, base_currency: Currency, now: datetime) -> IntradayPhase:
        """The actions that intraday accounts in this currency may still take."""
        return intraday_phase(self.calendar_for(base_currency), self.policy.cases.intraday, now)

    def flat_since(self, base_currency: Currency, now: datetime) -> datetime:
        """The latest moment from which intraday accounts in this currency had to be flat."""
        before_close = self.policy.cases.intraday.flat_before_close
        return last_minutes_began(self.calendar_for(base_currency), now, before_close)

    def today(self, now: datetime) -> Today:
        """The date at `now` where an instrument trades; in an unknown market, the date in the default one."""

        def day(instrument: Instrument) -> date:
            try:
                calendar = self.calendar_of(instrument.market)
            except NoCalendar:
                # A misspelt market must not hold up the account.
                calendar = self.calendar_of(self.policy.default_base_market)
            return now.astimezone(calendar.zone).date()

        return day

    def market_hours(self, now: datetime) -> MarketHours:
        """The trading hours of all markets at `now`."""
        return MarketHours(partial(self._market_state, now), self.today(now))

    def cover_conditions(self, now: datetime) -> CoverConditions:
        """By what an open order counts as covering the amount to collect."""
        return CoverConditions(now, self.market_hours(now), self.policy.resting_order_counts_for)

    def _market_state(self, now: datetime, market: str) -> MarketState:
        try:
            in_session = is_open(self.calendar_of(market), now)
        except NoCalendar:
            return MarketState.UNKNOWN_CALENDAR
        return MarketState.OPEN if in_session or self.policy.plays_prices else MarketState.SHUT
