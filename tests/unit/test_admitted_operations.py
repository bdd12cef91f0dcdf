"""Operations that were admitted are known again by their document, name and variables."""

from typing import Any

import pytest

from resolvers.execution.executor import (
    ADMITTED_KEPT,
    KNOWN_VARIABLES_BYTES,
    AdmittedOperation,
    Executor,
)
from tests.kit.executing import LIMITS, SCHEMA

NODE = "query A($id: ID!) { node(id: $id) { id } } query B($id: ID!) { node(id: $id) { __typename } }"


@pytest.fixture
def executor() -> Executor:
    return Executor(SCHEMA, LIMITS, introspection=True)


def admitted(executor: Executor, name: str = "A", **variables: Any) -> AdmittedOperation:
    operation = executor.admit(executor.read(NODE), name, variables)
    assert isinstance(operation, AdmittedOperation), operation
    return operation


def test_the_same_request_is_the_same_operation(executor: Executor) -> None:
    assert admitted(executor, id="x") is admitted(executor, id="x")
    assert admitted(executor, id="x") is not admitted(executor, id="y")
    assert admitted(executor, id="x") is not admitted(executor, "B", id="x")


def test_what_is_refused_is_refused_again(executor: Executor) -> None:
    for _ in range(2):
        errors = executor.admit(executor.read(NODE), "A", {})
        assert isinstance(errors, tuple)
        assert [(error.extensions or {})["code"] for error in errors] == ["BAD_USER_INPUT"]


def test_as_many_operations_are_kept_as_may_be(executor: Executor) -> None:
    first = admitted(executor, id="first")
    for number in range(ADMITTED_KEPT - 1):
        admitted(executor, id=str(number))
    assert admitted(executor, id="first") is first
    for number in range(ADMITTED_KEPT):
        admitted(executor, id=f"other {number}")
    assert admitted(executor, id="first") is not first


def test_long_variables_are_not_kept(executor: Executor) -> None:
    long = "x" * KNOWN_VARIABLES_BYTES
    assert admitted(executor, id=long) is not admitted(executor, id=long)
