"""What a change of a risk setting looks like as input, and what of it makes no sense."""

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
class WantedSetting:
    """What is to be set. `subject` None: a new exemption."""

    kind: SettingKind
    subject: str | None
    value: SettingValue


@strawberry.input(description="The whole amount rule of one type of account.")
class AmountRuleInput:
    """To domain.margin.AmountRule."""

    account_type: AccountType = strawberry.field(description="For which accounts.")
    coefficient: Decimal = strawberry.field(
        description="What the margin-call margin is multiplied by: above 0, at most 10."
    )
    with_interest: bool = strawberry.field(description="Collect accrued interest.")
    with_outstanding_margin: bool = strawberry.field(description="Collect margin owed from earlier calls.")
    with_trading_limit: bool = strawberry.field(description="Let the trading limit lower the amount.")
    with_over_financing: bool = strawberry.field(description="Collect debt above the financing limit.")
    over_financing_triggers: bool = strawberry.field(
        description="Let debt above the financing limit open a case by itself."
    )
    on_equity: bool = strawberry.field(
        default=False, description="Measure equity against the margin, not liquid net assets."
    )

    def wanted(self) -> WantedSetting:
        """The setting."""
        rule = AmountRule(
            coefficient=self.coefficient,
            with_interest=self.with_interest,
            with_outstanding_margin=self.with_outstanding_margin,
            with_trading_limit=self.with_trading_limit,
            with_over_financing=self.with_over_financing,
            over_financing_triggers=self.over_financing_triggers,
            on_equity=self.on_equity,
        )
        return WantedSetting(SettingKind.AMOUNT_RULE, self.account_type, rule)


@strawberry.input(description="One liquidation switch.")
class LiquidationSwitchInput:
    """To domain.risk_settings.LiquidationSwitch."""

    trade_type: TradeType = strawberry.field(description="Of which accounts.")
    force_type: ForceType = strawberry.field(description="By whom.")
    on: bool = strawberry.field(description="Whether it may happen.")

    def wanted(self) -> WantedSetting:
        """The setting."""
        subject = switch_subject(self.trade_type, self.force_type)
        return WantedSetting(SettingKind.LIQUIDATION_SWITCH, subject, LiquidationSwitch(self.on))


@strawberry.input(description="One comparison.")
class ExemptionConditionInput:
    """To domain.exemption.Condition."""

    field: ConditionField = strawberry.field(description="What is looked at.")
    operator: ConditionOperator = strawberry.field(description="How: GREATER_THAN for numbers only.")
    value: str = strawberry.field(description="With what: text, or a decimal number as text.")


@strawberry.input(description="An exemption rule as a whole: a new one, or the next version of one.")
class ExemptionInput:
    """To domain.exemption.Exemption."""

    rule_id: strawberry.ID | None = strawberry.field(
        default=None, description="The rule that it replaces; null: a new rule."
    )
    kind: ExemptionKind = strawberry.field(description="Which calls it suppresses.")
    scope: ExemptionScope = strawberry.field(description="Whom it is for.")
    account_no: str | None = strawberry.field(default=None, description="Scope ACCOUNT: the account.")
    client_group: str | None = strawberry.field(default=None, description="Scope CLIENT_GROUP: the group.")
    enabled: bool = strawberry.field(default=True, description="False: the rule stands and does nothing.")
    until: datetime | None = strawberry.field(
        default=None, description="From then on it exempts nobody; null: for ever."
    )
    conditions: list[ExemptionConditionInput] = strawberry.field(
        default_factory=list, description="All must hold, at most 10; none: whoever is in scope."
    )

    def wanted(self) -> WantedSetting:
        """The setting."""
        named = {ExemptionScope.ACCOUNT: self.account_no, ExemptionScope.CLIENT_GROUP: self.client_group}
        if any(name is not None for scope, name in named.items() if scope is not self.scope):
            raise ApiError(BAD_USER_INPUT, "exemption: name only whom the scope is for.")
        conditions = tuple(
            Condition(each.field, each.operator, _compared_with(each.field, each.value))
            for each in self.conditions
        )
        target = named.get(self.scope)
        if target is not None:
            _name("accountNo or clientGroup", target)
        rule = Exemption(self.kind, self.scope, target, self.enabled, self.until, conditions)
        subject = None if self.rule_id is None else filter_id("Exemption", self.rule_id)
        return WantedSetting(SettingKind.EXEMPTION, subject, rule)


def _compared_with(field: ConditionField, value: str) -> str:
    """The text, where there is something that it could be equal to; raises ApiError."""
    types = sorted(AccountType)
    if field is ConditionField.ACCOUNT_TYPE and value not in types:
        raise ApiError(BAD_USER_INPUT, f"value of ACCOUNT_TYPE must be one of {', '.join(types)}.")
    if field is ConditionField.BASE_CURRENCY and unknown_currencies([value]):
        raise ApiError(BAD_USER_INPUT, "value of BASE_CURRENCY must be a currency of ISO 4217, such as HKD.")
    return _name("value", value)


@strawberry.input(description="Fractions: 0 <= force close <= maintenance <= margin call <= initial <= 10.")
class FactorsInput:
    """To domain.market.MarginFactors."""

    initial: Decimal = strawberry.field(description="To open a position.")
    maintenance: Decimal = strawberry.field(description="To keep it.")
    margin_call: Decimal = strawberry.field(description="To be cured.")
    force_close: Decimal = strawberry.field(description="Below it the desk may sell at once.")


@strawberry.input(description="The margin factors of an instrument.")
class InstrumentFactorsInput:
    """To domain.risk_settings.FactorSetting."""

    symbol: str = strawberry.field(description="The instrument.")
    factors: FactorsInput | None = strawberry.field(
        description="Null: withdraw, so that what the statements say counts again."
    )

    def wanted(self) -> WantedSetting:
        """The setting."""
        value = _factors(self.factors, FactorSource.INSTRUMENT)
        return WantedSetting(SettingKind.INSTRUMENT_FACTORS, _symbol(self.symbol), value)


@strawberry.input(
    description="The margin factors of an instrument for one client; they win over the instrument's."
)
class ClientFactorsInput:
    """To domain.risk_settings.FactorSetting."""

    client_id: strawberry.ID = strawberry.field(description="The client.")
    symbol: str = strawberry.field(description="The instrument.")
    factors: FactorsInput | None = strawberry.field(
        description="Null: withdraw, so that what the statements say counts again."
    )

    def wanted(self) -> WantedSetting:
        """The setting."""
        subject = client_factor_subject(filter_id("Client", self.client_id), _symbol(self.symbol))
        value = _factors(self.factors, FactorSource.CLIENT)
        return WantedSetting(SettingKind.CLIENT_FACTORS, subject, value)


@strawberry.input(description="The covered-option rule as a whole.")
class CoveredOptionInput:
    """To domain.risk_settings.CoveredOptionRule."""

    enabled: bool = strawberry.field(description="Collect written calls whose underlying falls short.")
    trigger_time: str | None = strawberry.field(
        default=None, description="HH:mm, wall time of the option's market; needed if enabled."
    )
    skip_short: bool = strawberry.field(
        default=False, description="Leave accounts alone that are short of the underlying."
    )

    def wanted(self) -> WantedSetting:
        """The setting."""
        at = None if self.trigger_time is None else _wall_time(self.trigger_time)
        rule = CoveredOptionRule(self.enabled, at, self.skip_short)
        return WantedSetting(SettingKind.COVERED_OPTION, "", rule)


@strawberry.input(description="The limits of approval as a whole.")
class ApprovalLimitsInput:
    """To domain.risk_settings.ApprovalLimits."""

    notional: Decimal | None = strawberry.field(
        default=None, description="In the reporting currency, from 0; null: as the process is configured."
    )
    cases: int | None = strawberry.field(
        default=None, description="In one request, from 1; null: as the process is configured."
    )

    def wanted(self) -> WantedSetting:
        """The setting."""
        return WantedSetting(SettingKind.APPROVAL_LIMITS, "", ApprovalLimits(self.notional, self.cases))


@strawberry.input(description="Whether a margin call ends the client's trading limit.")
class TradingLimitExpiryInput:
    """To domain.risk_settings.TradingLimitExpiry."""

    expires: bool = strawberry.field(description="With the opening of a case the limit becomes 0.")

    def wanted(self) -> WantedSetting:
        """The setting."""
        return WantedSetting(SettingKind.TRADING_LIMIT_EXPIRY, "", TradingLimitExpiry(self.expires))


@strawberry.input(description="What is to be set: exactly one of these.", one_of=True)
class RiskSettingInput:
    """One kind."""

    amount_rule: AmountRuleInput | None = strawberry.field(
        default=strawberry.UNSET, description="The parts of the amount to collect."
    )
    liquidation_switch: LiquidationSwitchInput | None = strawberry.field(
        default=strawberry.UNSET, description="One kind of liquidation on or off."
    )
    exemption: ExemptionInput | None = strawberry.field(
        default=strawberry.UNSET, description="Who gets no margin call."
    )
    instrument_factors: InstrumentFactorsInput | None = strawberry.field(
        default=strawberry.UNSET, description="Factors for everybody."
    )
    client_factors: ClientFactorsInput | None = strawberry.field(
        default=strawberry.UNSET, description="Factors for one client."
    )
    covered_option: CoveredOptionInput | None = strawberry.field(
        default=strawberry.UNSET, description="The collection of covered options."
    )
    approval_limits: ApprovalLimitsInput | None = strawberry.field(
        default=strawberry.UNSET, description="What one person may liquidate alone."
    )
    trading_limit_expiry: TradingLimitExpiryInput | None = strawberry.field(
        default=strawberry.UNSET, description="Whether a call ends the trading limit."
    )

    def wanted(self) -> WantedSetting:
        """The one that is given; raises ApiError for a value that makes no sense."""
        given = [part for part in vars(self).values() if part]
        if len(given) != 1:
            raise ApiError(BAD_USER_INPUT, "setting: exactly one kind must be given.")
        wanted: WantedSetting = _sensible(given[0].wanted)
        problem = problem_of(wanted.value)
        if problem is not None:
            raise ApiError(BAD_USER_INPUT, f"setting: {problem}.")
        return wanted


def _sensible(build: Callable[[], T]) -> T:
    """What the domain refuses to build is the caller's error."""
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
