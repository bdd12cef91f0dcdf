"""The manifest of trusted documents: the forms that are read, and what is refused with its reason."""

from hashlib import sha256
from typing import Any

import orjson
import pytest

from resolvers.execution.manifest import APOLLO_FORMAT, ManifestFault, parse_manifest

DOCUMENTS_MAX = 3
WHO, CASES = "query Who { viewer { subject } }", "{ cases { nodes { id } } }"


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def apollo(*operations: Any, **fields: Any) -> dict[str, Any]:
    return {"format": APOLLO_FORMAT, "version": 1, "operations": operations} | fields


ENTRY = {"id": digest(WHO), "name": "Who", "type": "query", "body": WHO}


@pytest.mark.parametrize(
    "manifest",
    [
        {digest(WHO): WHO, digest(CASES): CASES},
        {f"sha256:{digest(WHO)}": WHO, digest(CASES).upper(): CASES},
        apollo(ENTRY, {"id": digest(CASES), "body": CASES}),
    ],
)
def test_the_forms_that_tools_write_are_read(manifest: Any) -> None:
    documents = parse_manifest(orjson.dumps(manifest), DOCUMENTS_MAX)
    assert documents == {digest(WHO): WHO, digest(CASES): CASES}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not JSON"),
        (b"[]", "must be a JSON object"),
        (b"{}", "from 1 to 3 documents, not 0"),
        (orjson.dumps({digest(str(n)): str(n) for n in range(4)}), "from 1 to 3 documents, not 4"),
        (f'{{"{digest(WHO)}": "", "{digest(WHO)}": ""}}'.encode(), "twice"),
        (orjson.dumps({digest(CASES): WHO}), "'query Who { viewer { subject } }' is named"),
        (orjson.dumps({"5f1d" * 10: WHO}), "'query Who { viewer { subject } }' is named '5f1d"),
        (orjson.dumps({digest(WHO): None}), digest(WHO)[:40]),
        (orjson.dumps(apollo(ENTRY, version=2)), "version 1"),
        (orjson.dumps(apollo(ENTRY, format="other")), APOLLO_FORMAT),
        (orjson.dumps(apollo() | {"operations": None}), "have operations"),
        (orjson.dumps(apollo("Who")), "must be an object"),
        (orjson.dumps(apollo(ENTRY | {"body": CASES})), "'{ cases { nodes { id } } }' is named"),
    ],
)
def test_a_manifest_with_a_fault_is_refused_with_the_reason(data: bytes, reason: str) -> None:
    with pytest.raises(ManifestFault, match=r"^[a-z]") as refused:
        parse_manifest(data, DOCUMENTS_MAX)
    assert reason in str(refused.value)
