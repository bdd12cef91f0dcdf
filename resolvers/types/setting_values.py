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


@strawberry.type(description="Which parts the amount to collect has, for one type of account.")
class AmountRuleSetting:
    """From domain.margin.AmountRule."""

    account_type: AccountType = strawberry.field(description="For which accounts.")
    coefficient: Decimal = strawberry.field(description="What the margin-call margin is multiplied by.")
    with_interest: bool = strawberry.field(description="Accrued interest is collected.")
    with_outstanding_margin: bool = strawberry.field(
        description="Margin owed from earlier calls is collected."
    )
    with_trading_limit: bool = strawberry.field(description="The trading limit lowers the amount.")
    with_over_financing: bool = strawberry.field(description="Debt above the financing limit is collected.")
    over_financing_triggers: bool = strawberry.field(
        description="Debt above the financing limit opens a case by itself."
    )
    on_equity: bool = strawberry.field(
        description="Equity is measured against the margin, not liquid net assets."
    )


@strawberry.type(description="Whether one kind of liquidation may happen.")
class LiquidationSwitchSetting:
    """From domain.risk_settings.LiquidationSwitch."""

    trade_type: TradeType = strawberry.field(description="Of which accounts.")
    force_type: ForceType = strawberry.field(description="By whom.")
    on: bool = strawberry.field(description="It may happen.")


@strawberry.type(description="One comparison that an account must satisfy to be exempt.")
class ExemptionCondition:
    """From domain.exemption.Condition."""

    field: ConditionField = strawberry.field(description="What is looked at.")
    operator: ConditionOperator = strawberry.field(description="How it is compared.")
    value: str = strawberry.field(description="With what: text, or a decimal number as text.")


@strawberry.type(description="A rule that keeps accounts from margin calls.")
class ExemptionSetting:
    """From domain.exemption.Exemption."""

    rule_id: strawberry.ID = strawberry.field(
        description="Names the rule through all its versions, and as exemptedBy on the cases it ended."
    )
    kind: ExemptionKind = strawberry.field(description="Which calls it suppresses.")
    scope: ExemptionScope = strawberry.field(description="Whom it is for.")
    account_no: str | None = strawberry.field(description="Of scope ACCOUNT: the account.")
    client_group: str | None = strawberry.field(description="Of scope CLIENT_GROUP: the group.")
    enabled: bool = strawberry.field(description="Switched on.")
    until: datetime | None = strawberry.field(description="From then on it exempts nobody; null: for ever.")
    conditions: list[ExemptionCondition] = strawberry.field(description="All of them must hold.")


@strawberry.type(description="The margin factors of an instrument, for every client without their own.")
class InstrumentFactorsSetting:
    """From domain.risk_settings.FactorSetting."""

    symbol: str = strawberry.field(description="The instrument.")
    factors: MarginFactors | None = strawberry.field(
        description="Null: withdrawn, what the statements say counts."
    )


@strawberry.type(description="The margin factors of an instrument for one client.")
class ClientFactorsSetting:
    """From domain.risk_settings.FactorSetting."""

    client_id: strawberry.Private[str]
    symbol: str = strawberry.field(description="The instrument.")
    factors: MarginFactors | None = strawberry.field(
        description="Null: withdrawn, what the statements say counts."
    )

    @strawberry.field(description="The client.")
    async def client(self, info: Info) -> Client | None:
        """Batched."""
        row = await info.context.loaders.clients.load(ClientId(self.client_id))
        return client_of(row, info.context) if row else None


@strawberry.type(description="When written calls whose underlying falls short are collected.")
class CoveredOptionSetting:
    """From domain.risk_settings.CoveredOptionRule."""

    enabled: bool = strawberry.field(description="They are collected.")
    trigger_time: str | None = strawberry.field(description="HH:mm, wall time of the option's market.")
    skip_short: bool = strawberry.field(description="Accounts short of the underlying are left alone.")


@strawberry.type(description="Above which size a liquidation takes two people.")
class ApprovalLimitsSetting:
    """From domain.risk_settings.ApprovalLimits."""

    notional: Decimal | None = strawberry.field(
        description="Of all its orders, in the reporting currency; null: as the process is configured."
    )
    cases: int | None = strawberry.field(
        description="How many cases in one request; null: as the process is configured."
    )


@strawberry.type(description="Whether a margin call ends the client's trading limit.")
class TradingLimitExpirySetting:
    """From domain.risk_settings.TradingLimitExpiry."""

    expires: bool = strawberry.field(description="With the opening of a case the limit becomes 0.")


RiskSettingValue = Annotated[
    AmountRuleSetting
    | LiquidationSwitchSetting
    | ExemptionSetting
    | InstrumentFactorsSetting
    | ClientFactorsSetting
    | CoveredOptionSetting
    | ApprovalLimitsSetting
    | TradingLimitExpirySetting,
    strawberry.union("RiskSettingValue", description="What is set, by its kind."),
]


def exemption_id(subject: str) -> strawberry.ID:
    """How a rule is named to clients."""
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
