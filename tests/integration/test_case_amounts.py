"""Amounts of different currencies: the list, the live filter and plain arithmetic agree, page by page."""

import random
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from uuid import uuid4

import pytest

from domain.case_filter import CaseFilter, CaseOrder, CaseOrderField
from domain.events import CaseEvent, CaseEventKind, CaseView
from domain.ids import AccountId, CaseId, ClientId, EventId
from domain.margin import AccountTerms, AccountType
from domain.market import FxRate
from domain.money import Currency
from domain.principal import EVERYTHING
from domain.reporting import AmountAtLeast, reporting_rate
from models.book_import import insert_account
from models.case import insert_case
from models.case_list import page_cases
from models.client import ClientRow, insert_client
from models.sql.database import Database
from models.sql.where import PageRequest
from resolvers.live_feed.filters import case_event_kind
from tests.kit.desk_kit import NOON
from tests.kit.live_desk import case_event

HKD, USD, JPY, CHF, EUR = (Currency(each) for each in ("HKD", "USD", "JPY", "CHF", "EUR"))
IN_HKD: Mapping[Currency, Decimal] = {HKD: Decimal(1), USD: Decimal("7.8123"), JPY: Decimal("0.052")}
"""No rate of the franc is known."""
RATES = {each: FxRate(each, HKD, rate, NOON) for each, rate in IN_HKD.items()}


async def a_case(number: int, currency: Currency, amount: str, reporting: Currency = HKD) -> None:
    client = ClientRow(ClientId(uuid4().hex), f"C{number}", f"Client {number}", None)
    account_id = AccountId(uuid4().hex)
    await insert_client(client)
    terms = AccountTerms(AccountType.MARGIN, currency, Decimal(0), Decimal(0))
    await insert_account(client, account_id, f"M{number}", terms)
    case = case_event(NOON).view.case
    await insert_case(
        replace(
            case,
            id=CaseId(uuid4().hex),
            case_no=f"MC2020-{number:06d}",
            account_id=account_id,
            figures=replace(case.figures, amount=Decimal(amount)),
            worth=reporting_rate(currency, reporting, RATES).worth(Decimal(amount)),
        )
    )


async def many_cases() -> None:
    chance = random.Random(7)
    for number in range(50):
        currency = chance.choice([HKD, USD, JPY, CHF])
        digits = "0" if currency is JPY else "2"
        await a_case(number, currency, f"{chance.uniform(1, 200_000):.{digits}f}")
    await a_case(98, USD, "100000.00")
    await a_case(99, USD, "100000.00")


async def page(
    wanted: CaseFilter, first: int = 100, after: tuple[object, ...] | None = None, *, descending: bool = True
) -> list[CaseView]:
    order = CaseOrder(CaseOrderField.AMOUNT, descending, HKD)
    found = await page_cases(EVERYTHING, wanted, order, PageRequest(first, after), NOON)
    return list(found.rows)


def at_least(amount: Decimal, currency: Currency) -> CaseFilter:
    worth = reporting_rate(currency, HKD, RATES).worth(amount)
    assert worth is not None
    return CaseFilter(amount_at_least=AmountAtLeast(amount, currency, worth))


def delivered(view: CaseView, wanted: CaseFilter) -> bool:
    event = CaseEvent(EventId(uuid4().hex), NOON, CaseEventKind.OPENED, view, None)
    return case_event_kind(event, wanted, EVERYTHING) is not None


@pytest.mark.parametrize("currency", [HKD, USD, JPY])
async def test_the_list_the_live_filter_and_plain_arithmetic_keep_the_same_cases(
    database: Database, currency: Currency
) -> None:
    with database.active():
        await many_cases()
        everything = await page(CaseFilter())
        assert len(everything) == 52
        for view in everything:
            asked = view.case.figures.amount
            wanted = at_least(asked, currency)
            listed = {each.case.id for each in await page(wanted)}
            assert listed == {each.case.id for each in everything if delivered(each, wanted)}
            for each in everything:
                own, amount = each.account.base_currency, each.case.figures.amount
                if own == currency:
                    assert (each.case.id in listed) is (amount >= asked)
                elif own not in RATES:
                    assert each.case.id in listed, "what cannot be compared is listed"
                else:
                    gap = amount * IN_HKD[own] - asked * IN_HKD[currency]
                    if abs(gap) > Decimal("0.01"):  # Worth is whole cents.
                        assert (each.case.id in listed) is (gap > 0)


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("size", [1, 7, 100])
async def test_a_list_by_amount_is_sorted_by_worth_with_unknown_worth_last(
    database: Database, descending: bool, size: int
) -> None:
    with database.active():
        await many_cases()
        await a_case(100, JPY, "1000000")
        await a_case(101, EUR, "1", reporting=EUR)
        rows: list[CaseView] = []
        after = None
        while found := await page(CaseFilter(), size, after, descending=descending):
            rows += found
            after = CaseOrder(CaseOrderField.AMOUNT, descending, HKD).key(found[-1])
        assert len({view.case.id for view in rows}) == len(rows) == 54
        worth = [None if each.account.base_currency in (CHF, EUR) else each.case.worth for each in rows]
        known = [each.amount for each in worth if each is not None]
        assert worth == sorted(worth, key=lambda each: each is None), "the unknown come last"
        assert known == sorted(known, reverse=descending)
        places = [view.account.account_no for view in rows]
        assert (places.index("M98") < places.index("M100")) is descending
        assert rows[-1].account.account_no == "M101" or not descending, "worth in another reporting currency"
