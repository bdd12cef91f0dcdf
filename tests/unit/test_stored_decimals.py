"""The decimals of a column as text, checked together, are what each of them is alone."""

from collections.abc import Sequence
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from models.sql.unreadable import UnreadableRow
from models.sql.values import plain_decimal, plain_decimals

stored = st.decimals(places=4).map(str) | st.from_regex(r"-?[0-9]{1,3}(\.[0-9]{0,4})?", fullmatch=True)
values = st.lists(stored | st.text("0123456789-.\nE ", max_size=6) | st.none(), min_size=1, max_size=8)


@given(values)
@example(["-0", "-0.00", "0", "1.50", "-0.5"])
@example(["1\n2", "3"])
@example(["1\n"])
@example(["1", None])
@example([""])
@example(["1.0", ""])
@example(["٣"])
def test_a_column_is_read_as_each_of_its_values(column: list[Any]) -> None:
    assert outcome(lambda: plain_decimals(column)) == outcome(
        lambda: [plain_decimal(each) for each in column]
    )


def outcome(read: Any) -> Sequence[str] | None:
    try:
        return list(read())
    except UnreadableRow:
        return None
