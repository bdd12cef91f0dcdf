"""Events as text, whatever became of it in between."""

import pytest

from models.sql.codec import UnknownFormat, event_from_text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "[]",
        "7",
        '"text"',
        "{}",
        "\x00",
        '{"v":1}',
        '{"v":2,"type":"CaseEvent"}',
        '{"v":1,"type":"CaseEvent"}',
        '{"v":1,"type":"CaseEvent","event":{}}',
        '{"v":1,"type":[]}',
        b"\xff",
    ],
)
def test_a_damaged_event_is_of_an_unknown_format_and_no_other_fault(text: str | bytes) -> None:
    with pytest.raises(UnknownFormat):
        event_from_text(text)
