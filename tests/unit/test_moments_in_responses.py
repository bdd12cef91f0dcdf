"""Moments stay as they are until the response is encoded, which states them as the scalar does."""

from datetime import UTC, datetime, timedelta, timezone

import orjson
import pytest
from graphql import ExecutionResult
from hypothesis import example, given
from hypothesis import strategies as st

from resolvers.execution.executor import encode
from resolvers.execution.leaves import leaf
from resolvers.kit.scalars import DATE_TIME
from tests.kit.executing import SCHEMA

moments = st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=8))]))


@given(moments)
@example(datetime(1, 1, 1, tzinfo=UTC))
@example(datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC))
def test_a_moment_in_the_response_is_the_text_of_the_scalar(moment: datetime) -> None:
    assert DATE_TIME.serialize is not None
    try:
        expected = DATE_TIME.serialize(moment)
    except OverflowError:
        with pytest.raises(OverflowError):
            leaf(SCHEMA.type_map["DateTime"])(moment)  # type: ignore[arg-type]
        return
    completed = leaf(SCHEMA.type_map["DateTime"])(moment)  # type: ignore[arg-type]
    assert orjson.loads(encode(ExecutionResult({"at": completed})))["data"]["at"] == expected
