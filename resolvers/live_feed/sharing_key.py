"""The key by which two subscriptions are the same: the document without white space, comments and start
position, and the variables that do more than state the start position.
"""

import sys
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import Any

import orjson
from graphql import (
    FieldNode,
    InlineFragmentNode,
    Node,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableDefinitionNode,
    VariableNode,
    print_ast,
)

from resolvers.execution.documents import Document
from resolvers.execution.executor import AdmittedOperation

CURSOR_ARGUMENTS = frozenset({"after", "snapshot"})


def root_field(document: Document, operation: OperationDefinitionNode) -> FieldNode:
    """The only field of a subscription; validation has checked that there is only one."""
    return next(_fields(document, operation.selection_set.selections))


def sharing_key(operation: AdmittedOperation) -> tuple[Hashable, ...]:
    """Equal for requests that select the same under the same filter."""
    document, node = operation.document, operation.node
    field = root_field(document, node)
    declared = {each.variable.name.value for each in node.variable_definitions or ()}
    counting = declared - _cursor_variables(document, field)
    rest = {name: value for name, value in operation.variables.items() if name in counting}
    return _normalised(document, node, field), operation.name, _canonical(rest)


def _fields(document: Document, selections: Iterable[Any]) -> Iterator[FieldNode]:
    for selection in selections:
        if isinstance(selection, FieldNode):
            yield selection
        elif isinstance(selection, InlineFragmentNode):
            yield from _fields(document, selection.selection_set.selections)
        else:
            fragment = document.fragment(selection.name.value)
            yield from _fields(document, fragment.selection_set.selections)


def _cursor_variables(document: Document, field: FieldNode) -> set[str]:
    """The variables that state the start position and nothing else. One that also filters or selects is used
    more often than in its definition and in the start arguments.
    """
    given = Counter(
        argument.value.name.value
        for argument in field.arguments or ()
        if argument.name.value in CURSOR_ARGUMENTS and isinstance(argument.value, VariableNode)
    )
    used = _uses(document.definitions)
    return {name for name, times in given.items() if used[name] == times}


def _uses(definitions: Iterable[Node]) -> Counter[str]:
    """The number of uses of each variable, anywhere."""
    uses: Counter[str] = Counter()
    waiting: list[Any] = list(definitions)
    while waiting:
        node = waiting.pop()
        if isinstance(node, VariableDefinitionNode):
            continue
        if isinstance(node, VariableNode):
            uses[node.name.value] += 1
        elif isinstance(node, Node):
            waiting += [getattr(node, key) for key in node.keys]
        elif isinstance(node, list | tuple):
            waiting += node
    return uses


def _normalised(document: Document, operation: OperationDefinitionNode, field: FieldNode) -> str:
    """The document's text without white space, comments and start position."""
    arguments = tuple(
        argument for argument in field.arguments or () if argument.name.value not in CURSOR_ARGUMENTS
    )
    if len(arguments) == len(field.arguments or ()) or field not in operation.selection_set.selections:
        return document.normalised
    root = FieldNode(
        alias=field.alias,
        name=field.name,
        arguments=arguments,
        directives=field.directives,
        selection_set=field.selection_set,
    )
    names = _cursor_variables(document, field)
    changed = OperationDefinitionNode(
        operation=operation.operation,
        name=operation.name,
        variable_definitions=tuple(
            each for each in operation.variable_definitions or () if each.variable.name.value not in names
        ),
        directives=operation.directives,
        selection_set=SelectionSetNode(
            selections=tuple(root if each is field else each for each in operation.selection_set.selections)
        ),
    )
    text = "\n".join(print_ast(changed if each is operation else each) for each in document.definitions)
    # Every subscriber keeps this text: one copy serves all of them while there is one.
    return sys.intern(text)


def _canonical(variables: Mapping[str, Any]) -> str:
    # The bytes that orjson returns keep their whole buffer of 4 KB; a copy does not.
    return orjson.dumps(variables, option=orjson.OPT_SORT_KEYS).decode()
