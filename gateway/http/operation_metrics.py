"""Counts of GraphQL operations, by type and first error, and the durations of those that have a result."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter

import structlog
from graphql import ExecutionResult, GraphQLError

from resolvers.execution.documents import Document
from resolvers.execution.executor import AdmittedOperation, Executor
from resolvers.kit.context import ReadContext
from resolvers.kit.errors import INTERNAL, coded
from subscriptions.live.metrics import Histogram

log = structlog.get_logger()

SUCCESS = "OK"
UNKNOWN = "unknown"
"""The type of an operation whose document is malformed or does not have it."""


@dataclass(slots=True)
class OperationMetrics:
    """Counts of one process, whatever the transport. Types and codes are few."""

    operations: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By type, and the code of the first error or `SUCCESS`."""
    durations: dict[str, Histogram] = field(default_factory=dict)
    """By type, of executed queries and mutations."""
    slow_s: float = math.inf
    """A longer operation is logged."""

    async def execute(
        self, executor: Executor, operation: AdmittedOperation, context: ReadContext
    ) -> ExecutionResult:
        """Execute a query or a mutation; the errors have the form that a client may see."""
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
        self._count(kind, errors)
        return ExecutionResult(result.data, errors or None)

    def started(self) -> None:
        """A subscription was started."""
        self._count("subscription", ())

    def refused(self, document: Document, name: str | None, errors: Sequence[GraphQLError]) -> None:
        """An operation was not executed."""
        kinds = document.kinds or {}
        kind = kinds.get(name) if name is not None else next(iter(kinds.values()), None)
        self._count(UNKNOWN if kind is None else kind.value, errors)

    def _count(self, kind: str, errors: Sequence[GraphQLError]) -> None:
        code = str((errors[0].extensions or {}).get("code", INTERNAL)) if errors else SUCCESS
        self.operations[kind, code] += 1
