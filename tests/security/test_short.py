"""The short form of `make security`: every kind of probe, for a few seconds, on both desks."""

import pytest

from tests.kit.patience import PATIENCE_S
from tests.security.answers import fault_of, outcome_of
from tests.security.defences import defences
from tests.security.findings import table
from tests.security.raw_bytes import close_codes
from tests.security.run import RAW, SCHEMA, WEAKNESSES, Plan, Servers, run

SECONDS = 12.0


@pytest.mark.faults
async def test_no_probe_finds_anything(postgres_url: str, redis_url: str) -> None:
    plan = Plan(1, SECONDS, (WEAKNESSES, SCHEMA, RAW), health_within_s=PATIENCE_S)
    checks = await run(plan, Servers(postgres_url, redis_url), lambda _: None)
    assert not any(check.findings for check in checks), "\n".join(table(checks))
    assert all(check.asked for check in checks if check.name.startswith(("requests", "raw")))


def test_every_defence_of_the_page_is_found() -> None:
    named = {test for defence in defences() for test in defence.tests}
    assert len(named) >= len(defences()) > 20


@pytest.mark.parametrize(
    ("status", "body", "fault"),
    [
        (503, b"", "status 503"),
        (200, b'{"errors":[{"message":"x","extensions":{"code":"INTERNAL"}}]}', "code INTERNAL"),
        (200, b'{"data":{"a":{"results":[{"code_1":"DESK_FAULT"}]}}}', "code DESK_FAULT"),
        (400, b'{"errors":[{"message":"in asyncpg/x"}]}', "the message shows the code: in asyncpg/x"),
        (400, b'{"errors":[{"message":"x","extensions":{"code":"BAD_REQUEST"}}]}', None),
        (200, b"no JSON", None),
    ],
)
def test_a_fault_is_seen_in_an_answer(status: int, body: bytes, fault: str | None) -> None:
    assert fault_of(status, body) == fault


def test_answers_are_counted_by_their_code() -> None:
    refused = b'{"data":{"claimCase":{"code":"NOT_FOUND"}}}'
    assert [outcome_of(200, refused), outcome_of(404, b"")] == ["NOT_FOUND", "404"]


def test_the_code_of_a_close_frame_is_read() -> None:
    assert list(close_codes(b"\x81\x02hi\x88\x02\x03\xf3")) == [1011]
