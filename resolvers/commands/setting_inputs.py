"""The inputs of setting changes, and the checks of their values."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time
from decimal import Decimal
from typing import TypeVar

import strawberry

from domain.currencies import unknown_currencies
from domain.exemption import (
    Condition,
    ConditionField,
    ConditionOperator,
    Exemption,
    ExemptionKind,
    ExemptionScope,
)
from domain.margin import AccountType, AmountRule
from domain.market import FactorSource, MarginFactors
from domain.moments import parse_time_of_day
from domain.risk_settings import (
    ApprovalLimits,
    CoveredOptionRule,
    FactorSetting,
    ForceType,
    LiquidationSwitch,
    SettingKind,
    SettingValue,
    TradeType,
    TradingLimitExpiry,
    client_factor_subject,
    problem_of,
    switch_subject,
)
from domain.text import readable
from resolvers.kit.errors import BAD_USER_INPUT, ApiError
from resolvers.kit.inputs import check_code
from resolvers.kit.node import filter_id

NAME_CHARACTERS_MAX = 80
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RequestedSetting:
    """The requested setting. `subject` None: a new exemption."""

    kind: SettingKind
    subject: str | None
    value: SettingValue


@strawberry.input(description="The new amount rule of one type of account. It replaces the whole rule.")
class AmountRuleInput:
    """To domain.margin.AmountRule."""

    account_type: AccountType = strawberry.field(description="The type of account that the rule applies to.")
    coefficient: Decimal = strawberry.field(
        description="The factor by which the margin-call margin is multiplied: above 0, at most 10. "
        "Without a rule it is 1."
    )
    with_interest: bool = strawberry.field(description="Whether to collect accrued interest.")
    with_outstanding_margin: bool = strawberry.field(
        description="Whether to collect margin that is still owed from earlier calls."
    )
    with_trading_limit: bool = strawberry.field(description="Whether the trading limit lowers the amount.")
    with_over_financing: bool = strawberry.field(
        description="Whether to collect debt above the financing limit."
    )
    over_financing_triggers: bool = strawberry.field(
        description="Whether debt above the financing limit alone opens a case."
    )
    on_equity: bool = strawberry.field(
        default=False, description="Whether to compare equity, instead of liquid net assets, with the margin."
    )

    def requested(self) -> RequestedSetting:
        """The setting that this input requests."""
        rule = AmountRule(
            coefficient=self.coefficient,
            with_interest=self.with_interest,
            with_outstanding_margin=self.with_outstanding_margin,
            with_trading_limit=self.with_trading_limit,
            with_over_financing=self.with_over_financing,
            over_financing_triggers=self.over_financing_triggers,
            on_equity=self.on_equity,
        )
        return RequestedSetting(SettingKind.AMOUNT_RULE, self.account_type, rule)


@strawberry.input(description="The new state of one liquidation switch.")
class LiquidationSwitchInput:
    """To domain.risk_settings.LiquidationSwitch."""

    trade_type: TradeType = strawberry.field(description="The accounts that the switch applies to.")
    force_type: ForceType = strawberry.field(
        description="The initiator that the switch applies to: an operator or the desk."
    )
    on: bool = strawberry.field(
        description="Whether these liquidations are allowed. False: the desk refuses them with SWITCH_OFF."
    )

    def requested(self) -> RequestedSetting:
        """The setting that this input requests."""
        subject = switch_subject(self.trade_type, self.force_type)
        return RequestedSetting(SettingKind.LIQUIDATION_SWITCH, subject, LiquidationSwitch(self.on))


@strawberry.input(description="A comparison that an account must satisfy to be exempt.")
class ExemptionConditionInput:
    """To domain.exemption.Condition."""

    field: ConditionField = strawberry.field(description="The property of the account to compare.")
    operator: ConditionOperator = strawberry.field(
        description="The comparison to apply; GREATER_THAN only for numbers."
    )
    value: str = strawberry.field(description="The value to compare with: text, or a decimal number as text.")


@strawberry.input(description="A whole exemption rule: a new one, or the next version of an existing one.")
class ExemptionInput:
    """To domain.exemption.Exemption."""

    rule_id: strawberry.ID | None = strawberry.field(
        default=None, description="The `ruleId` of the rule that this version replaces. Omitted: a new rule."
    )
    kind: ExemptionKind = strawberry.field(description="The margin calls that the rule suppresses.")
    scope: ExemptionScope = strawberry.field(description="The accounts that the rule applies to.")
    account_no: str | None = strawberry.field(
        default=None, description="The account number. Required for scope ACCOUNT, not allowed otherwise."
    )
    client_group: str | None = strawberry.field(
        default=None, description="The client group. Required for scope CLIENT_GROUP, not allowed otherwise."
    )
    enabled: bool = strawberry.field(
        default=True, description="Whether the rule is switched on. False: the rule is kept without effect."
    )
    until: datetime | None = strawberry.field(
        default=None,
        description="The end of the exemption, in the future and after `effectiveAt`. "
        "Omitted: it does not end.",
    )
    conditions: list[ExemptionConditionInput] = strawberry.field(
        default_factory=list,
        description="The conditions, at most 10, all of which an account must satisfy. Empty: every "
        "account in the scope is exempt.",
    )

    def requested(self) -> RequestedSetting:
        """The setting that this input requests."""
        named = {ExemptionScope.ACCOUNT: self.account_no, ExemptionScope.CLIENT_GROUP: self.client_group}
        if any(name is not None for scope, name in named.items() if scope is not self.scope):
            raise ApiError(
                BAD_USER_INPUT,
                "exemption: give accountNo only for scope ACCOUNT and clientGroup only for scope "
                "CLIENT_GROUP.",
            )
        conditions = tuple(
            Condition(each.field, each.operator, _compared_with(each.field, each.value))
            for each in self.conditions
        )
        target = named.get(self.scope)
        if target is not None:
            _name("accountNo or clientGroup", target)
        rule = Exemption(self.kind, self.scope, target, self.enabled, self.until, conditions)
        subject = None if self.rule_id is None else filter_id("Exemption", self.rule_id)
        return RequestedSetting(SettingKind.EXEMPTION, subject, rule)


def _compared_with(field: ConditionField, value: str) -> str:
    """The value to compare with, if an account can have it; raises ApiError otherwise."""
    types = sorted(AccountType)
    if field is ConditionField.ACCOUNT_TYPE and value not in types:
        raise ApiError(BAD_USER_INPUT, f"The value of ACCOUNT_TYPE must be one of {', '.join(types)}.")
    if field is ConditionField.BASE_CURRENCY and unknown_currencies([value]):
        raise ApiError(
            BAD_USER_INPUT, "The value of BASE_CURRENCY must be an ISO 4217 currency code, such as HKD."
        )
    return _name("value", value)


@strawberry.input(
    description="Margin factors as fractions of market value: 0 <= forceClose <= maintenance <= marginCall "
    "<= initial <= 10."
)
class FactorsInput:
    """To domain.market.MarginFactors."""

    initial: Decimal = strawberry.field(description="The fraction required to open a position.")
    maintenance: Decimal = strawberry.field(description="The fraction required to keep a position.")
    margin_call: Decimal = strawberry.field(description="The fraction up to which a case is cured.")
    force_close: Decimal = strawberry.field(description="The fraction below which the desk may sell at once.")


@strawberry.input(description="The new margin factors of an instrument.")
class InstrumentFactorsInput:
    """To domain.risk_settings.FactorSetting."""

    symbol: str = strawberry.field(description="The symbol of the instrument.")
    factors: FactorsInput | None = strawberry.field(
        description="The margin factors. Null: withdraw the setting, so that the factors in the statements "
        "of the book of record apply."
    )

    def requested(self) -> RequestedSetting:
        """The setting that this input requests."""
        value = _factors(self.factors, FactorSource.INSTRUMENT)
        return RequestedSetting(SettingKind.INSTRUMENT_FACTORS, _symbol(self.symbol), value)


@strawberry.input(
    description="The new margin factors of an instrument for one client. They take precedence over the "
    "factors of the instrument."
)
class ClientFactorsInput:
    """To domain.risk_settings.FactorSetting."""

    client_id: strawberry.ID = strawberry.field(description="The client, by global id.")
    symbol: str = strawberry.field(description="The symbol of the instrument.")
    factors: FactorsInput | None = strawberry.field(
        description="The margin factors. Null: withdraw the setting, so that the factors in the statements "
        "of the book of record apply."
    )

    def requested(self) -> RequestedSetting:
        """The setting that this input requests."""
        subject = client_factor_subject(filter_id("Client", self.client_id), _symbol(self.symbol))
        value = _factors(self.factors, FactorSource.CLIENT)
        return RequestedSetting(SettingKind.CLIENT_FACTORS, subject, value)


@strawberry.input(
    description="The new rule for collecting shortfalls of written calls. It replaces the whole rule."
)
class CoveredOptionInput:
    """To domain.risk_settings.CoveredOptionRule."""

    enabled: bool = strawberry.field(description="Whether to collect shortfalls of written calls.")
    trigger_time: str | None = strawberry.field(
        default=None,
        description="The time of day from which shortfalls are collected, HH:mm local to the option's "
        "market. Required if enabled.",
    )
    skip_short: bool = strawberry.field(
        default=False, description="Whether to skip accounts that are short of the underlying."
    )

    def requested(self) -> RequestedSetting:
        """The setting that this input requests."""
        at = None if self.trigger_time is None else _wall_time(self.trigger_time)
        rule = CoveredOptionRule(self.enabled, at, self.skip_short)
        return RequestedSetting(SettingKind.COVERED_OPTION, "", rule)


@strawberry.input(
    description="The new limits above which a liquidation needs a second person. They replace both limits."
)
class ApprovalLimitsInput:
    """To domain.risk_settings.ApprovalLimits."""

    notional: Decimal | None = strawberry.field(
        default=None,
        description="The notional of all orders, in the reporting currency, 0 or more. Omitted: "
        "`GATEWAY_APPROVAL_NOTIONAL` applies.",
    )
    cases: int | None = strawberry.field(
        default=None,
        description="The number of cases in one request, 1 or more. Omitted: `GATEWAY_APPROVAL_CASES` "
        "applies.",
    )

    def requested(self) -> RequestedSetting:
        """The setting that this input requests."""
        return RequestedSetting(SettingKind.APPROVAL_LIMITS, "", ApprovalLimits(self.notional, self.cases))


@strawberry.input(description="Whether a margin call ends the client's trading limit.")
class TradingLimitExpiryInput:
    """To domain.risk_settings.TradingLimitExpiry."""

    expires: bool = strawberry.field(description="Whether the trading limit becomes 0 when a case opens.")

    def requested(self) -> RequestedSetting:
        """The setting that this input requests."""
        return RequestedSetting(SettingKind.TRADING_LIMIT_EXPIRY, "", TradingLimitExpiry(self.expires))


@strawberry.input(description="The new value of a risk setting. Give exactly one field.", one_of=True)
class RiskSettingInput:
    """One kind."""

    amount_rule: AmountRuleInput | None = strawberry.field(
        default=strawberry.UNSET, description="The rule that computes the amount to collect."
    )
    liquidation_switch: LiquidationSwitchInput | None = strawberry.field(
        default=strawberry.UNSET, description="A switch for one kind of liquidation."
    )
    exemption: ExemptionInput | None = strawberry.field(
        default=strawberry.UNSET, description="A rule that keeps accounts from margin calls."
    )
    instrument_factors: InstrumentFactorsInput | None = strawberry.field(
        default=strawberry.UNSET, description="Margin factors of an instrument for every client."
    )
    client_factors: ClientFactorsInput | None = strawberry.field(
        default=strawberry.UNSET, description="Margin factors of an instrument for one client."
    )
    covered_option: CoveredOptionInput | None = strawberry.field(
        default=strawberry.UNSET, description="The collection of shortfalls of written calls."
    )
    approval_limits: ApprovalLimitsInput | None = strawberry.field(
        default=strawberry.UNSET, description="The limits above which a liquidation needs a second person."
    )
    trading_limit_expiry: TradingLimitExpiryInput | None = strawberry.field(
        default=strawberry.UNSET, description="Whether a margin call ends the trading limit."
    )

    def requested(self) -> RequestedSetting:
        """The setting that is given; raises ApiError for an invalid value."""
        given = [part for part in vars(self).values() if part]
        if len(given) != 1:
            raise ApiError(BAD_USER_INPUT, "setting: give exactly one kind.")
        setting: RequestedSetting = _sensible(given[0].requested)
        problem = problem_of(setting.value)
        if problem is not None:
            raise ApiError(BAD_USER_INPUT, f"setting: {problem}.")
        return setting


def _sensible(build: Callable[[], T]) -> T:
    """Turn a ValueError of the domain into an error of the caller."""
    try:
        return build()
    except ValueError as invalid:
        raise ApiError(BAD_USER_INPUT, f"setting: {invalid}.") from None


def _factors(given: FactorsInput | None, source: FactorSource) -> FactorSetting:
    if given is None:
        return FactorSetting(None)
    return FactorSetting(
        MarginFactors(given.initial, given.maintenance, given.margin_call, given.force_close, source)
    )


def _symbol(text: str) -> str:
    check_code("symbol", text)
    return text


def _name(field: str, text: str) -> str:
    try:
        return readable(text, NAME_CHARACTERS_MAX)
    except ValueError as reason:
        raise ApiError(BAD_USER_INPUT, f"{field} must be {reason}.") from None


def _wall_time(text: str) -> time:
    try:
        return parse_time_of_day(text)
    except ValueError as reason:
        raise ApiError(BAD_USER_INPUT, f"triggerTime must be {reason}.") from None
