"""The records of the desk: every code has its texts, every use its parameters, and storing loses nothing."""

import ast
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest

from domain.message import Language
from domain.order_states import REFUSED
from domain.phrase import (
    Code,
    DetailCode,
    FollowUpCode,
    Parameter,
    Phrase,
    phrase,
    phrase_from_plain,
    plain_parameters,
)
from domain.phrase_texts import TEXTS, can_be_rendered, placeholders, render
from models.sql.codec import dumps, loads

ROOT = Path(__file__).parents[2]
CODES: tuple[Code, ...] = (*FollowUpCode, *DetailCode)
AT = datetime(2020, 3, 16, 10, 5, tzinfo=timezone(timedelta(hours=8)))
VALUES: dict[str, tuple[Parameter, str]] = {
    "text": ("{HK} \u00bd", "{HK} \u00bd"),
    "whole number": (3, "3"),
    "number": (Decimal("12345678901234567890.1234567890"), "12345678901234567890.123456789"),
    "large number": (Decimal("1E+3"), "1000"),
    "time": (AT, "2020-03-16 02:05 UTC"),
    "phrase": (phrase(DetailCode.MARKET_CLOSED), "The market is closed."),
    "texts": (("AAPL CAPPED", "BA OFF_LOT"), "AAPL CAPPED, BA OFF_LOT"),
    "sentences": (
        (phrase(DetailCode.MARKET_CLOSED), phrase(DetailCode.STALE_PRICE)),
        " The market is closed. A price or an FX rate is too old.",
    ),
    "nothing": ((), ""),
}


def with_all(code: Code, value: Parameter) -> Phrase:
    """The value for each placeholder of the code."""
    return Phrase(code, {name: value for name in placeholders(TEXTS[code].english)})


def test_the_codes_of_records_and_of_their_parts_are_different() -> None:
    assert len({code.value for code in CODES}) == len(CODES) == len(TEXTS)
    assert all(len(code.value) <= 40 for code in CODES), "the width of the column"


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_a_text_with_the_same_placeholders_in_each_language(code: Code) -> None:
    texts = [TEXTS[code].of(language) for language in Language]
    assert len(texts) == 3
    assert all(text and text == text.strip() for text in texts)
    assert len({frozenset(placeholders(text)) for text in texts}) == 1
    if code is not DetailCode.OTHER_REFUSAL:
        assert texts[0].isascii()
        assert not any(text.isascii() for text in texts[1:])


@pytest.mark.parametrize("kind", VALUES)
def test_a_stored_phrase_renders_as_it_was_written(kind: str) -> None:
    value, shown = VALUES[kind]
    for code in CODES:
        written = with_all(code, value)
        read = phrase_from_plain(code.value, loads(dumps(plain_parameters(written))))
        assert read == written
        assert can_be_rendered(read)
        for language in Language:
            assert render(read, language) == render(written, language)
        if written.parameters:
            assert shown in render(read, Language.ENGLISH)


@pytest.mark.parametrize("code", [code for code in CODES if placeholders(TEXTS[code].english)])
def test_a_phrase_without_one_of_its_parameters_cannot_be_rendered(code: Code) -> None:
    whole = with_all(code, "x")
    for name in whole.parameters:
        short = Phrase(code, {each: "x" for each in whole.parameters if each != name})
        assert not can_be_rendered(short)
        assert not can_be_rendered(phrase(FollowUpCode.ACCOUNT_NEEDS_ATTENTION, finding=short))
        assert not can_be_rendered(phrase(FollowUpCode.AUTO_LIQUIDATION_PLACED, orders=1, more=(short,)))


@pytest.mark.parametrize(
    ("code", "parameters"),
    [
        ("FROM_A_LATER_VERSION", {}),
        ("CASH_ROSE", None),
        ("CASH_ROSE", []),
        ("CASH_ROSE", {"received": None}),
        ("CASH_ROSE", {"received": 1.5}),
        ("CASH_ROSE", {"received": {"decimal": "x"}}),
        ("CASH_ROSE", {"received": {"time": "2020-03-16T10:00:00"}}),
        ("CASH_ROSE", {"received": {"time": "noon"}}),
        ("CASH_ROSE", {"amount": {"code": "FROM_A_LATER_VERSION", "parameters": {}}}),
        ("CASH_ROSE", {"amount": {"code": "AMOUNT_IS", "parameters": "x"}}),
    ],
)
def test_data_of_no_known_phrase_is_refused(code: str, parameters: object) -> None:
    with pytest.raises((ValueError, LookupError, TypeError, ArithmeticError)):
        phrase_from_plain(code, parameters)


def test_texts_of_values_are_never_taken_for_placeholders() -> None:
    said = phrase(DetailCode.OTHER_REFUSAL, message="{refusal} {0} {", refusal="CAPPED")
    assert render(said, Language.ENGLISH) == "{refusal} {0} { (CAPPED)"


def test_a_time_is_shown_in_utc() -> None:
    said = phrase(DetailCode.CLOSED_UNTIL, opens=AT)
    assert render(said, Language.SIMPLIFIED_CHINESE).endswith("2020-03-16 02:05 UTC\u3002")
    assert AT.astimezone(UTC).hour == 2


def calls() -> Iterator[tuple[str, ast.Call]]:
    """Every call of `phrase` in the product, with the place."""
    for path in sorted([*ROOT.glob("domain/**/*.py"), *ROOT.glob("desk/**/*.py")]):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "phrase":
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node


def named(node: ast.expr) -> Code | None:
    """The code that is written at the call."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        if node.value.id == "FollowUpCode":
            return FollowUpCode[node.attr]
        if node.value.id == "DetailCode":
            return DetailCode[node.attr]
    return None


def test_every_call_gives_the_parameters_of_its_code() -> None:
    wrong, seen = [], 0
    for place, call in calls():
        code = named(call.args[0])
        if code is not None:
            seen += 1
            given = {keyword.arg for keyword in call.keywords}
            if given != placeholders(TEXTS[code].english):
                wrong.append(f"{place}: {code.value} with {sorted(map(str, given))}")
    assert seen > 50
    assert not wrong


def test_codes_that_are_chosen_from_a_table_need_no_parameters() -> None:
    chosen = {*REFUSED.values(), DetailCode.SLICE_CANCELLED, DetailCode.SLICE_CANCEL_REQUESTED}
    assert not {code for code in chosen if placeholders(TEXTS[code].english)}


def test_every_code_is_used() -> None:
    used = set()
    for path in [*ROOT.glob("domain/**/*.py"), *ROOT.glob("desk/**/*.py")]:
        if path.name not in ("phrase.py", "phrase_texts.py"):
            nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            used |= {named(node) for node in nodes if isinstance(node, ast.Attribute)}
    assert not set(CODES) - used
