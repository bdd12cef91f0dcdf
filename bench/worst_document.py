"""What holds the event loop longest: documents, variables and bodies within the limits, and answers.

Checking a document, reading its variables and reading a body are one step each, in which the process does
nothing else. A large answer is computed in several steps; the longest of them is measured, see
`bench.worst_answer`. All in time of the processor, so that other programs disturb little. Fails if a step
takes more than 50 ms.
"""

import asyncio
import gc
from collections.abc import Callable, Mapping
from functools import partial
from time import thread_time
from typing import Any

import orjson
from graphql.execution.values import get_argument_values
from hypothesis import HealthCheck, given, settings, target
from hypothesis import strategies as some
from strawberry.types.arguments import convert_arguments

from bench.measure import save
from bench.worst_answer import longest_steps
from domain.json_fields import read_json
from resolvers.execution.compiled import strawberry_schema
from resolvers.execution.documents import Document
from resolvers.execution.executor import AdmittedOperation, Executor
from tests.kit.executing import SCHEMA, executor
from tests.kit.worst_documents import BODIES, FAMILIES, is_validated, largest, leaves, variables

STEP_MS_MAX = 50
ROUNDS = 3
SEARCHED_DOCUMENTS = 60

Milliseconds = dict[str, float]


class HeldTooLong(SystemExit):
    """A step takes longer than it may."""


def main() -> None:
    """Measure, print, save; raises `HeldTooLong`."""
    # Searches for garbage between the measurements need not look at what is imported.
    gc.freeze()
    found: dict[str, Milliseconds] = {
        "check of a document": _documents(),
        "variables become values": _variables(),
        "body is read": {name: best(partial(_read, body)) for name, body in BODIES.items()},
        "step of an answer": asyncio.run(longest_steps()),
    }
    for phase, steps in found.items():
        print(phase)
        for name, took in sorted(steps.items(), key=lambda each: -each[1]):
            print(f"  {took:6.1f} ms  {name}")
    save("worst_document", found)
    worst = max((took, f"{phase}: {name}") for phase, steps in found.items() for name, took in steps.items())
    if worst[0] > STEP_MS_MAX:
        raise HeldTooLong(f"{worst[1]} holds the loop for {worst[0]:.0f} ms, more than {STEP_MS_MAX}")


def best(work: Callable[[], object]) -> float:
    """The shortest of several runs, in milliseconds of the processor, without searches for garbage."""
    shortest = float("inf")
    for _ in range(ROUNDS):
        gc.collect()
        gc.disable()
        began = thread_time()
        work()
        shortest = min(shortest, 1000 * (thread_time() - began))
        gc.enable()
    return shortest


def _check(text: str) -> None:
    desk = executor(introspection=False)
    document = desk.read(text)
    desk.admit(document, next(iter(document.kinds or ()), None), {})


def _documents() -> Milliseconds:
    took = {name: best(partial(_check, largest(family))) for name, family in FAMILIES.items()}
    return took | {"the worst that a search found": _searched()}


def _read(body: bytes) -> object:
    return read_json(body, orjson.loads, however_deep=True)


def _variables() -> Milliseconds:
    took = {}
    for name, text, sent in variables():
        desk = executor()
        document = desk.read(text)
        took[f"{name}: checked"] = best(partial(_admitted, desk, document, sent))
        if isinstance(operation := _admitted(desk, document, sent), AdmittedOperation):
            took[f"{name}: converted"] = best(partial(_converted, operation))
    return took


def _admitted(desk: Executor, document: Document, sent: dict[str, Any]) -> object:
    document.admitted.clear()
    return desk.admit(document, None, sent)


def _converted(operation: AdmittedOperation) -> object:
    """The arguments of the only field, as its resolver gets them."""
    node: Any = operation.node.selection_set.selections[0]
    root = SCHEMA.get_root_type(operation.node.operation)
    assert root is not None, "the schema has one"
    field, strawberry = root.fields[node.name.value], strawberry_schema(SCHEMA)
    return convert_arguments(
        get_argument_values(field, node, operation.prepared.variable_values),
        field.extensions["strawberry-definition"].arguments,
        scalar_registry=strawberry.schema_converter.scalar_registry,
        config=strawberry.config,
    )


_INNER: Mapping[str, Mapping[str, str]] = {
    "Case": {"account": "Account", "client": "Client"},
    "Account": {"client": "Client"},
    "Client": {"accounts": "Account", "openCases": "Case"},
}


_TIMES = some.sampled_from([1, 2, 5, 20])


def _repeated(name: str, selection: str, times: int) -> str:
    return " ".join([f"{name} {{ {selection} }}"] * times)


def _selections(type_name: str, fragments: int, depth: int) -> some.SearchStrategy[str]:
    leaf = some.sampled_from(leaves(type_name))
    spread = some.integers(0, fragments - 1).map(lambda number: f"...{type_name}{number}")
    one = [leaf, spread]
    if depth:
        one += [
            some.builds(_repeated, some.just(name), _selections(inner, fragments, depth - 1), _TIMES)
            for name, inner in _INNER[type_name].items()
        ]
    return some.lists(some.one_of(one), min_size=1, max_size=20).map(" ".join)


@some.composite
def _generated(draw: some.DrawFn) -> str:
    """Fragments that are equal in kind: each spreads only later ones, since cycles are refused at once."""
    fragments = draw(some.integers(1, 30))
    bodies = [
        f"fragment {name}{number} on {name} {{ {_later(draw(_selections(name, fragments, 1)), number)} }}"
        for name in _INNER
        for number in range(draw(some.integers(1, fragments)))
    ]
    return f"{{ cases {{ nodes {{ {draw(_selections('Case', fragments, 2))} }} }} }} {' '.join(bodies)}"


def _later(selection: str, than: int) -> str:
    words = selection.split()
    kept = [word for word in words if not word.startswith("...") or _number_of(word) > than]
    return " ".join(kept).replace("{ }", "{ id }") or "id"


def _number_of(spread: str) -> int:
    return int("".join(filter(str.isdigit, spread)))


def _searched() -> float:
    """The documents that cost most are varied further."""
    worst = [0.0]

    @settings(
        max_examples=SEARCHED_DOCUMENTS,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(_generated())
    def search(text: str) -> None:
        if not is_validated(text):
            return
        began = thread_time()
        _check(text)
        took = 1000 * (thread_time() - began)
        target(took)
        if took > worst[0]:
            worst[0] = max(worst[0], best(partial(_check, text)))

    search()
    return worst[0]
