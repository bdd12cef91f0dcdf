"""The limit above which a liquidation takes two people, where it is in another currency than the account."""

from collections.abc import AsyncIterator
from decimal import Decimal
from uuid import uuid4

import pytest

from desk.liquidation.liquidate import liquidate
from desk.liquidation.liquidation_command import Liquidate, LiquidateCase
from desk.orders.dispatch_orders import Dispatcher
from desk.outcomes import AwaitingApproval, LiquidationOutcome, LiquidationStarted
from domain.book_changes import PositionStated
from domain.liquidation_plan import LegRequest, PlanRequest
from domain.market import FxRate
from domain.money import Currency
from domain.order import OrderType
from gateway.settings import load_settings
from models.case import live_cases_of
from models.market import save_fx_rates
from models.sql.database import Database
from tests.kit.desk_kit import APPLE, BOEING, TRADER, USD, DeskKit
from venues.paper import PaperVenue

EUR = Currency("EUR")


@pytest.fixture
async def kit(database: Database) -> AsyncIterator[DeskKit]:
    """One person alone may liquidate up to 9,090 euros."""
    settings = load_settings(close_hold_s=0, reporting_currency=EUR, approval_notional=9090)
    with database.active():
        yield DeskKit(settings=settings)


async def sell(kit: DeskKit, quantity: int) -> LiquidationOutcome:
    """So many shares at 100 dollars each."""
    (case,) = await live_cases_of([await kit.indebted_account()])
    legs = (LegRequest(APPLE, Decimal(quantity)),)
    item = LiquidateCase(case.case.id, None, PlanRequest(legs=legs))
    return await _liquidate(kit, item)


async def rate(kit: DeskKit, base: Currency, quote: Currency, value: str) -> None:
    await save_fx_rates([FxRate(base, quote, Decimal(value), kit.clock())])


@pytest.mark.parametrize(("quantity", "takes_two"), [(100, True), (99, False)])
async def test_by_the_inverse_rate_whose_quotient_has_no_end(
    kit: DeskKit, quantity: int, takes_two: bool
) -> None:
    """10,000 / 1.1 = 9,090.90..., and 9,900 / 1.1 = 9,000."""
    await rate(kit, EUR, USD, "1.1")
    _expect(await sell(kit, quantity), takes_two)


@pytest.mark.parametrize(("quantity", "takes_two"), [(100, True), (99, False)])
async def test_by_the_rate_itself(kit: DeskKit, quantity: int, takes_two: bool) -> None:
    await rate(kit, USD, EUR, "0.9090909091")
    _expect(await sell(kit, quantity), takes_two)


async def test_without_a_rate_a_second_person_is_needed(kit: DeskKit) -> None:
    outcome = await sell(kit, 1)
    _expect(outcome, takes_two=True)
    assert isinstance(outcome, AwaitingApproval)
    assert "an FX rate is missing" in outcome.message


async def test_a_second_person_is_needed_beside_an_order_of_unknown_worth(kit: DeskKit) -> None:
    """A market order is at the venue, and the position whose price would tell its worth is gone."""
    await rate(kit, USD, EUR, "0.9")
    (case,) = await live_cases_of([await kit.indebted_account()])
    legs = (LegRequest(APPLE, Decimal(10)),)
    asked = PlanRequest(legs=legs, order_type=OrderType.MARKET)
    _expect(await _liquidate(kit, LiquidateCase(case.case.id, None, asked)), takes_two=False)
    await Dispatcher(kit.desk, PaperVenue(kit.clock), batch=10).dispatch()
    kit.clock.pass_(seconds=1)
    await kit.monitor().take([PositionStated("M1", APPLE, Decimal(0), kit.clock())])
    asked = PlanRequest(legs=(LegRequest(BOEING, Decimal(1)),))
    outcome = await _liquidate(kit, LiquidateCase(case.case.id, None, asked))
    _expect(outcome, takes_two=True)
    assert isinstance(outcome, AwaitingApproval)
    assert "not known" in outcome.message


async def _liquidate(kit: DeskKit, item: LiquidateCase) -> LiquidationOutcome:
    (outcome,) = await liquidate(kit.desk, TRADER, Liquidate(uuid4().hex, (item,), None))
    return outcome


def _expect(outcome: LiquidationOutcome, takes_two: bool) -> None:
    if takes_two:
        assert isinstance(outcome, AwaitingApproval), outcome
        assert outcome.code == "APPROVAL_REQUIRED"
    else:
        assert isinstance(outcome, LiquidationStarted), outcome
