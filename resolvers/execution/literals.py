"""Numbers that stand in a document: one of thousands of digits is refused before any type reads it.

Python refuses to read such a number, and an Int of GraphQL would pass that on as a fault of the desk.
"""

import re

from graphql import DocumentNode, FloatValueNode, GraphQLError, IntValueNode, Node, Visitor, visit

from resolvers.kit.errors import INVALID_DOCUMENT

NUMBER_CHARACTERS_MAX = 100
_MANY_DIGITS = re.compile(rf"\d{{{NUMBER_CHARACTERS_MAX}}}")


def number_errors(document: DocumentNode) -> list[GraphQLError]:
    """Why the document is refused; empty: it may be validated."""
    assert document.loc is not None, "documents are parsed with their places"
    if _MANY_DIGITS.search(document.loc.source.body) is None:
        return []
    numbers = _Numbers()
    visit(document, numbers)
    return numbers.errors


class _Numbers(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.errors: list[GraphQLError] = []

    def enter_int_value(self, node: IntValueNode, *_: object) -> None:
        self._check(node, node.value)

    def enter_float_value(self, node: FloatValueNode, *_: object) -> None:
        self._check(node, node.value)

    def _check(self, node: Node, number: str) -> None:
        if len(number) <= NUMBER_CHARACTERS_MAX or self.errors:
            return
        reason = f"A number has {len(number)} characters, more than {NUMBER_CHARACTERS_MAX}."
        self.errors.append(GraphQLError(reason, node, extensions={"code": INVALID_DOCUMENT}))
