"""The executor of the specification, which builds what it can by compiled selections."""

from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, cast

from graphql import (
    DirectiveNode,
    DocumentNode,
    GraphQLEnumType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    GraphQLScalarType,
    OperationType,
    VariableNode,
    Visitor,
    visit,
)
from graphql.execution.collect_fields import FieldDetails, collect_fields
from graphql.pyutils import AwaitableOrValue, Path

from resolvers.execution.compiled import CannotCompile, Compiler, Complete, CoreExecutor, Gaps
from resolvers.execution.leaves import NotPlain
from resolvers.execution.roots import Outcome, RootField, Roots, outcome_at, root_fields
from resolvers.execution.row_selection import RowSelection, RowsInResponse, rows_of
from resolvers.kit.in_response import InResponse, ObjectsInResponse
from resolvers.kit.pagination import Connection
from resolvers.kit.row_fields import RowFields

Projection = Callable[[Any], dict[str, Any]]

SELECTIONS_MAX = 32
"""Compiled selections of one document. There is one for each combination of the variables of its directives;
beyond this number the executor works alone.
"""


@dataclass(frozen=True, slots=True)
class CompiledSelection:
    """The function for values of one type. `is_plain`: it calls no resolvers."""

    complete: Complete
    is_plain: bool
    projections: dict[str, Projection] = field(default_factory=dict)

    def projection(self, key: str) -> Projection | None:
        """The data with this value under the key; the same function for all who ask."""
        if not self.is_plain:
            return None
        if key not in self.projections:
            complete, no_gaps = self.complete, Gaps()

            def project(event: Any) -> dict[str, Any]:
                try:
                    return {key: complete(event, no_gaps)}
                except Exception as error:
                    raise NotPlain from error

            self.projections[key] = project
        return self.projections[key]


class CompiledSelections:
    """The compiled selections of one document, as they are asked for. None: it cannot be compiled."""

    def __init__(self, document: DocumentNode) -> None:
        self._variables = _variables_of_directives(document)
        self._known: dict[Hashable, CompiledSelection | None] = {}
        self._rows: dict[Hashable, RowSelection | None] = {}

    def __len__(self) -> int:
        return len(self._known) + len(self._rows)

    def get(
        self, executor: CoreExecutor, type_: GraphQLOutputType, selected: list[FieldDetails]
    ) -> CompiledSelection | None:
        """The selection of these nodes from values of the type."""
        given = executor.variable_values.coerced
        key = (
            id(type_),
            *(id(each.node) for each in selected),
            *(given.get(name) for name in self._variables),
        )
        try:
            return self._known[key]
        except KeyError:
            if len(self._known) >= SELECTIONS_MAX:
                return None
        compiler, selection = Compiler(executor), None
        with suppress(CannotCompile):
            complete = compiler.completer(type_, selected)
            selection = CompiledSelection(complete, not compiler.resolved)
        self._known[key] = selection
        return selection

    def rows(
        self, executor: CoreExecutor, info: GraphQLResolveInfo[Any], fields: RowFields
    ) -> RowsInResponse | None:
        """How rows become the value of this field: the object, its items, or the nodes of the connection."""
        nodes, given = info.field_nodes, executor.variable_values.coerced
        key = (id(info.return_type), *map(id, nodes), *(given.get(name) for name in self._variables))
        try:
            selection = self._rows[key]
        except KeyError:
            if len(self._rows) >= SELECTIONS_MAX:
                return None
            selection = None
            with suppress(CannotCompile):
                selected = [FieldDetails(node, None) for node in nodes]
                selection = rows_of(Compiler(executor), info.return_type, selected, fields)
            self._rows[key] = selection
        return None if selection is None else RowsInResponse(selection, executor)


class CompilingExecutor(CoreExecutor):
    """Builds the value of a field by its compiled selection; field by field if that is not possible."""

    def __init__(self, *arguments: Any, selections: CompiledSelections, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.selections = selections
        self._outcomes: dict[str, Outcome] = {}
        """Of root fields that were resolved already, in this execution."""

    @cached_property
    def _roots(self) -> Sequence[RootField] | None:
        """Those of a query; None: the executor of the specification has to resolve them."""
        type_ = self.schema.query_type
        if type_ is None or self.operation.operation is not OperationType.QUERY:
            return None
        try:
            return root_fields(self, type_)
        except CannotCompile:
            return None

    def run(self, context: Any, root: Any) -> AwaitableOrValue[Any]:
        """Execute once; the variables stay as they were coerced."""
        roots = self._roots
        executor = cast(CompilingExecutor, self.build_per_event_executor(root))
        assert executor._roots is roots, "compiled once"
        executor.context_value = context
        context.rows = partial(self.selections.rows, executor)
        return executor.execute_operation()

    def execute_operation(self, serially: bool | None = None) -> AwaitableOrValue[Any]:
        """The same result. What fails is executed as the specification says, with the values that resolvers
        have returned.
        """
        roots = self._roots
        if roots is None:
            return super().execute_operation(serially)
        self._outcomes = {}
        return self._from_roots(Roots(self, roots, self._outcomes), serially)

    async def _from_roots(self, roots: Roots, serially: bool | None) -> Any:
        result = await roots.executed()
        if result is not None:
            return result
        executed = super().execute_operation(serially)
        return await executed if self.is_awaitable(executed) else executed

    def execute_field(
        self,
        parent_type: GraphQLObjectType,
        source: Any,
        field_details_list: list[FieldDetails],
        path: Path,
        position_context: Any,
    ) -> AwaitableOrValue[Any]:
        """The value of a field, or of a root field what its resolver has returned or raised."""
        outcome = outcome_at(self._outcomes, path)
        if outcome is None:
            return super().execute_field(parent_type, source, field_details_list, path, position_context)
        nodes = [each.node for each in field_details_list]
        field_ = parent_type.fields[nodes[0].name.value]
        info = self.build_resolve_info(field_, nodes, parent_type, path)
        return self.complete_awaitable_value(
            field_.type, field_details_list, info, path, outcome.again(), position_context
        )

    def complete_value(
        self,
        return_type: GraphQLOutputType,
        field_details_list: list[FieldDetails],
        info: GraphQLResolveInfo[Any],
        path: Path,
        result: Any,
        position_context: Any,
    ) -> AwaitableOrValue[Any]:
        """The same result, or the same errors."""
        complete = partial(
            self._complete, return_type, field_details_list, info, path, result, position_context
        )
        if isinstance(result, Connection) and self.context_value.pace.is_over:
            # Several pages of one request may become ready together.
            return self._in_turn(complete)
        return complete()

    async def _in_turn(self, complete: Callable[[], AwaitableOrValue[Any]]) -> Any:
        await self.context_value.pace.turn()
        value = complete()
        return await value if self.is_awaitable(value) else value

    def _complete(
        self,
        return_type: GraphQLOutputType,
        field_details_list: list[FieldDetails],
        info: GraphQLResolveInfo[Any],
        path: Path,
        result: Any,
        position_context: Any,
    ) -> AwaitableOrValue[Any]:
        def as_specified() -> AwaitableOrValue[Any]:
            return super(CompilingExecutor, self).complete_value(
                return_type, field_details_list, info, path, result, position_context
            )

        if isinstance(result, InResponse | ObjectsInResponse):
            return result
        is_leaf = isinstance(return_type, GraphQLNonNull | GraphQLScalarType | GraphQLEnumType)
        has_failed = outcome_at(self._outcomes, path) is not None
        selection = (
            None
            if result is None or is_leaf or has_failed
            else self.selections.get(self, return_type, field_details_list)
        )
        if selection is None:
            return as_specified()
        gaps = Gaps()
        try:
            completed = selection.complete(result, gaps)
        except Exception:
            return as_specified()
        if not gaps:
            return completed

        async def filled() -> Any:
            try:
                await gaps.fill(self)
            except Exception:
                value = as_specified()
                return await value if self.is_awaitable(value) else value
            return completed

        return filled()


def projection(executor: CompilingExecutor) -> Projection | None:
    """The data of a subscription as a function of its event. None: it has to be executed. The function raises
    NotPlain for an event whose data has an error.
    """
    schema, selections = executor.schema, executor.selections
    root = schema.subscription_type
    assert root is not None, "an operation of the schema"
    fields = collect_fields(
        schema, executor.fragments, executor.variable_values, root, executor.operation
    ).grouped_field_set
    if len(fields) != 1:
        return None
    ((key, selected),) = fields.items()
    selection = selections.get(executor, root.fields[selected[0].node.name.value].type, selected)
    return None if selection is None else selection.projection(key)


def _variables_of_directives(document: DocumentNode) -> tuple[str, ...]:
    found: dict[str, None] = {}

    class Conditions(Visitor):
        def enter_directive(self, node: DirectiveNode, *_: Any) -> None:
            for argument in node.arguments or ():
                if isinstance(argument.value, VariableNode):
                    found[argument.value.name.value] = None

    visit(document, Conditions())
    return tuple(found)
