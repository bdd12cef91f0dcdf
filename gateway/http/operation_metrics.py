"""Counts of GraphQL operations, by type, name and first error, and the durations of those that have a result.

Clients choose the names, so only so many are kept, those of operations that passed every check first, and
those of the manifest of trusted documents.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Any

import structlog
from graphql import ExecutionResult, GraphQLError

from gateway.logs import current_request_id
from resolvers.execution.documents import Document
from resolvers.execution.executor import AdmittedOperation, Executor
from resolvers.execution.trusted import TrustedDocuments
from resolvers.kit.context import ReadContext
from resolvers.kit.errors import INTERNAL, coded
from subscriptions.live.metrics import Histogram

if TYPE_CHECKING:
    from gateway.telemetry import OperationSpan, Telemetry

log = structlog.get_logger()

SUCCESS = "OK"
UNKNOWN = "unknown"
"""The type of an operation whose document is malformed or does not have it."""
UNNAMED, OTHER = "(none)", "(other)"
"""In place of a name; GraphQL has no such names."""
NAME_CHARACTERS_MAX = 100


@dataclass(slots=True)
class Took:
    """How often operations of one name were executed, and for how long together."""

    times: int = 0
    total_s: float = 0.0


@dataclass(slots=True)
class OperationMetrics:
    """Counts of one process, whatever the transport. Types and codes are few."""

    operations: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """By type, name, and the code of the first error or `SUCCESS`."""
    durations: dict[str, Histogram] = field(default_factory=dict)
    """By type, of executed queries and mutations."""
    took: dict[str, Took] = field(default_factory=dict)
    """By name, of the same."""
    names_max: int = 100
    names: set[str] = field(default_factory=set)
    """Those of operations outside of the manifest, at most `names_max`."""
    trusted: TrustedDocuments = field(default_factory=TrustedDocuments)
    telemetry: "Telemetry | None" = None
    slow_s: float = math.inf
    """A longer operation is logged."""

    async def execute(
        self,
        executor: Executor,
        operation: AdmittedOperation,
        context: ReadContext,
        carrier: Mapping[str, Any] | None = None,
    ) -> ExecutionResult:
        """Execute a query or a mutation; the errors have the form that a client may see.

        `carrier` may name the caller's span, as headers do.
        """
        if self.telemetry is None:
            return await self._execute(executor, operation, context)
        with self._span(operation, carrier) as span:
            result = await self._execute(executor, operation, context)
            span.ended(_code(result.errors or ()), failed=bool(result.errors))
            return result

    def _span(
        self, operation: AdmittedOperation, carrier: Mapping[str, Any] | None
    ) -> AbstractContextManager["OperationSpan"]:
        assert self.telemetry is not None
        kind, document = operation.node.operation.value, operation.document.digest
        facts: dict[str, str | int] = {
            "document": document,
            "cost": operation.cost,
            "request_id": current_request_id() or "",
        }
        return self.telemetry.operation(kind, operation.name, facts, carrier)

    async def _execute(
        self, executor: Executor, operation: AdmittedOperation, context: ReadContext
    ) -> ExecutionResult:
        began = perf_counter()
        result = await executor.execute(operation, context)
        errors = [coded(error) for error in result.errors or ()]
        kind = operation.node.operation.value
        took_s = perf_counter() - began
        self.durations.setdefault(kind, Histogram()).observe(took_s)
        if took_s > self.slow_s:
            log.warning(
                "a slow operation",
                document=operation.document.digest,
                operation=operation.name,
                type=kind,
                cost=operation.cost,
                seconds=round(took_s, 3),
            )
        name = self._name(operation.name)
        took = self.took.setdefault(name, Took())
        took.times += 1
        took.total_s += took_s
        self._count(kind, name, errors)
        return ExecutionResult(result.data, errors or None)

    def started(self, operation: AdmittedOperation, carrier: Mapping[str, Any] | None = None) -> None:
        """A subscription was started: its span ends at once, since it may run for hours."""
        self._count("subscription", self._name(operation.name), ())
        if self.telemetry is not None:
            with self._span(operation, carrier):
                pass

    def refused(self, document: Document, name: str | None, errors: Sequence[GraphQLError]) -> None:
        """An operation was not executed."""
        kinds = document.kinds or {}
        if name is None:
            name = next(iter(kinds), None)
        kind = kinds.get(name)
        is_known = name in self.names or name in self.trusted.operation_names
        known = UNNAMED if name is None else name if is_known else OTHER
        self._count(UNKNOWN if kind is None else kind.value, known, errors)

    def _name(self, name: str | None) -> str:
        """The name under which an operation is counted that passed every check."""
        if name is None:
            return UNNAMED
        if name in self.names or name in self.trusted.operation_names:
            return name
        if len(self.names) >= self.names_max or len(name) > NAME_CHARACTERS_MAX:
            return OTHER
        self.names.add(name)
        return name

    def _count(self, kind: str, name: str, errors: Sequence[GraphQLError]) -> None:
        self.operations[kind, name, _code(errors)] += 1


def _code(errors: Sequence[GraphQLError]) -> str:
    return str((errors[0].extensions or {}).get("code", INTERNAL)) if errors else SUCCESS
