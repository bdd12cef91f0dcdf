"""The stored settings: read once per version, true in every process, never half, and by two people."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from tortoise.connection import get_connection

from desk.approvals import DecideApprovals, decide_approvals
from desk.four_eyes.change_setting import ChangeSetting, change_setting
from desk.monitoring.follow_settings import SettingsFollower
from desk.outcomes import AwaitingApproval, Done, Outcome, Refused
from domain.approval import ApprovalTrigger
from domain.exemption import Exemption, ExemptionKind, ExemptionScope
from domain.ids import AccountId
from domain.margin import AccountType, AmountRule
from domain.market import FactorSource, MarginFactors
from domain.principal import Audience, Permission, Principal
from domain.refusals import RefusalCode
from domain.risk_settings import (
    FactorSetting,
    RiskPolicy,
    SettingId,
    SettingKind,
    SettingValue,
    SettingVersion,
    client_factor_subject,
)
from models.book import AccountBook, load_books
from models.risk_policy import RiskPolicyCache
from models.risk_setting import Concerned, insert_setting, next_number
from models.sql.database import Database, UniqueViolated, execute, insert_sql, transaction
from tests.kit.desk_kit import APPLE, BOEING, NOON, DeskKit

UNTIL = datetime(2100, 1, 1, tzinfo=UTC)


def person(subject: str, permission: Permission) -> Principal:
    return Principal(subject, Audience(frozenset({permission}), None), NOON, UNTIL)


MARY, CARL = person("mary", Permission.RISK_SETTING_FULL), person("carl", Permission.RISK_APPROVER)


def a_rule(coefficient: int) -> AmountRule:
    return AmountRule(coefficient=Decimal(coefficient))


def equal_factors(value: str) -> FactorSetting:
    each = Decimal(value)
    return FactorSetting(MarginFactors(each, each, each, each, FactorSource.INSTRUMENT))


async def put(
    value: SettingValue,
    kind: SettingKind = SettingKind.AMOUNT_RULE,
    subject: str = "MARGIN",
    at: datetime = NOON,
) -> SettingVersion:
    """As if it had been asked for and approved."""
    async with transaction():
        return await _put(value, kind, subject, at)


async def _put(value: SettingValue, kind: SettingKind, subject: str, at: datetime) -> SettingVersion:
    version = SettingVersion(
        SettingId(uuid4().hex),
        await next_number(),
        kind,
        subject,
        value,
        None,
        at,
        "mary",
        NOON,
        "carl",
        NOON,
        "because",
    )
    await insert_setting(version, Concerned())
    return version


def coefficient(policy: RiskPolicy) -> Decimal:
    return policy.amount_rules[AccountType.MARGIN].coefficient


async def test_the_rules_are_the_same_object_until_something_changes(kit: DeskKit) -> None:
    settings = RiskPolicyCache()
    first = await settings.in_force(NOON)
    assert await settings.in_force(NOON + timedelta(days=1)) is first
    await put(a_rule(2))
    changed = await settings.in_force(NOON)
    assert coefficient(changed) == 2
    assert await settings.in_force(NOON + timedelta(days=1)) is changed


async def test_another_process_sees_committed_changes_only(kit: DeskKit, elsewhere: Database) -> None:
    settings = RiskPolicyCache()
    with elsewhere.active():
        assert coefficient(await settings.in_force(NOON)) == 1
    await put(a_rule(2))
    with elsewhere.active():
        assert coefficient(await settings.in_force(NOON)) == 2


async def test_a_change_that_is_rolled_back_leaves_nothing_behind(kit: DeskKit) -> None:
    """Read inside the transaction that made it, taken back, and the next one has the same number."""
    settings = RiskPolicyCache()
    with pytest.raises(RuntimeError, match="taken back"):
        await _put_and_take_back(settings)
    assert coefficient(await settings.in_force(NOON)) == 1
    await put(a_rule(3))
    assert coefficient(await settings.in_force(NOON)) == 3


async def _put_and_take_back(settings: RiskPolicyCache) -> None:
    async with transaction():
        await _put(a_rule(2), SettingKind.AMOUNT_RULE, "MARGIN", NOON)
        assert coefficient(await settings.in_force(NOON)) == 2
        raise RuntimeError("taken back")


async def test_a_clock_that_is_behind_gets_the_rules_of_its_own_time(kit: DeskKit) -> None:
    settings = RiskPolicyCache()
    await put(a_rule(2))
    await put(a_rule(3), at=NOON + timedelta(hours=2))
    assert coefficient(await settings.in_force(NOON + timedelta(hours=3))) == 3
    assert coefficient(await settings.in_force(NOON + timedelta(hours=1))) == 2
    assert coefficient(await settings.in_force(NOON + timedelta(hours=2))) == 3


async def test_a_book_comes_with_the_rules_and_factors_of_its_moment(kit: DeskKit) -> None:
    account_id = await kit.indebted_account()
    reference = (await _book(kit, account_id, NOON)).account
    tomorrow = NOON + timedelta(days=1)
    await put(a_rule(2), at=tomorrow)
    await put(equal_factors("0.9"), SettingKind.INSTRUMENT_FACTORS, APPLE, tomorrow)
    own = client_factor_subject(reference.client_id, BOEING)
    await put(equal_factors("0.8"), SettingKind.CLIENT_FACTORS, own, NOON)
    assert await _initial_factors(kit, account_id, NOON) == [Decimal("0.4"), Decimal("0.8")]
    assert await _initial_factors(kit, account_id, tomorrow) == [Decimal("0.9"), Decimal("0.8")]
    ahead = await load_books([account_id], kit.desk.policy.books, NOON, factors_at=tomorrow)
    assert [held.factors.initial for held in ahead[account_id].book.holdings] == [
        Decimal("0.9"),
        Decimal("0.8"),
    ]
    assert ahead[account_id].book.rule == AmountRule()
    assert (await _book(kit, account_id, tomorrow)).book.rule == a_rule(2)
    await put(FactorSetting(None), SettingKind.CLIENT_FACTORS, own, NOON)
    assert await _initial_factors(kit, account_id, NOON) == [Decimal("0.4"), Decimal("0.4")]


async def _book(kit: DeskKit, account_id: AccountId, at: datetime) -> AccountBook:
    return (await load_books([account_id], kit.desk.policy.books, at))[account_id]


async def _initial_factors(kit: DeskKit, account_id: AccountId, at: datetime) -> list[Decimal]:
    return [held.factors.initial for held in (await _book(kit, account_id, at)).book.holdings]


async def test_the_accounts_that_a_change_affects_are_assessed_again_and_no_others(kit: DeskKit) -> None:
    first = await kit.indebted_account()
    second = await kit.account("M2", 0, {APPLE: 10}, account_type=AccountType.INTRADAY)
    third = await kit.account("M3", 0, {BOEING: 10}, account_type=AccountType.CASH)
    follower = SettingsFollower(kit.desk)
    assert await follower.affected() == set()
    await put(a_rule(2))
    assert await follower.affected() == {first}
    await put(equal_factors("0.9"), SettingKind.INSTRUMENT_FACTORS, APPLE)
    assert await follower.affected() == {first, second}
    client_id = (await _book(kit, third, NOON)).account.client_id
    await put(equal_factors("0.9"), SettingKind.CLIENT_FACTORS, client_factor_subject(client_id, BOEING))
    assert await follower.affected() == {third}
    ends = NOON + timedelta(hours=1)
    everybody = Exemption(ExemptionKind.MARGIN_CALL, ExemptionScope.GLOBAL, until=ends)
    only_m2 = Exemption(ExemptionKind.MARGIN_CALL, ExemptionScope.ACCOUNT, "M2")
    await put(everybody, SettingKind.EXEMPTION, "x1")
    assert await follower.affected() == {first, second, third}
    await put(only_m2, SettingKind.EXEMPTION, "x2")
    assert await follower.affected() == {second}
    assert await follower.affected() == set()
    kit.clock.now = ends
    assert await follower.affected() == {first, second, third}


async def test_a_later_setting_affects_its_accounts_when_its_time_comes(kit: DeskKit) -> None:
    account_id = await kit.indebted_account()
    follower = SettingsFollower(kit.desk)
    await follower.affected()
    for hours, (value, kind, subject) in enumerate(_later(), start=1):
        await put(value, kind, subject, NOON + timedelta(hours=hours))
    assert await follower.affected() == set()
    for _ in _later():
        kit.clock.pass_(hours=1)
        assert await follower.affected() == {account_id}
        assert await follower.affected() == set()


def _later() -> Sequence[tuple[SettingValue, SettingKind, str]]:
    return (
        (a_rule(2), SettingKind.AMOUNT_RULE, "MARGIN"),
        (equal_factors("0.9"), SettingKind.INSTRUMENT_FACTORS, APPLE),
        (equal_factors("0.8"), SettingKind.INSTRUMENT_FACTORS, APPLE),
    )


@pytest.mark.parametrize(
    "change", [{"approved_by": "mary"}, {"effective_at": NOON - timedelta(seconds=1)}], ids=str
)
async def test_the_database_refuses_one_person_alone_and_backdating(
    kit: DeskKit, change: dict[str, Any]
) -> None:
    """Stated by hand, independent of the code."""
    row = {"id": uuid4().hex, "number": 1, "kind": "AMOUNT_RULE", "subject": "MARGIN", "value": "{}"}
    row |= {"effective_at": NOON, "requested_by": "mary", "requested_at": NOON, "approved_by": "carl"}
    row |= {"approved_at": NOON, "reason": "because"}
    statement = insert_sql("risk_setting", list(row))
    with pytest.raises(UniqueViolated):
        await execute(statement, *(row | change).values())
    await execute(statement, *row.values())


async def test_a_request_whose_before_image_is_no_longer_true_is_refused(kit: DeskKit) -> None:
    asked = await ask(kit, a_rule(2))
    await put(a_rule(5))
    refused = await approve(kit, asked)
    assert isinstance(refused, Refused)
    assert refused.code is RefusalCode.VERSION_CONFLICT
    assert coefficient(await kit.desk.risk_policy(kit.clock())) == 5


async def test_a_decision_follows_the_rules_at_once(kit: DeskKit) -> None:
    account_id = await kit.indebted_account()
    assert (await kit.figures(account_id)).amount == 20_000
    assert isinstance(await approve(kit, await ask(kit, a_rule(2))), Done)
    assert (await kit.figures(account_id)).amount == 90_000


async def test_there_are_only_so_many_exemptions(kit: DeskKit) -> None:
    kit.desk = replace(kit.desk, policy=replace(kit.desk.policy, max_exemptions=1))
    everybody = Exemption(ExemptionKind.MARGIN_CALL, ExemptionScope.GLOBAL)
    await put(everybody, SettingKind.EXEMPTION, "x1")
    refused = await change(kit, everybody, SettingKind.EXEMPTION, None)
    assert isinstance(refused, Refused)
    assert refused.code is RefusalCode.TOO_MANY
    changed = await change(kit, replace(everybody, enabled=False), SettingKind.EXEMPTION, "x1")
    assert isinstance(changed, AwaitingApproval)
    assert changed.code is RefusalCode.APPROVAL_REQUIRED


async def change(kit: DeskKit, value: SettingValue, kind: SettingKind, subject: str | None) -> Outcome:
    command = ChangeSetting(uuid4().hex, kind, subject, value, None, "because")
    return await change_setting(kit.desk, MARY, command)


async def ask(kit: DeskKit, value: AmountRule) -> AwaitingApproval:
    asked = await change(kit, value, SettingKind.AMOUNT_RULE, "MARGIN")
    assert isinstance(asked, AwaitingApproval)
    assert asked.code is RefusalCode.APPROVAL_REQUIRED
    return asked


async def approve(kit: DeskKit, asked: AwaitingApproval) -> Outcome:
    command = DecideApprovals(uuid4().hex, ApprovalTrigger.APPROVE, (asked.approval_id,), None)
    (outcome,) = await decide_approvals(kit.desk, CARL, command)
    return outcome


@pytest.mark.parametrize("change", ["DELETE FROM risk_setting", "UPDATE risk_setting SET reason = 'another'"])
async def test_the_database_refuses_to_change_approved_settings(kit: DeskKit, change: str) -> None:
    await put(a_rule(2))
    with pytest.raises(Exception, match="append-only"):
        await get_connection("default").execute_script(change)
    assert coefficient(await RiskPolicyCache().in_force(NOON)) == 2
