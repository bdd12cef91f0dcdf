"""A risk setting that cannot be read: the version before it counts, and the desk sells nothing by it."""

from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from desk.liquidation.run_automatic import AutomaticLiquidations
from desk.liquidation.set_auto_liquidation import SetAutoLiquidation, set_auto_liquidation
from desk.outcomes import Done
from domain.ids import AccountId, CaseId
from domain.principal import EVERYTHING
from domain.refusals import RefusalCode
from domain.risk_settings import (
    LiquidationSwitch,
    SettingKind,
    SettingValue,
    TradingLimitExpiry,
    client_factor_subject,
)
from gateway.loops.policy import liquidation_scheduler
from models.book import AccountBook, load_books
from models.case import live_cases_of
from models.risk_policy import RiskPolicyCache
from models.risk_setting import SettingFilter, page_settings, settings_in_force
from models.sql.database import Database
from models.sql.where import PageRequest
from tests.integration.test_risk_policy import (
    a_rule,
    approve,
    ask,
    coefficient,
    equal_factors,
    put,
)
from tests.kit.damage import damage_settings
from tests.kit.desk_kit import APPLE, TRADER, DeskKit, case

_HOUR = timedelta(hours=1)
LOG = "a row cannot be read and is left out"
DAMAGED = ["{", '{"coefficient": "many"}', "", '["off"]', "null"]


@pytest.mark.parametrize("value", DAMAGED)
async def test_the_last_version_that_can_be_read_counts_and_the_log_says_so_once(
    kit: DeskKit, database: Database, value: str
) -> None:
    for number in (2, 3, 4):
        version = await put(a_rule(number))
    await damage_settings(f"number IN ({version.number}, {version.number - 1})", value)
    settings = RiskPolicyCache()
    with capture_logs() as logs:
        policy = await settings.in_force(kit.clock())
        await RiskPolicyCache().in_force(kit.clock())
    assert coefficient(policy) == 2
    assert [each.number for each in policy.unreadable] == [version.number]
    assert settings.unreadable == 1
    assert {each["event"] for each in logs} == {LOG}
    assert database.unreadable.counts["risk_setting"] == len(logs) == 2


async def test_where_no_version_can_be_read_the_default_counts(kit: DeskKit) -> None:
    await put(a_rule(4))
    await damage_settings("1 = 1")
    policy = await RiskPolicyCache().in_force(kit.clock())
    assert coefficient(policy) == 1
    assert policy.unreadable


async def test_a_damaged_version_is_in_doubt_from_its_time_until_another_one_counts(kit: DeskKit) -> None:
    await put(a_rule(2))
    await put(a_rule(3), at=kit.clock() + 2 * _HOUR)
    await damage_settings("number = 2")
    settings = RiskPolicyCache()
    assert not (await settings.in_force(kit.clock())).unreadable
    kit.clock.pass_(hours=2)
    in_doubt = await settings.in_force(kit.clock())
    assert coefficient(in_doubt) == 2
    assert len(in_doubt.unreadable) == 1
    kit.clock.pass_(hours=1)
    await put(a_rule(5), at=kit.clock())
    again = await settings.in_force(kit.clock())
    assert coefficient(again) == 5
    assert not again.unreadable


async def test_two_people_put_a_damaged_setting_right_through_the_usual_request(kit: DeskKit) -> None:
    await put(a_rule(2))
    await put(a_rule(3))
    await damage_settings("number = 2")
    asked = await ask(kit, a_rule(4))
    assert isinstance(await approve(kit, asked), Done)
    policy = await kit.desk.risk_policy(kit.clock())
    assert coefficient(policy) == 4
    assert not policy.unreadable


async def test_the_lists_of_settings_show_all_others(kit: DeskKit) -> None:
    await put(a_rule(2))
    await put(TradingLimitExpiry(True), SettingKind.TRADING_LIMIT_EXPIRY, "")
    await put(a_rule(3))
    await damage_settings("number = 3")
    in_force = await settings_in_force(EVERYTHING, kit.clock())
    assert sorted(each.number for each in in_force) == [1, 2]
    page = await page_settings(EVERYTHING, SettingFilter(), PageRequest(2))
    assert ([each.number for each in page.rows], page.more) == ([2, 1], False)


class Scene:
    """A margin account with an automatic liquidation that is due, and the round that would begin it."""

    def __init__(self, kit: DeskKit, account_id: AccountId, case_id: CaseId) -> None:
        self.kit, self.account_id, self.case_id = kit, account_id, case_id

    async def run(self) -> RefusalCode | None:
        """Why it is held; None: it ran."""
        scheduler = liquidation_scheduler(self.kit.settings, self.kit.clock)
        await AutomaticLiquidations(self.kit.desk, scheduler, 10).run_due()
        auto = (await case(self.case_id)).case.auto_liquidation
        return None if auto is None else auto.held

    async def book(self) -> AccountBook:
        return (await load_books([self.account_id], self.kit.desk.policy.books, self.kit.clock()))[
            self.account_id
        ]


async def scene(kit: DeskKit) -> Scene:
    await kit.instrument(APPLE)
    await kit.quote(APPLE, 100)
    account_id = await kit.account("M1", -75_000, {APPLE: 1000})
    await kit.assess(account_id)
    (view,) = await live_cases_of([account_id])
    command = SetAutoLiquidation(uuid4().hex, (view.case.id,), kit.clock() + _HOUR / 60, at_deadline=False)
    (outcome,) = await set_auto_liquidation(kit.desk, TRADER, command)
    assert isinstance(outcome, Done)
    kit.clock.pass_(minutes=2)
    await kit.quote(APPLE, 100)
    return Scene(kit, account_id, view.case.id)


CONCERNING: dict[str, tuple[SettingValue, SettingKind, str]] = {
    "its amount rule": (a_rule(1), SettingKind.AMOUNT_RULE, "MARGIN"),
    "its switch": (LiquidationSwitch(True), SettingKind.LIQUIDATION_SWITCH, "MARGIN:AUTOMATIC"),
    "trading limits": (TradingLimitExpiry(False), SettingKind.TRADING_LIMIT_EXPIRY, ""),
    "the factors of what it holds": (equal_factors("0.3"), SettingKind.INSTRUMENT_FACTORS, APPLE),
}
OF_OTHERS: dict[str, tuple[SettingValue, SettingKind, str]] = {
    "the amount rule of others": (a_rule(1), SettingKind.AMOUNT_RULE, "INTRADAY"),
    "the switch of others": (LiquidationSwitch(True), SettingKind.LIQUIDATION_SWITCH, "INTRADAY:AUTOMATIC"),
    "factors of what it does not hold": (equal_factors("0.3"), SettingKind.INSTRUMENT_FACTORS, "OTHER.US"),
}


@pytest.mark.parametrize("what", CONCERNING)
async def test_nothing_is_sold_by_a_setting_in_doubt_until_it_is_set_again(kit: DeskKit, what: str) -> None:
    desk = await scene(kit)
    value, kind, subject = CONCERNING[what]
    await put(value, kind, subject)
    await damage_settings("1 = 1")
    assert await desk.run() is RefusalCode.DESK_FAULT
    assert (await desk.book()).has_doubtful_settings
    await put(value, kind, subject, at=kit.clock())
    kit.clock.pass_(minutes=1)
    await kit.quote(APPLE, 100)
    assert await desk.run() is None
    assert not (await desk.book()).has_doubtful_settings


@pytest.mark.parametrize("what", OF_OTHERS)
async def test_a_setting_of_others_holds_up_nothing(kit: DeskKit, what: str) -> None:
    desk = await scene(kit)
    await put(*OF_OTHERS[what])
    await damage_settings("1 = 1")
    assert await desk.run() is None


async def test_damaged_factors_give_way_to_the_ones_before_and_the_account_is_watched(kit: DeskKit) -> None:
    desk = await scene(kit)
    client_id = (await desk.book()).account.client_id
    for kind, subject in (
        (SettingKind.INSTRUMENT_FACTORS, APPLE),
        (SettingKind.CLIENT_FACTORS, client_factor_subject(client_id, APPLE)),
    ):
        await put(equal_factors("0.2"), kind, subject)
        latest = await put(equal_factors("0.9"), kind, subject)
        await damage_settings(f"number = {latest.number}")
        book = await desk.book()
        assert [held.factors.maintenance for held in book.book.holdings] == [Decimal("0.2")]
        assert book.doubtful_factors == (APPLE,)
    monitor = kit.monitor()
    await monitor.note_everything()
    await monitor.look()
    assert (await desk.book()).doubts == ()
