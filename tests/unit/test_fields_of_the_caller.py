"""Whether an operation selects a field, wherever it stands."""

import pytest
from graphql import get_operation_ast, parse

from resolvers.execution.documents import Document
from resolvers.live_feed.control_fields import selects_anywhere


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("subscription s { approvalEvents { request { mayDecide } } }", True),
        ("subscription s { approvalEvents { request { may: mayDecide } } }", True),
        (
            "subscription s { approvalEvents { ... { request { ... on ApprovalRequest { mayDecide } } } } }",
            True,
        ),
        ("subscription s { ...a } fragment a on S { ...b } fragment b on S { x { mayDecide } }", True),
        ("subscription s { ...a ...b } fragment a on S { ...b } fragment b on S { x }", False),
        ("subscription s { approvalEvents { request { mayDecide: id } } }", False),
        ('subscription s { approvalEvents(after: "mayDecide") { id } }', False),
        ("query q { x { mayDecide } } subscription s { approvalEvents { id } }", False),
        ("query q { ...a } subscription s { y } fragment a on S { mayDecide }", False),
    ],
)
def test_a_field_is_found_by_its_own_name_in_the_operation_and_its_fragments(
    text: str, expected: bool
) -> None:
    document = Document(text, parse(text), ())
    operation = get_operation_ast(parse(text), "s")
    assert operation is not None
    assert selects_anywhere(document, operation, "mayDecide") is expected
