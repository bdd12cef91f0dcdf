"""Which of the approved settings are in force, and whom exemptions are for."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.case import AlertType
from domain.exemption import (
    AccountFacts,
    Condition,
    ConditionField,
    ConditionOperator,
    Exemption,
    ExemptionKind,
    ExemptionScope,
    matches,
)
from domain.margin import (
    AccountTerms,
    AccountType,
    AmountRule,
    Book,
    CashBalance,
    MarginFigures,
    compute_figures,
)
from domain.market import FactorSource, MarginFactors
from domain.money import Currency
from domain.risk_settings import (
    ApprovalLimits,
    CoveredOptionRule,
    FactorSetting,
    ForceType,
    LiquidationSwitch,
    RiskPolicy,
    SettingId,
    SettingKind,
    SettingValue,
    SettingVersion,
    TradeType,
    TradingLimitExpiry,
    in_force,
    next_change,
    policy_at,
    problem_of,
    switch_subject,
)

NOW = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
HKD = Currency("HKD")
EVERYBODY = Exemption(ExemptionKind.MARGIN_CALL, ExemptionScope.GLOBAL)


def version(
    number: int,
    value: SettingValue,
    kind: SettingKind = SettingKind.AMOUNT_RULE,
    subject: str = "MARGIN",
    at: datetime = NOW,
) -> SettingVersion:
    return SettingVersion(
        SettingId(f"v{number}"),
        number,
        kind,
        subject,
        value,
        None,
        at,
        "maker",
        NOW,
        "approver",
        NOW,
        "because",
    )


def a_rule(coefficient: int) -> AmountRule:
    return AmountRule(coefficient=Decimal(coefficient))


def facts(group: str | None = "gold", stale: bool = False, cash: int = -500) -> AccountFacts:
    terms = AccountTerms(AccountType.MARGIN, HKD, financing_limit=Decimal(100))
    book = Book(terms, AmountRule(), (CashBalance(HKD, Decimal(cash)),), (), {})
    figures: MarginFigures = compute_figures(book, NOW, timedelta(minutes=1))
    return AccountFacts("M1", group, terms, replace(figures, stale=stale))


def test_a_version_counts_from_its_effective_time_on() -> None:
    begins = NOW + timedelta(hours=1)
    versions = [version(1, a_rule(1)), version(2, a_rule(2), at=begins)]
    just_before = policy_at(versions, begins - timedelta(microseconds=1), RiskPolicy())
    assert just_before.amount_rules[AccountType.MARGIN] == a_rule(1)
    assert policy_at(versions, begins, RiskPolicy()).amount_rules[AccountType.MARGIN] == a_rule(2)
    assert next_change(versions, NOW) == begins
    assert next_change(versions, begins) is None


def test_of_two_versions_with_the_same_time_the_one_approved_last_counts() -> None:
    versions = [version(2, a_rule(2)), version(1, a_rule(1))]
    assert [each.number for each in in_force(versions, NOW)] == [2]


def test_an_earlier_time_does_not_displace_a_later_one() -> None:
    """Approved afterwards, but effective before: the future version still takes over when its time comes."""
    later = NOW + timedelta(days=1)
    versions = [version(1, a_rule(3), at=later), version(2, a_rule(2))]
    assert [each.number for each in in_force(versions, NOW)] == [2]
    assert [each.number for each in in_force(versions, later)] == [1]


def test_where_nothing_is_set_the_defaults_count() -> None:
    defaults = RiskPolicy(approval_limits=ApprovalLimits(Decimal(5), 2))
    policy = policy_at([version(1, a_rule(2))], NOW, defaults)
    assert policy.approval_limits == ApprovalLimits(Decimal(5), 2)
    assert policy.amount_rules[AccountType.CASH] == AmountRule()
    assert all(policy.liquidation_on(kind, force) for kind in AccountType for force in ForceType)


def test_switches_are_per_trade_type_and_force_type() -> None:
    off = version(
        1,
        LiquidationSwitch(on=False),
        SettingKind.LIQUIDATION_SWITCH,
        switch_subject(TradeType.MARGIN, ForceType.AUTOMATIC),
    )
    policy = policy_at([off], NOW, RiskPolicy())
    assert not policy.liquidation_on(AccountType.MARGIN, ForceType.AUTOMATIC)
    assert not policy.liquidation_on(AccountType.CASH, ForceType.AUTOMATIC)
    assert policy.liquidation_on(AccountType.MARGIN, ForceType.MANUAL)
    assert policy.liquidation_on(AccountType.INTRADAY, ForceType.AUTOMATIC)
    on = replace(off, number=2, value=LiquidationSwitch(on=True))
    assert policy_at([off, on], NOW, RiskPolicy()).switched_off == frozenset()


def test_rules_of_one_subject_are_taken_as_they_are() -> None:
    covered = CoveredOptionRule(True, datetime(2026, 1, 1, 15, 30).time(), True)  # noqa: DTZ001 - wall time
    versions = [
        version(1, covered, SettingKind.COVERED_OPTION, ""),
        version(2, ApprovalLimits(Decimal(10), 3), SettingKind.APPROVAL_LIMITS, ""),
        version(3, TradingLimitExpiry(expires=True), SettingKind.TRADING_LIMIT_EXPIRY, ""),
    ]
    policy = policy_at(versions, NOW, RiskPolicy())
    assert policy.covered_options == covered
    assert policy.approval_limits == ApprovalLimits(Decimal(10), 3)
    assert policy.trading_limit_expiry.expires


def test_an_exemption_ends_at_its_end_and_when_it_is_switched_off() -> None:
    until = NOW + timedelta(hours=2)
    rule = replace(EVERYBODY, until=until)
    versions = [version(1, rule, SettingKind.EXEMPTION, "x1")]
    last = policy_at(versions, until - timedelta(microseconds=1), RiskPolicy())
    assert last.exempting(AlertType.MAINTENANCE, facts(), NOW) == "x1"
    assert next_change(versions, NOW) == until
    assert policy_at(versions, until, RiskPolicy()).exemptions == ()
    off = version(2, replace(rule, enabled=False), SettingKind.EXEMPTION, "x1")
    assert policy_at([*versions, off], NOW, RiskPolicy()).exemptions == ()


@pytest.mark.parametrize(
    ("scope", "target", "matching"),
    [
        (ExemptionScope.GLOBAL, None, True),
        (ExemptionScope.ACCOUNT, "M1", True),
        (ExemptionScope.ACCOUNT, "M2", False),
        (ExemptionScope.CLIENT_GROUP, "gold", True),
        (ExemptionScope.CLIENT_GROUP, "silver", False),
    ],
)
def test_an_exemption_applies_to_the_accounts_that_it_names(
    scope: ExemptionScope, target: str | None, matching: bool
) -> None:
    rule = Exemption(ExemptionKind.MARGIN_CALL, scope, target)
    assert matches(rule, AlertType.MAINTENANCE, facts(), NOW) is matching


def test_a_client_without_a_group_is_in_no_group_exemption() -> None:
    rule = Exemption(ExemptionKind.MARGIN_CALL, ExemptionScope.CLIENT_GROUP, "gold")
    assert not matches(rule, AlertType.MAINTENANCE, facts(group=None), NOW)


def test_each_kind_suppresses_its_own_alerts_and_stock_recovery_is_never_exempt() -> None:
    over = Exemption(ExemptionKind.OVER_FINANCING, ExemptionScope.GLOBAL)
    exempt = {alert for alert in AlertType if matches(EVERYBODY, alert, facts(), NOW)}
    assert exempt == {AlertType.MAINTENANCE, AlertType.INTRADAY, AlertType.CASH_DEBT}
    assert {alert for alert in AlertType if matches(over, alert, facts(), NOW)} == {AlertType.OVER_FINANCING}


@pytest.mark.parametrize(
    ("field", "operator", "value", "matching"),
    [
        (ConditionField.ACCOUNT_TYPE, ConditionOperator.EQUALS, "MARGIN", True),
        (ConditionField.ACCOUNT_TYPE, ConditionOperator.EQUALS, "CASH", False),
        (ConditionField.BASE_CURRENCY, ConditionOperator.EQUALS, "HKD", True),
        (ConditionField.FINANCING_LIMIT, ConditionOperator.EQUALS, "100.00", True),
        (ConditionField.FINANCING_LIMIT, ConditionOperator.GREATER_THAN, "100", False),
        (ConditionField.FINANCING_LIMIT, ConditionOperator.GREATER_THAN, "99.99", True),
        (ConditionField.DEBT, ConditionOperator.GREATER_THAN, "499", True),
        (ConditionField.EQUITY, ConditionOperator.GREATER_THAN, "0", False),
    ],
)
def test_conditions_compare(
    field: ConditionField, operator: ConditionOperator, value: str, matching: bool
) -> None:
    rule = replace(EVERYBODY, conditions=(Condition(field, operator, value),))
    assert matches(rule, AlertType.MAINTENANCE, facts(), NOW) is matching


def test_a_stale_figure_exempts_no_account() -> None:
    by_debt = Condition(ConditionField.DEBT, ConditionOperator.GREATER_THAN, "1")
    rule = replace(EVERYBODY, conditions=(by_debt,))
    assert not matches(rule, AlertType.MAINTENANCE, facts(stale=True), NOW)
    assert matches(EVERYBODY, AlertType.MAINTENANCE, facts(stale=True), NOW)


def test_invalid_values_cannot_be_built() -> None:
    eleven = Decimal(11)
    with pytest.raises(ValueError, match="not a number"):
        Condition(ConditionField.CLIENT_GROUP, ConditionOperator.GREATER_THAN, "a")
    with pytest.raises(ValueError, match="number"):
        Condition(ConditionField.DEBT, ConditionOperator.EQUALS, "much")
    with pytest.raises(ValueError, match="names"):
        Exemption(ExemptionKind.MARGIN_CALL, ExemptionScope.ACCOUNT)
    with pytest.raises(ValueError, match="names"):
        Exemption(ExemptionKind.MARGIN_CALL, ExemptionScope.GLOBAL, "M1")
    with pytest.raises(ValueError, match="trigger time"):
        CoveredOptionRule(enabled=True)
    with pytest.raises(ValueError, match="limits"):
        ApprovalLimits(notional=Decimal(-1))
    with pytest.raises(ValueError, match="at most"):
        FactorSetting(MarginFactors(eleven, eleven, eleven, eleven, FactorSource.CLIENT))
    with pytest.raises(ValueError, match="a person other than"):
        replace(version(1, a_rule(1)), approved_by="maker")
    assert problem_of(a_rule(0)) is not None
    assert problem_of(a_rule(1)) is None


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 4)), max_size=12), st.integers(0, 1000))
def test_the_order_in_which_versions_are_read_does_not_matter(
    drawn: list[tuple[int, int]], seed: int
) -> None:
    versions = [
        version(
            number, a_rule(number + 1), subject=list(AccountType)[subject % 3], at=NOW + timedelta(hours=h)
        )
        for number, (h, subject) in enumerate(drawn)
    ]
    shuffled = list(versions)
    Random(seed).shuffle(shuffled)
    for hours in range(-1, 7):
        at = NOW + timedelta(hours=hours)
        assert policy_at(versions, at, RiskPolicy()) == policy_at(shuffled, at, RiskPolicy())


@given(st.lists(st.integers(0, 5), min_size=1, max_size=8))
def test_between_changes_the_rules_stay_and_a_change_is_announced(hours: list[int]) -> None:
    versions = [version(n, a_rule(n + 1), at=NOW + timedelta(hours=h)) for n, h in enumerate(hours)]
    at = NOW - timedelta(hours=1)
    while (following := next_change(versions, at)) is not None:
        last_moment = following - timedelta(microseconds=1)
        assert policy_at(versions, at, RiskPolicy()) == policy_at(versions, last_moment, RiskPolicy())
        at = following
    assert policy_at(versions, at, RiskPolicy()) == policy_at(versions, at + timedelta(days=9), RiskPolicy())
