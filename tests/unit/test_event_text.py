"""Events as text, whatever became of it in between."""

from datetime import UTC, datetime

import pytest

from domain.approval import ApprovalStatus
from domain.events import Event
from domain.kill_switch import EVERYTHING_FROZEN, Frozen, KillSwitchScope
from models.sql.codec import UnknownFormat, event_from_text, event_to_text, traceparent_of
from tests.kit.control_events import a_switch_event, an_account, an_approval_event
from tests.kit.live_desk import case_event

NOW = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)


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


def test_an_event_names_the_span_that_caused_it_and_is_the_same_event() -> None:
    event, cause = case_event(datetime(2026, 1, 5, 14, 30, tzinfo=UTC)), f"00-{'a' * 32}-{'b' * 16}-01"
    traced = event_to_text(event, cause)
    assert event_from_text(traced) == event == event_from_text(event_to_text(event))
    assert traceparent_of(traced.encode()) == cause
    assert traceparent_of(event_to_text(event).encode()) is None


@pytest.mark.parametrize(
    "event",
    [
        *(an_approval_event(NOW, status, account=an_account(NOW)) for status in ApprovalStatus),
        an_approval_event(NOW),
        a_switch_event(NOW, EVERYTHING_FROZEN),
        a_switch_event(NOW, Frozen(KillSwitchScope.CLIENT, "client A1"), "A1", "A2", on=False),
    ],
)
def test_events_of_requests_and_switches_are_the_same_after_storing(event: Event) -> None:
    assert event_from_text(event_to_text(event)) == event
