"""The fields of the schema that are personal data, and those that a document asks for.

They are masked for callers who may not see them; reads by `LOGGED_READERS` are recorded.
"""

from collections.abc import Mapping
from typing import Any

from graphql import DocumentNode, FieldNode, GraphQLSchema, TypeInfo, TypeInfoVisitor, Visitor, visit

PERSONAL: Mapping[str, frozenset[str]] = {
    "Client": frozenset({"name"}),
    "ClientContact": frozenset({"email", "phone", "pushId"}),
    "Message": frozenset({"title", "body", "recipient", "earlierBodies"}),
    "PreviewedMessage": frozenset({"title", "body", "recipient"}),
}
"""The fields with personal data, by type."""


def personal_fields(schema: GraphQLSchema, document: DocumentNode) -> list[str]:
    """The fields of a validated document, as `Type.field`, sorted."""
    types = TypeInfo(schema)
    collector = _PersonalFields(types)
    visit(document, TypeInfoVisitor(types, collector))
    return sorted(collector.names)


class _PersonalFields(Visitor):
    def __init__(self, types: TypeInfo) -> None:
        super().__init__()
        self._types = types
        self.names: set[str] = set()

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        """Looks at object types only; no interface has a personal field."""
        parent = self._types.get_parent_type()
        if parent is not None and node.name.value in PERSONAL.get(parent.name, ()):
            self.names.add(f"{parent.name}.{node.name.value}")
