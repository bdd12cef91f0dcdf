"""The desk's follow-up records in the database: data that is rendered when it is read, and never lost."""

from desk.follow_up import note, note_by_desk
from domain.case import Case
from domain.case_records import FollowUp
from domain.message import Language
from domain.phrase import DetailCode, FollowUpCode, phrase
from domain.principal import EVERYTHING
from models.case import live_cases_of
from models.case_records import newest_follow_ups
from models.sql.codec import dumps
from models.sql.database import execute, transaction
from tests.kit.desk_kit import DeskKit

SAID = phrase(
    FollowUpCode.ORDER_NEEDS_ATTENTION,
    order="MC1-1",
    side="SELL",
    symbol="AAPL",
    finding=phrase(DetailCode.LATE_FILL),
)
ENGLISH = "Order MC1-1 (SELL AAPL) needs attention: a fill of an order that had already ended; it is booked."
_WHOLE = {"order": "x", "side": "SELL", "symbol": "AAPL"}
OTHERS: dict[str, tuple[str | None, str | None]] = {
    "of a version that stored only the text": (None, None),
    "of a later version": ("FROM_A_LATER_VERSION", "{}"),
    "a part that is no record by itself": ("LATE_FILL", "{}"),
    "no parameters": ("ORDER_NEEDS_ATTENTION", None),
    "no JSON": ("ORDER_NEEDS_ATTENTION", "{"),
    "no object": ("ORDER_NEEDS_ATTENTION", "[]"),
    "a missing parameter": ("ORDER_NEEDS_ATTENTION", dumps(_WHOLE)),
    "a part of a later version": (
        "ORDER_NEEDS_ATTENTION",
        dumps(_WHOLE | {"finding": {"code": "FROM_A_LATER_VERSION", "parameters": {}}}),
    ),
    "a number that is none": ("ORDER_NEEDS_ATTENTION", dumps(_WHOLE | {"finding": {"decimal": "x"}})),
}


async def a_case(kit: DeskKit) -> Case:
    (view,) = await live_cases_of([await kit.indebted_account()])
    return view.case


async def only_record(case: Case) -> FollowUp:
    (record,) = (await newest_follow_ups(EVERYTHING, [case.id], 5))[case.id].rows
    return record


async def test_a_record_is_shown_in_every_language_and_as_it_was_written_where_its_data_is_not_readable(
    kit: DeskKit,
) -> None:
    case = await a_case(kit)
    async with transaction():
        await note_by_desk(kit.desk, case, SAID, kit.clock())
    record = await only_record(case)
    assert (record.phrase, record.author, record.by_desk) == (SAID, "system", True)
    assert record.text(Language.ENGLISH) == record.note == ENGLISH
    assert record.text(Language.SIMPLIFIED_CHINESE).startswith("\u8ba2\u5355 MC1-1")
    assert record.text(Language.TRADITIONAL_CHINESE).startswith("\u8a02\u55ae MC1-1")
    for name, (code, parameters) in OTHERS.items():
        await execute("UPDATE follow_up SET code = $1, parameters = $2", code, parameters)
        record = await only_record(case)
        assert record.phrase is None, name
        assert {record.text(language) for language in Language} == {ENGLISH}, name


async def test_the_record_of_a_person_is_shown_as_it_was_written(kit: DeskKit) -> None:
    case = await a_case(kit)
    async with transaction():
        await note(kit.desk, case, "ann", "rang twice {order}", kit.clock())
    record = await only_record(case)
    assert (record.phrase, record.by_desk) == (None, False)
    assert {record.text(language) for language in Language} == {"rang twice {order}"}
