"""Requests that Schemathesis generates from the schema, valid and invalid, and what the desk makes of them.

Each round asks every operation a few times, in an order of chance. The round and the seed decide what is
generated, so that `--seed` repeats it; the requests behind a finding are printed as they were sent.
"""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from itertools import count
from typing import Any

import httpx
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st
from schemathesis.core.result import Ok
from schemathesis.graphql import nodes

from tests.kit.patience import PATIENCE_S
from tests.kit.source import ROOT
from tests.security.aimed import Known, aimed
from tests.security.answers import fault_of, outcome_of
from tests.security.findings import Check
from tests.security.served_desk import EVERYTHING, READ_ONLY, ServedDesk

EXAMPLES = 6
"""Of one operation in one round."""
DEAR = frozenset({"Query.bookWhatIf"})
"""Each starts a process: they are asked once in a round."""
EARLIEST = datetime.fromisoformat("1900-01-01T00:00:00")
FREEZES = "Mutation.setKillSwitch"
"""Behind it the desk refuses to trade: it is asked in the last part of the time only."""
LAST_PART = 0.85
INVALID_PART, AIMED_PART = 0.15, 0.8

Case = schemathesis.Case[Any]
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Generated:
    """How to generate documents of one operation."""

    label: str
    valid: st.SearchStrategy[Case]
    invalid: st.SearchStrategy[Case]


def operations() -> list[Generated]:
    """Of the whole schema, with the desk's scalars."""
    _teach_scalars()
    schema = schemathesis.graphql.from_path(str(ROOT / "schema.graphql"))
    schema.config.update(base_url="http://127.0.0.1/graphql")
    found = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]
    return [
        Generated(
            each.label,
            each.as_strategy(),
            each.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE),
        )
        for each in found
    ]


def _teach_scalars() -> None:
    times = st.datetimes(min_value=EARLIEST).map(lambda at: f"{at.isoformat(timespec='seconds')}Z")
    odd_times = st.sampled_from(
        ["2026-06-30T00:00:00Z", "9998-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00", ""]
    )
    days = st.dates(min_value=date(1900, 1, 1)).map(str)
    numbers = st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=0, max_value=10**9).map(
        str
    )
    odd_numbers = st.sampled_from(["-0", "1e5", "NaN", "9" * 20, "0.0000000001", "9" * 21, "-1", ""])
    for name, strategy in {
        "Date": days | days | st.just("2020-03-16"),
        "DateTime": times | times | odd_times,
        "Decimal": numbers | numbers | odd_numbers,
    }.items():
        schemathesis.graphql.scalar(name, strategy.map(nodes.String))


class SchemaRequests:
    """The generated requests for one desk."""

    def __init__(self, desk: ServedDesk, seed: int, progress: Progress) -> None:
        self._desk = desk
        self._seed = seed
        self._progress = progress

    def run(self, generated: list[Generated], seconds: float) -> list[Check]:
        """With a read-only token for half of the time, then with every permission."""
        tokens = {"read-only": READ_ONLY, "every permission": EVERYTHING}
        checks = []
        for name, permissions in tokens.items():
            check = Check(f"requests by the schema, {name}", self._desk.name)
            headers = {"Authorization": self._desk.token(*permissions, subject=f"schema {name}")}
            with httpx.Client(
                base_url=f"http://127.0.0.1:{self._desk.port}",
                headers=headers,
                timeout=PATIENCE_S,
                verify=False,
            ) as client:
                self._ask(generated, client, check, seconds / len(tokens))
            checks.append(check.done())
        return checks

    def _ask(self, generated: list[Generated], client: httpx.Client, check: Check, seconds: float) -> None:
        began = time.monotonic()
        for number, operation in self._in_order(generated):
            passed = time.monotonic() - began
            if passed > seconds:
                return
            if operation.label == FREEZES and passed < LAST_PART * seconds:
                continue
            self._ask_operation(operation, number, client, check)
            self._progress(
                f"{check.name}, {self._desk.name}: {check.asked:,} in {passed:.0f} s, {operation.label}"
            )

    def _in_order(self, generated: list[Generated]) -> Iterator[tuple[int, Generated]]:
        """Round by round; the number differs in each."""
        for round_ in count():
            order = random.Random(f"{self._seed} {round_}")
            for operation in order.sample(generated, len(generated)):
                yield round_, operation

    def _ask_operation(self, operation: Generated, round_: int, client: httpx.Client, check: Check) -> None:
        chance = random.Random(f"{self._seed} {round_} {operation.label}")
        known = Known.of(client)
        is_invalid = chance.random() < INVALID_PART

        @seeded(chance.randrange(2**32))
        @settings(
            max_examples=1 if operation.label in DEAR else EXAMPLES,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.invalid if is_invalid else operation.valid)
        def ask(case: Case) -> None:
            document = str(case.body)
            if not is_invalid and chance.random() < AIMED_PART:
                document = aimed(document, known, chance)
            _judge(client.post("/graphql", json={"query": document}), document, check)

        ask()
        for fault in self._desk.faults_logged():
            check.find(fault.what, f"{operation.label}, round {round_}\n{fault.text}")


def _judge(answer: httpx.Response, document: str, check: Check) -> None:
    check.asked += 1
    check.outcomes[outcome_of(answer.status_code, answer.content)] += 1
    if wrong := fault_of(answer.status_code, answer.content):
        check.find(wrong, f"{document}\n{answer.text}")
