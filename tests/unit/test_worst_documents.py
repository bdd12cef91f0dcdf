"""No document within the limits makes the desk do much more than others: its work is counted, not timed.

`python -m bench worst_document` measures the same documents in milliseconds and searches for worse ones.
"""

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from types import FrameType
from typing import Any

import orjson
import pytest

from resolvers.execution.executor import AdmittedOperation
from resolvers.live_feed.sharing_key import sharing_key
from resolvers.subscription import case_event_of
from tests.kit.executing import executor
from tests.kit.live_desk import case_event
from tests.kit.worst_documents import BODIES, BODY_BYTES, FAMILIES, SUBSCRIPTIONS, largest, variables

EVENT = case_event_of(case_event(datetime(2020, 3, 9, 16, tzinfo=UTC)), "cursor")
EVENT_CALLS_MAX = 2_500
"""Calls to render one event, which may be done for thousands of subscriptions."""
CALLS_MAX = 250_000
"""Calls of Python functions to check one document; a usual page of cases takes 20,000."""


def calls_of(work: Callable[[], object]) -> int:
    """How many Python functions are called, which is the same on every machine."""
    calls = 0

    def count(_: FrameType, event: str, __: Any) -> None:
        nonlocal calls
        calls += event == "call"

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
    return calls


@pytest.mark.parametrize("name", FAMILIES)
def test_the_largest_document_of_each_kind_is_checked_in_bounded_work(name: str) -> None:
    text, desk = largest(FAMILIES[name]), executor(introspection=False)

    def check() -> None:
        document = desk.read(text)
        desk.admit(document, next(iter(document.kinds or ()), None), {})

    assert len(orjson.dumps({"query": text})) <= BODY_BYTES
    assert calls_of(check) < CALLS_MAX


@pytest.mark.parametrize("name", SUBSCRIPTIONS)
def test_the_largest_subscription_of_each_kind_begins_and_is_rendered_in_bounded_work(name: str) -> None:
    """What it takes to begin, in one step; what it takes for its first event, and what for each."""
    text, desk = largest(SUBSCRIPTIONS[name]), executor(introspection=False)
    admitted: list[AdmittedOperation] = []

    def begin() -> None:
        operation = desk.admit(desk.read(text), None, {})
        if isinstance(operation, AdmittedOperation):
            sharing_key(operation)
            admitted.append(operation)

    assert len(orjson.dumps({"query": text})) <= BODY_BYTES
    assert calls_of(begin) < CALLS_MAX
    for operation in admitted:
        assert calls_of(partial(desk.projection, operation)) < CALLS_MAX // 5
        if (project := desk.projection(operation)) is not None:
            assert calls_of(partial(project, EVENT)) < EVENT_CALLS_MAX


def test_the_largest_variables_of_each_kind_are_read_in_bounded_work() -> None:
    desk, calls = executor(), dict[str, int]()
    for name, text, given in variables():
        assert len(orjson.dumps({"query": text, "variables": given})) <= BODY_BYTES, name
        document = desk.read(text)
        assert not document.errors, name
        calls[name] = calls_of(partial(desk.admit, document, None, given))
    assert max(calls.values()) < CALLS_MAX, calls


def test_input_objects_are_counted_before_they_become_values() -> None:
    desk = executor()
    _, text, given = next(each for each in variables() if each[0] == "too many input objects")
    document = desk.read(text)
    calls = calls_of(lambda: desk.admit(document, None, given))
    refused = desk.admit(document, None, given)
    assert not isinstance(refused, AdmittedOperation)
    assert [error.extensions for error in refused] == [{"code": "QUERY_TOO_EXPENSIVE"}]
    assert calls < 10_000


def test_the_bodies_fit_into_a_request() -> None:
    assert {name: len(body) for name, body in BODIES.items() if len(body) > BODY_BYTES} == {}
