"""The manifest of trusted documents: texts by their SHA-256, in the forms that tools for clients write.

A JSON object from hash to text is what the client preset of GraphQL Code Generator and the Relay compiler
write; Apollo's tool writes an object with `format`. No hash is called `format`, which distinguishes the two.
"""

from collections.abc import Iterator

import orjson

from domain.document_name import sha256_in, sha256_of
from domain.json_fields import read_json

APOLLO_FORMAT = "apollo-persisted-query-manifest"
_SHOWN_CHARACTERS = 60


class ManifestFault(ValueError):
    """The manifest cannot be used; the message names the document."""


def parse_manifest(data: bytes, documents_max: int) -> dict[str, str]:
    """The texts by their hashes; raises ManifestFault."""
    try:
        manifest = read_json(data, orjson.loads)
    except ValueError as fault:
        raise ManifestFault(f"it is {fault}") from None
    if not isinstance(manifest, dict):
        raise ManifestFault("it must be a JSON object")
    entries = list(_of_apollo(manifest) if "format" in manifest else manifest.items())
    if not 0 < len(entries) <= documents_max:
        raise ManifestFault(f"it must have from 1 to {documents_max} documents, not {len(entries)}")
    return dict(_checked(name, text) for name, text in entries)


def shown(text: str) -> str:
    """The beginning of a document, for a message."""
    beginning = " ".join(text.split())
    return repr(beginning if len(beginning) <= _SHOWN_CHARACTERS else f"{beginning[:_SHOWN_CHARACTERS]}...")


def _of_apollo(manifest: dict[str, object]) -> Iterator[tuple[object, object]]:
    operations = manifest.get("operations")
    if (manifest["format"], manifest.get("version")) != (APOLLO_FORMAT, 1) or not isinstance(
        operations, list
    ):
        raise ManifestFault(f"with a format it must be {APOLLO_FORMAT}, version 1, and have operations")
    for operation in operations:
        if not isinstance(operation, dict):
            raise ManifestFault("each of its operations must be an object")
        yield operation.get("id"), operation.get("body")


def _checked(name: object, text: object) -> tuple[str, str]:
    if not isinstance(name, str) or not isinstance(text, str):
        raise ManifestFault(f"it must map hashes to texts, which {str(name)[:_SHOWN_CHARACTERS]!r} does not")
    named = sha256_in(name)
    if named is None:
        raise ManifestFault(
            f"the document {shown(text)} is named {name[:_SHOWN_CHARACTERS]!r}, which is not a SHA-256 of 64 "
            "hexadecimal digits: choose sha256 in the tool that writes it"
        )
    actual = sha256_of(text)
    if named != actual:
        raise ManifestFault(f"the document {shown(text)} is named {named}, but its SHA-256 is {actual}")
    return named, text
