"""The next session's factors, before it begins."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from domain.ids import Symbol
from domain.market import InstrumentKind, OptionRight, OptionTerms
from tests.api.books import BANK, RAIL, a_book, a_client, a_quote, an_account, an_instrument, quotes
from tests.api.desk_server import World
from tests.api.risk_desk import put_in_force

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
