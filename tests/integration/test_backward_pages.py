"""Pages from the end of a list are those from its beginning, for every order and filter of cases."""

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import fields
from functools import partial
from itertools import product
from typing import Any

import pytest

from domain.case import CaseStatus
from domain.case_filter import CaseFilter, CaseOrder, CaseOrderField
from domain.money import Currency
from domain.principal import EVERYTHING
from models.case_list import page_case_rows, page_cases, row_key
from models.sql.where import Key, Page, PageRequest
from tests.integration.test_case_filter import Choices, many
from tests.kit.desk_kit import NOON, DeskKit

HKD = Currency("HKD")
SIZE = 7
Load = Callable[[PageRequest], Awaitable[Page[Any]]]


async def keys_of(load: Load, key: Callable[[Any], Key], size: int, *, backward: bool) -> list[Key]:
    """The keys of all rows, in the order of the list, page by page from one of its ends."""
    found: list[Key] = []
    while True:
        edge = None if not found else found[0 if backward else -1]
        request = PageRequest(
            size, after=None if backward else edge, before=edge if backward else None, backward=backward
        )
        page = await load(request)
        keys = [key(row) for row in page.rows]
        assert await is_beyond(load, request) is (edge is not None)
        found = keys + found if backward else found + keys
        if not page.more:
            return found
        assert len(keys) == size


async def is_beyond(load: Load, request: PageRequest) -> bool:
    row = request.beyond
    return row is not None and bool((await load(row)).rows)


async def check(load: Load, key: Callable[[Any], Key], chance: random.Random) -> None:
    everything = await keys_of(load, key, 100, backward=False)
    assert len(set(everything)) == len(everything)
    for size, backward in ((SIZE, False), (SIZE, True), (100, True)):
        assert await keys_of(load, key, size, backward=backward) == everything
    await check_between(load, key, everything, chance)


async def check_between(
    load: Load, key: Callable[[Any], Key], everything: Sequence[Key], chance: random.Random
) -> None:
    """Both keys at once, from either side, also in the wrong order, which leaves no rows."""
    for backward in (False, True):
        if not everything:
            return
        first, last = (chance.randrange(len(everything)) for _ in range(2))
        page = await load(PageRequest(2, everything[first], everything[last], backward))
        between = everything[first + 1 : last]
        assert [key(row) for row in page.rows] == list(between[-2:] if backward else between[:2])
        assert page.more is (len(between) > 2)


@pytest.mark.parametrize("descending", [True, False])
async def test_pages_from_the_end_are_those_from_the_beginning_in_reverse(
    kit: DeskKit, descending: bool
) -> None:
    chance = random.Random(11)
    choices, names = Choices(chance, await many(kit, chance)), [each.name for each in fields(CaseFilter)]
    filters = [CaseFilter(), CaseFilter(status=tuple(CaseStatus))]
    filters += [CaseFilter(**{name: choices.of(name)}) for name in names]
    for field, wanted in product(CaseOrderField, filters):
        order = CaseOrder(field, descending, HKD)

        async def load(at: PageRequest, wanted: CaseFilter = wanted, order: CaseOrder = order) -> Page[Any]:
            return await page_cases(EVERYTHING, wanted, order, at, NOON)

        async def load_rows(
            at: PageRequest, wanted: CaseFilter = wanted, order: CaseOrder = order
        ) -> Page[Any]:
            return await page_case_rows(EVERYTHING, wanted, order, at, NOON, ("case_no",))

        await check(load, order.key, chance)
        await check(load_rows, partial(row_key, order), chance)
