"""The filter and the order of cases in the database are those of the domain, for every field."""

import random
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from domain.case import AlertType, CaseCloseReason, CaseStatus
from domain.case_filter import CaseFilter, CaseOrder, CaseOrderField
from domain.events import CaseView
from domain.ids import AccountId, CaseId, ClientId, Symbol
from domain.margin import AccountTerms, AccountType
from domain.money import Currency
from domain.principal import EVERYTHING, Audience, Permission
from domain.reporting import AmountAtLeast, Worth
from models.book_import import insert_account, insert_holdings
from models.case import insert_case
from models.case_list import page_cases
from models.client import ClientRow, insert_client
from models.sql.where import PageRequest
from tests.kit.desk_kit import APPLE, BOEING, NOON, DeskKit
from tests.kit.live_desk import case_event

HKD, USD = Currency("HKD"), Currency("USD")
DAYS = [NOON + timedelta(days=day) for day in range(-3, 4)]
ENDS = {CaseStatus.RESOLVED: CaseCloseReason.CURED, CaseStatus.VOID: CaseCloseReason.VOIDED}
STATUSES = (CaseStatus.OPEN, CaseStatus.LIQUIDATING, CaseStatus.EXCEPTION, *ENDS)
WITH_NAMES = replace(EVERYTHING, permissions=frozenset({Permission.RISK_WARNING_OPERATOR}))
NO_NAMES = replace(EVERYTHING, permissions=frozenset({Permission.SERVICE}))
OLDEST_FIRST = CaseOrder(CaseOrderField.OPENED_AT, False, HKD)
COUNT = 60


@dataclass
class Choices:
    """Values of the filter's fields, from the cases themselves."""

    chance: random.Random
    views: list[CaseView]

    def of(self, field: str) -> Any:
        choices: dict[str, Any] = {
            "status": lambda: tuple(self.chance.sample(STATUSES, 2)),
            "alert_type": lambda: tuple(self.chance.sample(list(AlertType), 2)),
            "account_type": lambda: (self.chance.choice(list(AccountType)),),
            "client_id": lambda: self.chance.choice(self.views).account.client_id,
            "account_no": lambda: self.chance.choice(self.views).account.account_no,
            "search": lambda: self.chance.choice(["c1", "M2", "client 3", "0007", "%", "nothing"]),
            "symbol": lambda: self.chance.choice([APPLE, BOEING, Symbol("NONE")]),
            "amount_at_least": self._amount,
            "overdue": lambda: self.chance.choice([True, False]),
            **dict.fromkeys(
                ("opened_after", "opened_before", "closed_after", "closed_before"),
                lambda: self.chance.choice(DAYS),
            ),
        }
        return choices[field]()

    def _amount(self) -> AmountAtLeast:
        amount = self.chance.choice(self.views).case.figures.amount
        return AmountAtLeast(amount, self.chance.choice([HKD, USD]), Worth(amount * 7, HKD))


async def store(chance: random.Random, number: int) -> CaseView:
    """A case of an account of its own; returns it as the domain sees it."""
    client = ClientRow(ClientId(uuid4().hex), f"C{number}", f"Client {number}", None)
    account_id, currency = AccountId(uuid4().hex), chance.choice([HKD, USD])
    account_type = chance.choice(list(AccountType))
    await insert_client(client)
    await insert_account(client, account_id, f"M{number}", AccountTerms(account_type, currency))
    symbols = tuple(sorted(chance.sample([APPLE, BOEING], chance.randrange(3))))
    held = [(symbol, Decimal(chance.choice([5, -5])), None, None) for symbol in symbols]
    await insert_holdings(account_id, [], held, NOON)
    view, status = case_event(NOON).view, chance.choice(STATUSES)
    amount = Decimal(chance.randrange(1, 50) * 100)
    case = replace(
        view.case,
        id=CaseId(uuid4().hex),
        case_no=f"MC2020-{number:06d}",
        account_id=account_id,
        alert_type=chance.choice(list(AlertType)),
        status=status,
        plans=1,
        figures=replace(view.case.figures, amount=amount),
        worth=chance.choice([None, Worth(amount * 7, HKD), Worth(amount, USD)]),
        opened_at=chance.choice(DAYS),
        deadline=chance.choice(DAYS),
        closed_at=chance.choice(DAYS) if status in ENDS else None,
        close_reason=ENDS.get(status),
    )
    await insert_case(case)
    account = replace(
        view.account,
        account_id=account_id,
        account_no=f"M{number}",
        account_type=account_type,
        base_currency=currency,
        client_id=client.id,
        client_no=f"C{number}",
        client_name=f"Client {number}",
    )
    return CaseView(case, account, symbols)


async def listed(
    wanted: CaseFilter,
    audience: Audience = EVERYTHING,
    order: CaseOrder = OLDEST_FIRST,
) -> list[CaseId]:
    page = await page_cases(audience, wanted, order, PageRequest(COUNT), NOON)
    return [view.case.id for view in page.rows]


async def many(kit: DeskKit, chance: random.Random) -> list[CaseView]:
    for symbol in (APPLE, BOEING):
        await kit.instrument(symbol)
    return [await store(chance, number) for number in range(COUNT)]


@pytest.mark.parametrize("audience", [WITH_NAMES, NO_NAMES], ids=["names", "no names"])
async def test_the_database_selects_the_cases_that_the_domain_selects(
    kit: DeskKit, audience: Audience
) -> None:
    chance = random.Random(3)
    views = await many(kit, chance)
    by_name = CaseFilter(status=tuple(CaseStatus), search="client")
    assert len(await listed(by_name, audience)) == (COUNT if audience is WITH_NAMES else 0)
    choices, names = Choices(chance, views), [each.name for each in fields(CaseFilter)]
    combinations: list[tuple[str, ...]] = [(name,) for _ in range(5) for name in names]
    combinations += [tuple({"status", *chance.sample(names, 2)}) for _ in range(60)]
    for combination in combinations:
        wanted = CaseFilter(**{name: choices.of(name) for name in sorted(combination)})
        expected = {view.case.id for view in views if wanted.selects(view, audience, NOON)}
        assert set(await listed(wanted, audience)) == expected, wanted


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("field", CaseOrderField)
async def test_the_database_sorts_by_the_key_of_the_domain(
    kit: DeskKit, field: CaseOrderField, descending: bool
) -> None:
    views = await many(kit, random.Random(5))
    order = CaseOrder(field, descending, HKD)

    def rank(view: CaseView) -> Any:
        return order.key(view)[0] if field is CaseOrderField.AMOUNT else 0

    by_key = sorted(views, key=order.key, reverse=descending)
    expected = sorted(by_key, key=rank)
    everything = CaseFilter(status=tuple(CaseStatus))
    assert await listed(everything, order=order) == [view.case.id for view in expected]
