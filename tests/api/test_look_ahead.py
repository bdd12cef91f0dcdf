"""The next session's factors, before it begins."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from domain.ids import Symbol
from domain.market import InstrumentKind, OptionRight, OptionTerms
from tests.api.risk_desk import put_in_force
from tests.kit.book_files import (
    BANK,
    RAIL,
    a_book,
    a_client,
    a_quote,
    an_account,
    an_instrument,
    owing,
    quotes,
)
from tests.kit.desk_server import World

LOOK_AHEAD = """{ clients { nodes { accounts { accountNo figures { maintenanceMargin }
  lookAhead { market closesAt expiring calls figures { maintenanceMargin amount } } } } } }"""
CALL = Symbol("5C90.HK")
STRICT = {"initial": "0.9", "maintenance": "0.8", "marginCall": "0.85", "forceClose": "0.7"}
TUESDAY = datetime(2020, 3, 17, 1, 0, tzinfo=UTC)


async def test_factors_of_tomorrow_count_in_the_look_ahead_and_not_today(world: World) -> None:
    account = an_account("M1", "-100000", {BANK: 1000, RAIL: 1000})
    desk = await world.desk(a_book(a_client("C1", account)))
    await desk.until(desk.leads, "the desk to lead")
    await world.market.says(*quotes(world.clock()))
    change = {"instrumentFactors": {"symbol": BANK, "factors": STRICT}}
    await put_in_force(desk, change, effectiveAt=TUESDAY.isoformat())
    (client,) = (await desk.caller().ask(LOOK_AHEAD))["clients"]["nodes"]
    (found,) = client["accounts"]
    assert found["figures"]["maintenanceMargin"] == "60000"
    ahead = found["lookAhead"]
    assert (ahead["market"], ahead["closesAt"]) == ("XHKG", "2020-03-17T08:00:00Z")
    # 100,000 * 0.8 + 100,000 * 0.3 against net assets of 100,000; the call margin is 120,000.
    assert ahead["figures"] == {"maintenanceMargin": "110000", "amount": "20000"}
    assert ahead["calls"] == ["MAINTENANCE"]
    assert ahead["expiring"] == []


async def test_an_option_that_expires_before_the_next_session_is_not_in_the_look_ahead(world: World) -> None:
    call = an_instrument(CALL, "1 1 1 1")
    terms = OptionTerms(BANK, OptionRight.CALL, Decimal(90), world.clock().date())
    option = replace(call.instrument, kind=InstrumentKind.OPTION, multiplier=Decimal(100), option=terms)
    account = an_account("M1", "-100000", {BANK: 1000, RAIL: 1000, CALL: 10})
    instruments = (
        an_instrument(BANK, lot=100),
        an_instrument(RAIL, lot=100),
        replace(call, instrument=option),
    )
    desk = await world.desk(a_book(a_client("C1", account), instruments=instruments))
    await world.market.says(*quotes(world.clock()), a_quote(CALL, world.clock(), "10"))
    (client,) = (await desk.caller().ask(LOOK_AHEAD))["clients"]["nodes"]
    (found,) = client["accounts"]
    # 60,000 of the shares, and today the whole 10,000 that the options are worth.
    assert found["figures"]["maintenanceMargin"] == "70000"
    ahead = found["lookAhead"]
    assert ahead["expiring"] == [CALL]
    assert ahead["figures"] == {"maintenanceMargin": "60000", "amount": "0"}


async def test_interest_counts_until_the_trades_of_the_next_session_are_settled(world: World) -> None:
    """At 100 both shares ask for 70,000 of 75,000 net assets: 5,000 of room, which the interest takes."""
    account = an_account("M1", "-125000", {BANK: 1000, RAIL: 1000}, interest="4990")
    desk = await world.desk(
        a_book(a_client("C1", account)), debit_interest_rates={"HKD": "0.073"}, look_ahead_settlement_days=2
    )
    await world.market.says(*quotes(world.clock()))
    document = """{ clients { nodes { accounts { figures { amount accruedInterest } lookAhead {
      interest interestUntil interestUnknown calls figures { amount accruedInterest } } } } } }"""
    (client,) = (await desk.caller().ask(document))["clients"]["nodes"]
    (found,) = client["accounts"]
    assert found["figures"] == {"amount": "0", "accruedInterest": "4990"}
    # 125,000 x 0.073 is 25 a day: Monday to Thursday, when what is traded on Tuesday is settled.
    assert found["lookAhead"] == {
        "interest": "75",
        "interestUntil": "2020-03-19",
        "interestUnknown": [],
        "calls": [],
        "figures": {"amount": "65", "accruedInterest": "5065"},
    }


async def test_a_live_case_shows_the_figures_of_the_next_session(world: World) -> None:
    desk = await world.desk(a_book(a_client("C1", owing("M1"))), debit_interest_rates={"USD": "0.05"})
    await world.market.says(*quotes(world.clock()))
    document = """{ cases(filter: {closed: %s}) { nodes { lookAhead { interest interestUnknown calls
      figures { amount } } } } }"""
    trader = desk.caller()

    async def called() -> bool:
        return len((await trader.ask(document % "false"))["cases"]["nodes"]) == 1

    await desk.until(called, "the call")
    (case,) = (await trader.ask(document % "false"))["cases"]["nodes"]
    assert case["lookAhead"] == {
        "interest": "0",
        "interestUnknown": ["HKD"],
        "calls": ["MAINTENANCE"],
        "figures": {"amount": "20000"},
    }
    await world.market.says(*quotes(world.clock(), "130"))

    async def cured() -> bool:
        desk.clock.advance(seconds=desk.settings.close_hold_s)
        await world.market.says(*quotes(world.clock(), "130"))
        return len((await trader.ask(document % "true"))["cases"]["nodes"]) == 1

    await desk.until(cured, "the cure")
    (case,) = (await trader.ask(document % "true"))["cases"]["nodes"]
    assert case["lookAhead"] is None
