"""Exemption rules: which accounts get no margin call, in which period and under which conditions.

A rule is matched against the known data of one account. A condition on a figure is not met while the figures
are stale: unknown data exempts no account.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from domain.case import AlertType
from domain.margin import AccountTerms, MarginFigures
from domain.money import InvalidDecimal, parse_decimal

CONDITIONS_MAX = 10


class ExemptionKind(StrEnum):
    """The calls that a rule suppresses."""

    MARGIN_CALL = "MARGIN_CALL"
    OVER_FINANCING = "OVER_FINANCING"


class ExemptionScope(StrEnum):
    """The accounts that a rule concerns."""

    GLOBAL = "GLOBAL"
    ACCOUNT = "ACCOUNT"
    CLIENT_GROUP = "CLIENT_GROUP"


class ConditionField(StrEnum):
    """The data of an account that a condition compares; figures and limits are in the account's base
    currency.
    """

    ACCOUNT_TYPE = "ACCOUNT_TYPE"
    BASE_CURRENCY = "BASE_CURRENCY"
    CLIENT_GROUP = "CLIENT_GROUP"
    FINANCING_LIMIT = "FINANCING_LIMIT"
    TRADING_LIMIT = "TRADING_LIMIT"
    OUTSTANDING_MARGIN = "OUTSTANDING_MARGIN"
    EQUITY = "EQUITY"
    DEBT = "DEBT"
    AMOUNT = "AMOUNT"


class ConditionOperator(StrEnum):
    """How it is compared; `GREATER_THAN` is for numbers only."""

    EQUALS = "EQUALS"
    GREATER_THAN = "GREATER_THAN"


_TEXTS = frozenset({ConditionField.ACCOUNT_TYPE, ConditionField.BASE_CURRENCY, ConditionField.CLIENT_GROUP})
_FIGURES = frozenset({ConditionField.EQUITY, ConditionField.DEBT, ConditionField.AMOUNT})

ALERTS: Mapping[ExemptionKind, frozenset[AlertType]] = {
    ExemptionKind.MARGIN_CALL: frozenset({AlertType.MAINTENANCE, AlertType.INTRADAY, AlertType.CASH_DEBT}),
    ExemptionKind.OVER_FINANCING: frozenset({AlertType.OVER_FINANCING}),
}
"""The alerts that a kind suppresses; those of stock recovery are never exempt."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison; raises ValueError if the field and the operator do not fit."""

    field: ConditionField
    operator: ConditionOperator
    value: str

    def __post_init__(self) -> None:
        if self.field in _TEXTS:
            if self.operator is ConditionOperator.GREATER_THAN:
                raise ValueError(f"{self.field} is not a number: compare it with EQUALS")
            return
        try:
            parse_decimal(self.value)
        except InvalidDecimal as invalid:
            raise ValueError(f"{self.field} must be compared with a number: {invalid}") from None


@dataclass(frozen=True, slots=True)
class Exemption:
    """A rule. `target` is the account number or the client group, None for GLOBAL; all conditions must be
    met.
    """

    kind: ExemptionKind
    scope: ExemptionScope
    target: str | None = None
    enabled: bool = True
    until: datetime | None = None
    """The end of the exemption; None: unlimited."""
    conditions: tuple[Condition, ...] = ()

    def __post_init__(self) -> None:
        if (self.scope is ExemptionScope.GLOBAL) is (self.target is not None):
            raise ValueError("an exemption names its account or client group; a global one names neither")
        if self.until is not None and self.until.tzinfo is None:
            raise ValueError("the end of an exemption must have a time zone")
        if len(self.conditions) > CONDITIONS_MAX:
            raise ValueError(f"an exemption has at most {CONDITIONS_MAX} conditions")

    def is_in_force(self, now: datetime) -> bool:
        """Whether the rule is enabled and has not ended."""
        return self.enabled and (self.until is None or now < self.until)


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """The data of an account to match rules against."""

    account_no: str
    client_group: str | None
    terms: AccountTerms
    figures: MarginFigures


def matches(rule: Exemption, alert_type: AlertType, facts: AccountFacts, now: datetime) -> bool:
    """Whether the rule keeps this account from this kind of call."""
    return (
        rule.is_in_force(now)
        and alert_type in ALERTS[rule.kind]
        and _is_meant(rule, facts)
        and all(_holds(condition, facts) for condition in rule.conditions)
    )


def _is_meant(rule: Exemption, facts: AccountFacts) -> bool:
    match rule.scope:
        case ExemptionScope.GLOBAL:
            return True
        case ExemptionScope.ACCOUNT:
            return rule.target == facts.account_no
        case ExemptionScope.CLIENT_GROUP:
            return rule.target == facts.client_group


def _holds(condition: Condition, facts: AccountFacts) -> bool:
    if condition.field in _FIGURES and facts.figures.stale:
        return False
    value = _value(condition.field, facts)
    if not isinstance(value, Decimal):
        return value == condition.value
    limit = parse_decimal(condition.value)
    return value == limit if condition.operator is ConditionOperator.EQUALS else value > limit


def _value(field: ConditionField, facts: AccountFacts) -> Decimal | str | None:
    terms, figures = facts.terms, facts.figures
    values: Mapping[ConditionField, Decimal | str | None] = {
        ConditionField.ACCOUNT_TYPE: terms.account_type.value,
        ConditionField.BASE_CURRENCY: terms.base_currency,
        ConditionField.CLIENT_GROUP: facts.client_group,
        ConditionField.FINANCING_LIMIT: terms.financing_limit,
        ConditionField.TRADING_LIMIT: terms.trading_limit,
        ConditionField.OUTSTANDING_MARGIN: terms.outstanding_margin,
        ConditionField.EQUITY: figures.equity,
        ConditionField.DEBT: figures.debt,
        ConditionField.AMOUNT: figures.amount,
    }
    return values[field]
