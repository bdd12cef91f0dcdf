"""Fields that are there twice are found at any depth, and nothing else is taken for one."""

import pytest

from domain.json_fields import (
    NotJson,
    refuse_repeated_fields,
    refuse_repeated_fields_however_deep,
)

DEEP = "[" * 1000, "]" * 1000
ONCE = [
    '{"a": 1, "b": {"a": 2}, "c": [{"a": 3}, {"a": 4}], "d": "a"}',
    '["a", "a", {"a": "a"}, "a"]',
    '{"a,": "{", "b": "\\"a\\"", "\\\\": "}", "c": ["a", "a"], "": {}}',
    "{}",
    '"a"',
    "7",
]
TWICE = {
    '{"a": 1, "a": 1}': "'a'",
    '{"b": 1, "c": [{"x": {}, "y": "x", "x": 2}]}': "'x'",
    '{"a": {"b": 1}, "\\u0061": 2}': "'a'",
    '{"": 1, "": 2}': "''",
    '[{}, {"q\\"": [1, 2], "q\\"": 3}]': "'q\"'",
}


@pytest.mark.parametrize("text", ONCE)
def test_a_name_may_be_there_once_in_each_object(text: str) -> None:
    refuse_repeated_fields(text)
    refuse_repeated_fields_however_deep(text)
    refuse_repeated_fields_however_deep(text.join(DEEP))


@pytest.mark.parametrize("text", TWICE)
def test_a_name_that_is_there_twice_is_refused_at_any_depth(text: str) -> None:
    for refuse, deep in (
        (refuse_repeated_fields, text),
        (refuse_repeated_fields_however_deep, text),
        (refuse_repeated_fields_however_deep, text.join(DEEP)),
    ):
        with pytest.raises(NotJson, match="occurs twice in one object") as refused:
            refuse(deep)
        assert TWICE[text] in str(refused.value)


def test_where_depth_is_refused_it_is_said() -> None:
    with pytest.raises(NotJson, match="nested too deeply"):
        refuse_repeated_fields("7".join(DEEP))
