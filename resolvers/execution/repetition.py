"""Limits for the repetition of fields in a document, checked before the validation rules run.

The rule on overlapping fields compares every pair of fields that have the same name in the response: 240
equal fields, which fit into 4 kB, are 28,680 pairs and keep the process busy for half a second. So equal
fields are counted first, in one walk over the document with its fragments put in place, as the rule sees it.
The walk takes at most `FIELDS_MAX` steps and ends at the first count that is too high.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    NoFragmentCyclesRule,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    validate,
)

from resolvers.execution.limits import FIELDS_MAX, ONCE_PER_OPERATION, OVER_THE_BOOK, DocumentLimits, Limit
from resolvers.execution.literals import literal_errors
from resolvers.execution.nesting import fragments_of


def errors_before_validation(
    schema: GraphQLSchema, document: DocumentNode, limits: DocumentLimits
) -> list[GraphQLError]:
    """The errors of the document; empty: it may be validated."""
    return literal_errors(document) or _repetition_errors(schema, document, limits)


def _repetition_errors(
    schema: GraphQLSchema, document: DocumentNode, limits: DocumentLimits
) -> list[GraphQLError]:
    if (number := _spreads_in(document)) > limits.spreads:
        return [Limit.SPREADS.exceeded(limits.spreads, number)]
    try:
        Walk(fragments_of(document), limits).document(document)
    except FieldsExhausted:
        # For fragments that spread themselves the cycle is the better reason.
        return validate(schema, document, [NoFragmentCyclesRule]) or [Limit.FIELDS.exceeded(FIELDS_MAX)]
    except Repeated as repeated:
        return [repeated.error]
    return []


def _spreads_in(document: DocumentNode) -> int:
    """How often the document spreads a fragment; the rule on overlapping fields compares each pair."""
    number, waiting = 0, list[SelectionSetNode]()
    for each in document.definitions:
        if isinstance(each, OperationDefinitionNode | FragmentDefinitionNode):
            waiting.append(each.selection_set)
    while waiting:
        for selection in waiting.pop().selections:
            if isinstance(selection, FragmentSpreadNode):
                number += 1
            elif (inner := selection.selection_set) is not None:  # type: ignore[attr-defined]
                waiting.append(inner)
    return number


def over_the_whole_book(
    operation: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]
) -> int:
    """The number of root fields of a valid operation that compute over the whole book."""
    waiting: list[SelectionNode] = list(operation.selection_set.selections)
    names: list[str] = []
    spread: set[str] = set()
    while waiting:
        each = waiting.pop()
        if isinstance(each, FieldNode):
            names.append(each.name.value)
        elif not isinstance(each, FragmentSpreadNode):
            waiting.extend(each.selection_set.selections)  # type: ignore[attr-defined]
        elif (name := each.name.value) not in spread:
            # Once, as it counts in one object: fragments that spread others twice would double each time.
            spread.add(name)
            waiting.extend(fragments[name].selection_set.selections)
    return sum(name in OVER_THE_BOOK for name in names)


class FieldsExhausted(Exception):
    """The walk reached its largest number of steps."""


class Repeated(Exception):
    """A limit is exceeded; the error names it."""

    def __init__(self, error: GraphQLError) -> None:
        super().__init__(error.message)
        self.error = error


class Walk:
    """Walks over the objects of the response, each with all the fields that will be merged into it."""

    def __init__(self, fragments: Mapping[str, FragmentDefinitionNode], limits: DocumentLimits) -> None:
        self._fragments = fragments
        self._limits = limits
        self.steps = 0
        """The number of selections that were visited."""
        self._spread: set[str] = set()

    def document(self, document: DocumentNode) -> None:
        """Every operation, and the fragments that no operation spreads, because these are validated as well.
        Raises `FieldsExhausted` or `Repeated`.
        """
        for each in document.definitions:
            if isinstance(each, OperationDefinitionNode):
                self._check_root(each)
                self._object([each.selection_set])
        for name, fragment in self._fragments.items():
            if name not in self._spread:
                self._object([fragment.selection_set])

    def _check_root(self, operation: OperationDefinitionNode) -> None:
        most = self._limits.root_fields
        names = [
            each.name.value for same in self._merged([operation.selection_set]).values() for each in same
        ]
        if len(names) > most:
            raise Repeated(Limit.ROOT_FIELDS.exceeded(most, len(names)))
        for name in sorted(ONCE_PER_OPERATION):
            if (number := names.count(name)) > 1:
                raise Repeated(Limit.ONCE.exceeded(1, number, name))

    def _object(self, root: Sequence[SelectionSetNode]) -> None:
        """An object of the response and everything below it, without recursion because a document may nest
        deeply.
        """
        waiting, most = [root], self._limits.equal_fields
        while waiting:
            for name, same in self._merged(waiting.pop()).items():
                if len(same) > most:
                    raise Repeated(Limit.EQUAL_FIELDS.exceeded(most, len(same), name))
                inner = [each.selection_set for each in same if each.selection_set is not None]
                if inner:
                    waiting.append(inner)

    def _merged(self, selection_sets: Sequence[SelectionSetNode]) -> Mapping[str, Sequence[FieldNode]]:
        """The fields of one object by their names in the response. A fragment counts once for each object."""
        fields: dict[str, list[FieldNode]] = defaultdict(list)
        spread: set[str] = set()
        waiting: list[SelectionNode] = [each for one in selection_sets for each in one.selections]
        while waiting:
            self.steps += 1
            if self.steps > FIELDS_MAX:
                raise FieldsExhausted
            selection = waiting.pop()
            if isinstance(selection, FieldNode):
                fields[(selection.alias or selection.name).value].append(selection)
            else:
                waiting.extend(self._inside(selection, spread))
        self._spread |= spread
        return fields

    def _inside(self, selection: SelectionNode, spread: set[str]) -> Sequence[SelectionNode]:
        """The selections of a fragment; none if it stands in this object already, or is missing."""
        if not isinstance(selection, FragmentSpreadNode):
            return selection.selection_set.selections  # type: ignore[attr-defined, no-any-return]
        name = selection.name.value
        if name in spread or name not in self._fragments:
            return ()
        spread.add(name)
        return self._fragments[name].selection_set.selections
