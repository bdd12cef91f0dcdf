"""Messages of a batch count in their order, and no account is judged on half of a batch."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal

import pytest

from desk.fair_scheduler import FairScheduler, Work
from desk.monitoring.watch_margin import Monitor
from domain.book_changes import CashStated, PositionStated, TradeStatusStated
from domain.ids import AccountId
from domain.inputs import Message
from domain.market import TradeStatus
from gateway.loops.policy import ROUND_FIRST_WAIT, ROUND_MAX_WAIT, attempt
from models.case import live_cases_of
from tests.kit.desk_kit import APPLE, BOEING, USD, DeskKit, cash_of, quoted

ACCOUNTS = 12
Said = Callable[[datetime], list[Message]]


def cash(number: int, balance: int, at: datetime) -> CashStated:
    return CashStated(f"M{number}", USD, Decimal(balance), at)


def of_each(said: Callable[[int], Message]) -> list[Message]:
    return [said(number) for number in range(ACCOUNTS)]


def deposits_then_a_fall(at: datetime) -> list[Message]:
    return [*of_each(lambda number: cash(number, 0, at)), quoted(APPLE, 60, at)]


def a_rise_then_withdrawals(at: datetime) -> list[Message]:
    return [quoted(APPLE, 200, at), *of_each(lambda number: cash(number, -100_000, at))]


def purchases_paid_with_the_money_stated_before(at: datetime) -> list[Message]:
    """The money leaves first; the stock that was bought for it is stated behind all the others'."""
    paid = of_each(lambda number: cash(number, -100_000, at))
    return [*paid, *of_each(lambda number: PositionStated(f"M{number}", BOEING, Decimal(1000), at))]


def a_fall_then_a_stock_that_trades_again(at: datetime) -> list[Message]:
    """The stock was dead until now. What stands in between is about an account that holds neither."""
    others = [CashStated("IDLE", USD, Decimal(number), at) for number in range(ACCOUNTS)]
    return [quoted(APPLE, 50, at), *others, TradeStatusStated(BOEING, TradeStatus.TRADING, at)]


async def watched(
    kit: DeskKit, said: Said, monitor: Monitor | None = None
) -> tuple[Monitor, Sequence[AccountId]]:
    """Accounts that owe 50,000 on 1,000 shares at 100, and nothing is to be collected."""
    revived = said is a_fall_then_a_stock_that_trades_again
    held = {APPLE: 1000} | ({BOEING: 1000} if revived else {})
    for symbol in (APPLE, BOEING):
        await kit.instrument(symbol)
        await kit.quote(symbol, 100)
    await kit.account("IDLE", 0, {})
    ids = [await kit.account(f"M{number}", -50_000, held) for number in range(ACCOUNTS)]
    monitor = monitor or kit.monitor()
    await monitor.note_everything()
    if revived:
        await monitor.take([TradeStatusStated(BOEING, TradeStatus.DELISTED, kit.clock())])
    await monitor.look()
    return monitor, ids


@pytest.mark.parametrize(
    "said",
    [
        deposits_then_a_fall,
        a_rise_then_withdrawals,
        purchases_paid_with_the_money_stated_before,
        a_fall_then_a_stock_that_trades_again,
    ],
)
async def test_no_case_opens_that_the_batch_as_a_whole_does_not_demand(said: Said, kit: DeskKit) -> None:
    monitor, accounts = await watched(kit, said)
    kit.clock.pass_(seconds=1)
    taking = asyncio.create_task(monitor.take(said(kit.clock())))
    while not taking.done():
        for account_id in accounts:  # As the bus tells of each book that changed.
            monitor.note(account_id)
        await monitor.look()
        await monitor.refresh()
    assert not (await taking).refused
    await monitor.look()
    assert await live_cases_of(accounts) == []
    assert not any([(await kit.figures(account_id)).amount for account_id in accounts])


@pytest.mark.parametrize("said", [deposits_then_a_fall, a_rise_then_withdrawals])
async def test_a_reader_of_the_database_in_the_meantime_finds_nothing_owed_either(
    said: Said, kit: DeskKit
) -> None:
    """An automatic liquidation, a letter or a person may look at any moment."""
    monitor, accounts = await watched(kit, said)
    kit.clock.pass_(seconds=1)
    taking = asyncio.create_task(monitor.take(said(kit.clock())))
    seen: list[Decimal] = []
    while not taking.done():
        seen += [(await kit.figures(account_id)).amount for account_id in accounts[::5]]
    await taking
    assert seen
    assert not any(seen)


async def test_an_account_without_further_messages_is_judged_during_the_batch(kit: DeskKit) -> None:
    """A look after every step of the batch: how often two tasks take turns would be left to chance."""
    looks = False
    meanwhile: list[bool] = []

    async def attempt_then_look(work: Work) -> Exception | None:
        nonlocal looks
        error = await attempt(work)
        if looks:
            looks = False
            await monitor.look()
            called, deposits_lack = await live_cases_of([other]), await cash_of(accounts[-1]) == -50_000
            meanwhile.append(bool(called) and deposits_lack)
            looks = True
        return error

    scheduler = FairScheduler(attempt_then_look, kit.clock, ROUND_FIRST_WAIT, ROUND_MAX_WAIT)
    monitor, accounts = await watched(kit, deposits_then_a_fall, Monitor(kit.desk, scheduler))
    other = await kit.account("OTHER", -50_000, {APPLE: 1000})
    await monitor.note_new_accounts()
    await monitor.look()
    kit.clock.pass_(seconds=1)
    deposits = of_each(lambda number: cash(number, 0, kit.clock()))
    looks = True
    await monitor.take([quoted(APPLE, 60, kit.clock()), *deposits])
    assert any(meanwhile)
    assert await cash_of(accounts[-1]) == 0
