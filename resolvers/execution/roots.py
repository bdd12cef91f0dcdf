"""The root fields of a query, resolved without the executor of the specification as long as nothing fails.

Their arguments were converted once, when the operation was admitted. A failure is left to that executor: it
gets what each resolver has returned or raised, so that none is called twice.
"""

from asyncio import gather
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import ExecutionResult, GraphQLObjectType
from graphql.execution.collect_fields import collect_fields

from resolvers.execution.compiled import (
    CannotCompile,
    Complete,
    CoreExecutor,
    Gaps,
    ResolvedField,
    Selection,
    is_resolved,
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the resolver of a root field has returned, or the error that it has raised."""

    value: Any = None
    error: Exception | None = None

    async def again(self) -> Any:
        """Return or raise it."""
        if self.error is not None:
            raise self.error
        return self.value


@dataclass(frozen=True, slots=True)
class RootField:
    """One of them, and how its value becomes its place in the response."""

    key: str
    resolved: ResolvedField
    complete: Complete


def root_fields(executor: CoreExecutor, type_: GraphQLObjectType) -> Sequence[RootField]:
    """Of the operation of this executor; raises CannotCompile."""
    collected = collect_fields(
        executor.schema, executor.fragments, executor.variable_values, type_, executor.operation
    )
    return [_root_field(executor, type_, key, same) for key, same in collected.grouped_field_set.items()]


def _root_field(executor: Any, type_: GraphQLObjectType, key: str, same: list[Any]) -> RootField:
    field = type_.fields.get(same[0].node.name.value)
    definition = None if field is None else field.extensions.get("strawberry-definition")
    is_partial = any(each.defer_usage or each.fragment_variable_values for each in same)
    if definition is None or field is None or is_partial or not is_resolved(definition):
        raise CannotCompile
    selection = executor.selections.get(executor, field.type, same)
    if selection is None:
        raise CannotCompile
    chosen = Selection(type_, field, [each.node for each in same])
    resolved = ResolvedField(chosen, definition, key, selection.complete, is_root=True)
    return RootField(key, resolved, selection.complete)


@dataclass(frozen=True, slots=True)
class Roots:
    """The root fields in one execution."""

    executor: CoreExecutor
    fields: Sequence[RootField]
    outcomes: dict[str, Outcome]

    async def executed(self) -> ExecutionResult | None:
        """The result; None: something has failed. Then the outcomes are known."""
        data: dict[str, Any] = dict.fromkeys(field.key for field in self.fields)
        if len(self.fields) == 1:
            are_filled = [await self._fill(self.fields[0], data)]
        else:
            are_filled = await gather(*(self._fill(field, data) for field in self.fields))
        return ExecutionResult(data) if all(are_filled) else None

    async def _fill(self, field: RootField, data: dict[str, Any]) -> bool:
        executor = self.executor
        try:
            value = await field.resolved.value(executor, executor.root_value)
        except Exception as error:
            self.outcomes[field.key] = Outcome(error=error)
            return False
        self.outcomes[field.key] = Outcome(value)
        await executor.context_value.pace.turn()
        gaps = Gaps()
        try:
            data[field.key] = field.complete(value, gaps)
            if gaps:
                await gaps.fill(executor)
        except Exception:
            return False
        return True


def outcome_at(outcomes: Mapping[str, Outcome], path: Any) -> Outcome | None:
    """Of the root field at this path, if it was resolved already."""
    return outcomes.get(path.key) if path.prev is None else None
