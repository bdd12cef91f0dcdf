"""The rules in force, from the settings, for each part of the desk."""

from datetime import timedelta
from decimal import Decimal

from desk.context import CasePolicy, DeskPolicy
from desk.outbound_policy import MessagePolicy, WebhookPolicy
from domain.expiry import ExpiryPolicy
from domain.intraday import IntradayPolicy
from domain.letter import Waits
from domain.liquidation_plan import PlanPolicy
from domain.look_ahead import InterestPolicy
from domain.message import RetryPolicy
from domain.money import Currency
from domain.price_collar import PriceCollar
from domain.risk_settings import ApprovalLimits, CoveredOptionRule, RiskPolicy
from domain.webhook import UrlPolicy
from domain.webhook_secret import RotationPolicy
from gateway.settings import Feed, Settings
from gateway.watch.calendars import Calendars, MarketClocks, MustBeFlat
from models.book import BookPolicy
from models.risk_policy import RiskPolicyCache

WEBHOOK_ATTEMPTS = 1
"""Deliveries are limited by time, not by attempts."""


def desk_policy(settings: Settings, calendars: Calendars) -> DeskPolicy:
    """The rules of every part of the desk."""
    max_age = timedelta(seconds=settings.max_price_age_s)
    base_markets = {Currency(key): market for key, market in settings.deadline_markets.items()}
    cases = _case_policy(settings)
    must_be_flat = MustBeFlat(calendars, base_markets, settings.deadline_default_market, cases.intraday)
    return DeskPolicy(
        books=BookPolicy(
            timedelta(days=settings.suspended_dead_after_days),
            Currency(settings.reporting_currency),
            RiskPolicyCache(_risk_defaults(settings)),
            must_be_flat=must_be_flat,
            expiry=ExpiryPolicy(frozenset(settings.option_exercise_markets), settings.option_settlement_days),
            zone_of=MarketClocks(calendars, settings.deadline_default_market),
        ),
        plans=PlanPolicy(
            max_quote_age=max_age,
            price_band=settings.price_band,
            collar=PriceCollar(
                narrow=settings.price_collar,
                by_market={market: Decimal(width) for market, width in settings.price_collars.items()},
                wide=settings.price_collar_approved,
                from_close=settings.price_collar_close,
            ),
            max_adv_share=settings.order_adv_share_max,
            max_slice_notional={
                Currency(key): Decimal(most) for key, most in settings.order_notional_max.items()
            },
        ),
        max_price_age=max_age,
        unpriced_short_rise=settings.unpriced_short_rise,
        resting_order_counts_for=timedelta(seconds=settings.resting_order_counts_s),
        close_hold=timedelta(seconds=settings.close_hold_s),
        deadline_trading_days=settings.deadline_trading_days,
        deadline_cut_off=settings.deadline_cutoff,
        base_markets=base_markets,
        default_base_market=settings.deadline_default_market,
        aging_last_days=settings.aging_bucket_days,
        max_cases_per_batch=settings.liquidate_max_cases,
        max_orders_per_batch=settings.cancel_max_orders,
        cases=cases,
        recall_max_accounts=settings.recall_max_accounts,
        max_exemptions=settings.exemptions_max,
        max_approvals_per_batch=settings.approve_max_requests,
        approval_limits=ApprovalLimits(settings.approval_notional, settings.approval_cases),
        approval_ttl=timedelta(seconds=settings.approval_ttl_s),
        approval_growth=settings.approval_growth,
        interest=InterestPolicy(
            {Currency(key): Decimal(rate) for key, rate in settings.debit_interest_rates.items()},
            settings.look_ahead_settlement_days,
        ),
        messages=_message_policy(settings),
        webhooks=_webhook_policy(settings),
        plays_prices=settings.feed is Feed.REPLAY,
    )


def _risk_defaults(settings: Settings) -> RiskPolicy:
    """The rules where no risk setting was ever made."""
    trigger_time = settings.covered_options_trigger_time
    return RiskPolicy(
        covered_options=CoveredOptionRule(trigger_time is not None, trigger_time, skip_short=True)
    )


def _case_policy(settings: Settings) -> CasePolicy:
    return CasePolicy(
        claim_lasts=timedelta(minutes=settings.case_claim_minutes),
        deadline_extension_trading_days=settings.deadline_extension_trading_days,
        auto_liquidation_retry=timedelta(seconds=settings.auto_liquidation_retry_s),
        intraday=IntradayPolicy(
            flat_before_close=timedelta(minutes=settings.intraday_flat_minutes),
            last_order_before_close=timedelta(minutes=settings.intraday_last_order_minutes),
            liquidates_at_once=settings.intraday_liquidate_at_once,
        ),
    )


def _message_policy(settings: Settings) -> MessagePolicy:
    """Rules of messages to clients."""
    return MessagePolicy(
        channels=frozenset(settings.message_urls),
        automatic=settings.message_automatic_channels,
        daily_from=settings.message_daily_from,
        lifetime=timedelta(hours=settings.message_lifetime_hours),
        figures_max_age=timedelta(seconds=settings.message_figures_max_age_s),
        waits=Waits(timedelta(minutes=1), timedelta(seconds=settings.message_price_wait_s)),
        retry=RetryPolicy(
            timedelta(seconds=settings.message_retry_first_s),
            timedelta(seconds=settings.message_retry_longest_s),
            settings.message_attempts,
        ),
        circuit_failures=settings.message_circuit_failures,
        circuit_pause=timedelta(seconds=settings.message_circuit_pause_s),
        in_flight=timedelta(seconds=2 * settings.message_timeout_s),
    )


def _webhook_policy(settings: Settings) -> WebhookPolicy:
    """Rules of webhooks."""
    key = settings.webhook_secret_key or settings.auth_secret
    return WebhookPolicy(
        secret_key=key.get_secret_value().encode(),
        urls=UrlPolicy(settings.webhook_allow_http, settings.webhook_allow_private),
        retry=RetryPolicy(
            timedelta(seconds=settings.webhook_retry_first_s),
            timedelta(seconds=settings.webhook_retry_longest_s),
            WEBHOOK_ATTEMPTS,
        ),
        disable_after=timedelta(hours=settings.webhook_disable_after_hours),
        rotation=RotationPolicy(
            timedelta(hours=settings.webhook_secret_overlap_hours), settings.webhook_old_secrets_max
        ),
        max_per_subject=settings.webhooks_max_per_subject,
        max_endpoints=settings.webhooks_max,
        batch=settings.webhook_batch,
    )
