"""The cost limit of an operation, computed from its text before anything is loaded.

The cost is the largest number of fields that the answer can have: a field counts once, or as often as its
page has rows (`first` or `last`, as sent or by default). A list without pages counts as a few rows. So the
most expensive accepted operation keeps the process busy for a second or two, not for minutes.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import graphql

from resolvers.kit.arguments import rows_by_default

ROWS_OF_A_LIST = 5
"""The number of rows assumed for a list without pages, such as the accounts of a client."""
RESULTS_OF_A_BATCH = 200
"""The number of rows assumed for the results of a mutation."""


PAGE_SIZES = ("first", "last")


def page_size(value: object, max_rows: int) -> int | None:
    """The rows of a page by what was sent as their number, of which a page over `max_rows` is refused later.

    None: nothing that GraphQL reads as a whole number. It reads the 100.0 of JSON as 100.
    """
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        return max(1, min(int(value), max_rows))
    return None


def page_size_variables(document: graphql.DocumentNode) -> tuple[str, ...]:
    """The variables that decide what a document costs, each once."""
    roots = (getattr(each, "selection_set", None) for each in document.definitions)
    return tuple(dict.fromkeys(name for each in roots for name in _page_size_variables(each)))


def _page_size_variables(selections: graphql.SelectionSetNode | None) -> Iterator[str]:
    for selection in selections.selections if selections else ():
        for argument in getattr(selection, "arguments", None) or ():
            if argument.name.value in PAGE_SIZES and isinstance(argument.value, graphql.VariableNode):
                yield argument.value.name.value
        yield from _page_size_variables(getattr(selection, "selection_set", None))


def cost_of(
    schema: graphql.GraphQLSchema, document: graphql.DocumentNode, variables: Mapping[str, Any], max_rows: int
) -> int:
    """The cost of the most expensive operation of a document, which must be valid: only then has everything a
    type, and no fragment spreads itself. A page over `max_rows` is refused later.
    """
    operations = [node for node in document.definitions if isinstance(node, graphql.OperationDefinitionNode)]
    return max(_Reckoner(schema, document, each, variables, max_rows).total() for each in operations)


class _Reckoner:
    def __init__(
        self,
        schema: graphql.GraphQLSchema,
        document: graphql.DocumentNode,
        operation: graphql.OperationDefinitionNode,
        variables: Mapping[str, Any],
        max_rows: int,
    ) -> None:
        self._schema = schema
        self._operation = operation
        self._variables = variables
        self._max_rows = max_rows
        self._defaults = {
            each.variable.name.value: each.default_value for each in operation.variable_definitions or ()
        }
        self._fragments = {
            each.name.value: each
            for each in document.definitions
            if isinstance(each, graphql.FragmentDefinitionNode)
        }
        self._known: dict[str, int] = {}

    def total(self) -> int:
        """The cost of the operation."""
        return self._selected(
            self._schema.get_root_type(self._operation.operation), self._operation.selection_set
        )

    def _selected(self, parent: Any, selections: graphql.SelectionSetNode | None) -> int:
        return sum(self._one(parent, each) for each in (selections.selections if selections else ()))

    def _one(self, parent: Any, selection: object) -> int:
        match selection:
            case graphql.FieldNode():
                return self._field(parent, selection)
            case graphql.InlineFragmentNode(type_condition=condition):
                inner = self._schema.get_type(condition.name.value) if condition else parent
                return self._selected(inner, selection.selection_set)
        assert isinstance(selection, graphql.FragmentSpreadNode)
        name = selection.name.value
        if name not in self._known:
            fragment = self._fragments[name]
            inner = self._schema.get_type(fragment.type_condition.name.value)
            self._known[name] = self._selected(inner, fragment.selection_set)
        return self._known[name]

    def _field(self, parent: Any, node: graphql.FieldNode) -> int:
        if node.name.value.startswith("__"):
            return 1
        field: graphql.GraphQLField = parent.fields[node.name.value]
        inner = self._selected(graphql.get_named_type(field.type), node.selection_set)
        return 1 + self._rows(parent.name, field, node) * inner

    def _rows(self, parent: str, field: graphql.GraphQLField, node: graphql.FieldNode) -> int:
        if (rows := rows_by_default(field)) is not None:
            given = {each.name.value: each.value for each in node.arguments or ()}
            sizes = [self._size(given[name]) for name in PAGE_SIZES if name in given]
            return max((size for size in sizes if size is not None), default=min(rows, self._max_rows))
        # The rows of a connection were counted with its `first`.
        if not graphql.is_list_type(graphql.get_nullable_type(field.type)) or parent.endswith("Connection"):
            return 1
        return RESULTS_OF_A_BATCH if node.name.value == "results" else ROWS_OF_A_LIST

    def _size(self, given: object) -> int | None:
        """A page size; anything that is no number is refused later, when variables are read."""
        if isinstance(given, graphql.VariableNode):
            name = given.name.value
            given = self._variables[name] if name in self._variables else self._defaults.get(name)
        number = int(given.value) if isinstance(given, graphql.IntValueNode) else given
        return page_size(number, self._max_rows)
