"""Limits for the depth of fields in a document and for its number of aliases.

Each fragment is visited once, however often it is spread: fragments that spread each other twice have more
paths than can ever be walked, and fit into a few hundred characters.
"""

from collections.abc import Mapping
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValidationRule,
)

from resolvers.execution.limits import Limit


def max_depth(most: int) -> type[ValidationRule]:
    """No field lies more than `most` levels below the root fields; introspection is not counted."""

    class MaxDepth(ValidationRule):
        def enter_document(self, document: DocumentNode, *_: Any) -> None:
            """Runs for every operation."""
            depth = _Depth(fragments_of(document), most)
            for operation in _operations(document):
                depth.levels(operation.selection_set, 0)
            if depth.exceeded:
                self.report_error(Limit.DEPTH.exceeded(most))

    return MaxDepth


def max_aliases(most: int) -> type[ValidationRule]:
    """All operations have at most `most` aliases; those of a fragment count wherever it is spread."""

    class MaxAliases(ValidationRule):
        def enter_document(self, document: DocumentNode, *_: Any) -> None:
            """Runs for every operation."""
            aliases = _Aliases(fragments_of(document))
            number = sum(aliases.count(each.selection_set) for each in _operations(document))
            if number > most:
                self.report_error(Limit.ALIASES.exceeded(most, number))

    return MaxAliases


def fragments_of(document: DocumentNode) -> Mapping[str, FragmentDefinitionNode]:
    """The fragments by their names."""
    return {
        each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)
    }


def _operations(document: DocumentNode) -> list[OperationDefinitionNode]:
    return [each for each in document.definitions if isinstance(each, OperationDefinitionNode)]


class _Depth:
    """Fields that lie too deep are not followed further, so that no document exhausts the stack."""

    def __init__(self, fragments: Mapping[str, FragmentDefinitionNode], most: int) -> None:
        self.exceeded = False
        self._fragments = fragments
        self._most = most
        self._known: dict[str, int] = {}

    def levels(self, selections: SelectionSetNode | None, first: int) -> int:
        """The number of levels of fields, of which the first is the `first`."""
        if selections is None:
            return 0
        if first > self._most:
            self.exceeded = True
            return 0
        most = 0
        for each in selections.selections:
            if isinstance(each, FieldNode):
                inner = None if each.name.value.startswith("__") else each.selection_set
                below = 1 + self.levels(inner, first + 1)
            elif isinstance(each, FragmentSpreadNode):
                below = self._spread(each.name.value, first)
            else:
                assert isinstance(each, InlineFragmentNode)
                below = self.levels(each.selection_set, first)
            most = max(most, below)
        return most

    def _spread(self, name: str, first: int) -> int:
        if name not in self._known:
            # No aliases within a cycle or for a missing fragment: other rules refuse both.
            self._known[name] = 0
            fragment = self._fragments.get(name)
            self._known[name] = self.levels(fragment.selection_set if fragment else None, first)
        levels = self._known[name]
        self.exceeded |= first + levels > self._most + 1
        return levels


class _Aliases:
    def __init__(self, fragments: Mapping[str, FragmentDefinitionNode]) -> None:
        self._fragments = fragments
        self._known: dict[str, int] = {}

    def count(self, selections: SelectionSetNode | None) -> int:
        """The number of aliases of all fields in it."""
        number = 0
        for each in selections.selections if selections else ():
            if isinstance(each, FragmentSpreadNode):
                number += self._spread(each.name.value)
                continue
            assert isinstance(each, FieldNode | InlineFragmentNode)
            number += self.count(each.selection_set)
            if isinstance(each, FieldNode) and each.alias:
                number += 1
        return number

    def _spread(self, name: str) -> int:
        if name not in self._known:
            self._known[name] = 0
            fragment = self._fragments.get(name)
            self._known[name] = self.count(fragment.selection_set if fragment else None)
        return self._known[name]
