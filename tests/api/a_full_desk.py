"""Many cases, opened in waves: those of a wave at the same moment, amounts and clients repeating."""

from typing import Any

from domain.ids import Symbol
from domain.margin import AccountType
from tests.kit.book_files import a_book, a_client, a_quote, an_account, an_instrument
from tests.kit.desk_client import Caller
from tests.kit.desk_server import Desk, World

WAVES, PER_WAVE = 5, 10
NUMBER = WAVES * PER_WAVE
REFRESH_INTERVAL_S = 1
"""Figures of so many cases twenty times a second would be most of what the desk does."""


def symbol_of(wave: int) -> Symbol:
    return Symbol(f"{wave}.HK")


def account_no(wave: int, number: int) -> str:
    return f"M{wave}{number}"


async def a_full_desk(world: World, waves: int = WAVES, **settings: Any) -> Desk:
    """With the cases of so many waves."""
    accounts = [
        an_account(
            account_no(wave, number),
            str(-150_000 - 1000 * (number % 4)),
            {symbol_of(wave): 2000},
            account_type=AccountType.INTRADAY if number % 3 == 0 else AccountType.MARGIN,
        )
        for wave in range(WAVES)
        for number in range(PER_WAVE)
    ]
    clients = [
        a_client(f"C{n:02}", *accounts[2 * n : 2 * n + 2], group="VIP" if n % 2 else None)
        for n in range(NUMBER // 2)
    ]
    instruments = tuple(an_instrument(symbol_of(wave), lot=100) for wave in range(WAVES))
    book = a_book(*clients, instruments=instruments)
    desk = await world.desk(book, **{"case_refresh_interval_s": REFRESH_INTERVAL_S} | settings)
    for wave in range(waves):
        await open_wave(desk, wave)
    return desk


async def open_wave(desk: Desk, wave: int) -> None:
    """A quote makes the accounts of the wave fall due, an hour after those of the wave before."""
    desk.clock.advance(hours=1)
    now = desk.clock()
    await desk.market.says(*(a_quote(symbol_of(n), now, "100", size=0) for n in range(wave + 1)))
    trader = desk.caller()
    await desk.until(lambda: _open(trader, (wave + 1) * PER_WAVE), f"the cases of wave {wave}")


async def _open(trader: Caller, number: int) -> bool:
    answer = await trader.ask("{ cases(first: 1) { totalCount } caseSummary { openCases } }")
    return bool(answer["cases"]["totalCount"] == number == answer["caseSummary"]["openCases"])
