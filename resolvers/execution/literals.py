"""Limits for numbers and names in a document, checked before any type reads them.

Python refuses to read a number of thousands of digits, and an Int of GraphQL would pass that on as a fault of
the desk. A name in the response stands in it as often as its field has rows: a name of 90 kB made an answer
of hundreds of megabytes.
"""

import re

from graphql import DocumentNode, FloatValueNode, GraphQLError, IntValueNode, NameNode, Node, Visitor, visit

from resolvers.execution.limits import NAME_CHARACTERS_MAX, NUMBER_CHARACTERS_MAX, Limit

_LONG = re.compile(rf"[0-9A-Za-z_]{{{min(NUMBER_CHARACTERS_MAX, NAME_CHARACTERS_MAX)}}}")


def literal_errors(document: DocumentNode) -> list[GraphQLError]:
    """The errors of the document; empty: it may be validated."""
    assert document.loc is not None, "documents are parsed with their places"
    if _LONG.search(document.loc.source.body) is None:
        return []
    literals = _Literals()
    visit(document, literals)
    return literals.errors


class _Literals(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.errors: list[GraphQLError] = []

    def enter_int_value(self, node: IntValueNode, *_: object) -> None:
        self._check(Limit.NUMBER, node, node.value, NUMBER_CHARACTERS_MAX)

    def enter_float_value(self, node: FloatValueNode, *_: object) -> None:
        self._check(Limit.NUMBER, node, node.value, NUMBER_CHARACTERS_MAX)

    def enter_name(self, node: NameNode, *_: object) -> None:
        self._check(Limit.NAME, node, node.value, NAME_CHARACTERS_MAX)

    def _check(self, limit: Limit, node: Node, text: str, most: int) -> None:
        if len(text) > most and not self.errors:
            self.errors.append(limit.exceeded(most, len(text), at=node))
