"""Which fields of the schema are personal data, and which of them a document asks for.

They are masked for who may not see them; see `LOGGED_READERS` for whose reading of them is kept.
"""

from collections.abc import Mapping
from typing import Any

from graphql import DocumentNode, FieldNode, GraphQLSchema, TypeInfo, TypeInfoVisitor, Visitor, visit

PERSONAL: Mapping[str, frozenset[str]] = {
    "Client": frozenset({"name"}),
    "ClientContact": frozenset({"email", "phone", "pushId"}),
    "Message": frozenset({"title", "body", "recipient", "earlierBodies"}),
}
"""By type."""


def personal_fields(schema: GraphQLSchema, document: DocumentNode) -> list[str]:
    """As `Type.field`, sorted; of a validated document."""
    types = TypeInfo(schema)
    found = _Found(types)
    visit(document, TypeInfoVisitor(types, found))
    return sorted(found.names)


class _Found(Visitor):
    def __init__(self, types: TypeInfo) -> None:
        super().__init__()
        self._types = types
        self.names: set[str] = set()

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        """Of an object type; an interface has no personal field."""
        parent = self._types.get_parent_type()
        if parent is not None and node.name.value in PERSONAL.get(parent.name, ()):
            self.names.add(f"{parent.name}.{node.name.value}")
