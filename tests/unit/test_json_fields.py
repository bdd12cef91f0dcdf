"""Fields that are there twice are found at any depth, and nothing else is taken for one."""

import orjson
import pytest

from domain.json_fields import NotJson, RepeatedField, read_json

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
    assert read_json(text, orjson.loads) == orjson.loads(text)
    assert read_json(text.join(DEEP).encode(), orjson.loads, however_deep=True)


@pytest.mark.parametrize("text", TWICE)
def test_a_name_that_is_there_twice_is_refused_at_any_depth(text: str) -> None:
    for deep, however_deep in ((text, False), (text, True), (text.join(DEEP), True)):
        with pytest.raises(RepeatedField, match="occurs twice in one object") as refused:
            read_json(deep, orjson.loads, however_deep=however_deep)
        assert TWICE[text] in str(refused.value)


@pytest.mark.parametrize("text", ["7".join(DEEP), "{", b"\xff"])
def test_malformed_json_is_reported(text: str | bytes) -> None:
    with pytest.raises(NotJson, match=r"^not JSON: ") as refused:
        read_json(text, orjson.loads)
    assert not isinstance(refused.value, RepeatedField)
