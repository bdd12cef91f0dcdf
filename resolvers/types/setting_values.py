"""The values of risk settings, one type for each kind."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated

import strawberry

from domain.exemption import ConditionField, ConditionOperator, Exemption, ExemptionKind, ExemptionScope
from domain.ids import ClientId
from domain.margin import AccountType, AmountRule
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
)
from resolvers.kit.context import Info
from resolvers.kit.node import global_id
from resolvers.types.client import Client, client_of
from resolvers.types.market import MarginFactors, factors_of


@strawberry.type(description="The rule that computes the amount to collect, for one type of account.")
class AmountRuleSetting:
    """From domain.margin.AmountRule."""

    account_type: AccountType = strawberry.field(description="The type of account that the rule applies to.")
    coefficient: Decimal = strawberry.field(
        description="The factor by which the margin-call margin is multiplied."
    )
    with_interest: bool = strawberry.field(description="Whether accrued interest is collected.")
    with_outstanding_margin: bool = strawberry.field(
        description="Whether margin that is still owed from earlier calls is collected."
    )
    with_trading_limit: bool = strawberry.field(description="Whether the trading limit lowers the amount.")
    with_over_financing: bool = strawberry.field(
        description="Whether debt above the financing limit is collected."
    )
    over_financing_triggers: bool = strawberry.field(
        description="Whether debt above the financing limit alone opens a case."
    )
    on_equity: bool = strawberry.field(
        description="Whether equity, instead of liquid net assets, is compared with the margin."
    )


@strawberry.type(
    description="Whether liquidations of one kind are allowed: on which accounts, and by "
    "operators or automatically."
)
class LiquidationSwitchSetting:
    """From domain.risk_settings.LiquidationSwitch."""

    trade_type: TradeType = strawberry.field(description="The accounts that the switch applies to.")
    force_type: ForceType = strawberry.field(
        description="The initiator that the switch applies to: an operator or the desk."
    )
    on: bool = strawberry.field(
        description="Whether these liquidations are allowed. False: the desk refuses them with SWITCH_OFF."
    )


@strawberry.type(description="A comparison that an account must satisfy to be exempt.")
class ExemptionCondition:
    """From domain.exemption.Condition."""

    field: ConditionField = strawberry.field(description="The property of the account that is compared.")
    operator: ConditionOperator = strawberry.field(description="The comparison to apply.")
    value: str = strawberry.field(description="The value to compare with: text, or a decimal number as text.")


@strawberry.type(description="A rule that keeps accounts from margin calls.")
class ExemptionSetting:
    """From domain.exemption.Exemption."""

    rule_id: strawberry.ID = strawberry.field(
        description="The id of the rule, the same in all of its versions. `Case.exemptedBy` refers to it."
    )
    kind: ExemptionKind = strawberry.field(description="The margin calls that the rule suppresses.")
    scope: ExemptionScope = strawberry.field(description="The accounts that the rule applies to.")
    account_no: str | None = strawberry.field(
        description="The account number for scope ACCOUNT, otherwise null."
    )
    client_group: str | None = strawberry.field(
        description="The client group for scope CLIENT_GROUP, otherwise null."
    )
    enabled: bool = strawberry.field(description="Whether the rule is switched on.")
    until: datetime | None = strawberry.field(
        description="The end of the exemption; null if it does not end."
    )
    conditions: list[ExemptionCondition] = strawberry.field(
        description="The conditions, all of which an account must satisfy; empty: every account in the "
        "scope is exempt."
    )


@strawberry.type(
    description="The margin factors of an instrument, for every client without factors of their own."
)
class InstrumentFactorsSetting:
    """From domain.risk_settings.FactorSetting."""

    symbol: str = strawberry.field(description="The symbol of the instrument.")
    factors: MarginFactors | None = strawberry.field(
        description="The margin factors; null if the setting was withdrawn, so that the factors in the "
        "statements of the book of record apply."
    )


@strawberry.type(description="The margin factors of an instrument for one client.")
class ClientFactorsSetting:
    """From domain.risk_settings.FactorSetting."""

    client_id: strawberry.Private[str]
    symbol: str = strawberry.field(description="The symbol of the instrument.")
    factors: MarginFactors | None = strawberry.field(
        description="The margin factors; null if the setting was withdrawn, so that the factors in the "
        "statements of the book of record apply."
    )

    @strawberry.field(
        description="The client whose positions use the factors; null if the client is not within your scope."
    )
    async def client(self, info: Info) -> Client | None:
        """Batched."""
        row = await info.context.loaders.clients.load(ClientId(self.client_id))
        return client_of(row, info.context) if row else None


@strawberry.type(description="The rule for collecting shortfalls of written calls.")
class CoveredOptionSetting:
    """From domain.risk_settings.CoveredOptionRule."""

    enabled: bool = strawberry.field(description="Whether shortfalls are collected.")
    trigger_time: str | None = strawberry.field(
        description="The time of day from which shortfalls are collected, HH:mm local to the option's "
        "market; null while not enabled."
    )
    skip_short: bool = strawberry.field(
        description="Whether accounts that are short of the underlying are skipped."
    )


@strawberry.type(description="The limits above which a liquidation needs a second person.")
class ApprovalLimitsSetting:
    """From domain.risk_settings.ApprovalLimits."""

    notional: Decimal | None = strawberry.field(
        description="The notional of all orders, in the reporting currency; null if "
        "`GATEWAY_APPROVAL_NOTIONAL` applies."
    )
    cases: int | None = strawberry.field(
        description="The number of cases in one request; null if `GATEWAY_APPROVAL_CASES` applies."
    )


@strawberry.type(description="Whether a margin call ends the client's trading limit.")
class TradingLimitExpirySetting:
    """From domain.risk_settings.TradingLimitExpiry."""

    expires: bool = strawberry.field(description="Whether the trading limit becomes 0 when a case opens.")


RiskSettingValue = Annotated[
    AmountRuleSetting
    | LiquidationSwitchSetting
    | ExemptionSetting
    | InstrumentFactorsSetting
    | ClientFactorsSetting
    | CoveredOptionSetting
    | ApprovalLimitsSetting
    | TradingLimitExpirySetting,
    strawberry.union("RiskSettingValue", description="The value of a risk setting, by its kind."),
]


def exemption_id(subject: str) -> strawberry.ID:
    """The global id of an exemption rule."""
    return global_id("Exemption", subject)


def value_of(kind: SettingKind, subject: str, value: SettingValue) -> RiskSettingValue:
    """The GraphQL object."""
    match value:
        case AmountRule():
            return _amount_rule(subject, value)
        case LiquidationSwitch():
            trade_type, _, force_type = subject.partition(":")
            return LiquidationSwitchSetting(
                trade_type=TradeType(trade_type), force_type=ForceType(force_type), on=value.on
            )
        case Exemption():
            return _exemption(subject, value)
        case FactorSetting():
            return _factors(kind, subject, value)
        case CoveredOptionRule():
            at = value.trigger_time
            return CoveredOptionSetting(
                enabled=value.enabled,
                trigger_time=f"{at:%H:%M}" if at is not None else None,
                skip_short=value.skip_short,
            )
        case ApprovalLimits():
            return ApprovalLimitsSetting(notional=value.notional, cases=value.cases)
        case TradingLimitExpiry():
            return TradingLimitExpirySetting(expires=value.expires)


def _amount_rule(subject: str, rule: AmountRule) -> AmountRuleSetting:
    return AmountRuleSetting(
        account_type=AccountType(subject),
        coefficient=rule.coefficient,
        with_interest=rule.with_interest,
        with_outstanding_margin=rule.with_outstanding_margin,
        with_trading_limit=rule.with_trading_limit,
        with_over_financing=rule.with_over_financing,
        over_financing_triggers=rule.over_financing_triggers,
        on_equity=rule.on_equity,
    )


def _exemption(subject: str, rule: Exemption) -> ExemptionSetting:
    return ExemptionSetting(
        rule_id=exemption_id(subject),
        kind=rule.kind,
        scope=rule.scope,
        account_no=rule.target if rule.scope is ExemptionScope.ACCOUNT else None,
        client_group=rule.target if rule.scope is ExemptionScope.CLIENT_GROUP else None,
        enabled=rule.enabled,
        until=rule.until,
        conditions=[
            ExemptionCondition(field=each.field, operator=each.operator, value=each.value)
            for each in rule.conditions
        ],
    )


def _factors(
    kind: SettingKind, subject: str, value: FactorSetting
) -> InstrumentFactorsSetting | ClientFactorsSetting:
    factors = None if value.factors is None else factors_of(value.factors)
    if kind is SettingKind.INSTRUMENT_FACTORS:
        return InstrumentFactorsSetting(symbol=subject, factors=factors)
    client_id, _, symbol = subject.partition(":")
    return ClientFactorsSetting(client_id=client_id, symbol=symbol, factors=factors)
