"""How a request names a GraphQL document that the desk knows, instead of sending its text."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Any

_SHA256 = re.compile(r"(?:sha256:)?([0-9a-f]{64})", re.IGNORECASE)
_APOLLO_VERSION = 1


class TrustMode(StrEnum):
    """What the manifest of trusted documents decides."""

    OFF = "off"
    LOG = "log"
    """Every document runs; one that is not in the manifest is logged."""
    ONLY = "only"
    """No other document runs."""


@dataclass(frozen=True, slots=True)
class DocumentName:
    """The document with this SHA-256; without one the name is unknown for certain."""

    sha256: str | None
    of_apollo: bool = False
    """Named as Apollo's persisted queries are; such a client sends the text after a certain error."""


def sha256_of(text: str) -> str:
    """The SHA-256 of a document, in hexadecimal digits."""
    return sha256(text.encode()).hexdigest()


def sha256_in(name: str) -> str | None:
    """The SHA-256 that a name is, in lower case and without `sha256:`; None if it is something else."""
    found = _SHA256.fullmatch(name)
    return None if found is None else found[1].lower()


def document_name(parameters: Mapping[str, Any]) -> DocumentName | None:
    """By `documentId` or `extensions.persistedQuery` of a request; raises ValueError with the reason."""
    extensions = parameters.get("extensions")
    persisted = extensions.get("persistedQuery") if isinstance(extensions, dict) else None
    by_id, by_hash = _by_id(parameters.get("documentId")), _by_hash(persisted)
    if by_id is not None and by_hash is not None and by_id.sha256 != by_hash.sha256:
        raise ValueError("documentId and extensions.persistedQuery must name the same document")
    return by_id or by_hash


def _by_id(name: object) -> DocumentName | None:
    if name is None:
        return None
    if not isinstance(name, str):
        raise ValueError("documentId must be a string")
    return DocumentName(sha256_in(name))


def _by_hash(persisted: object) -> DocumentName | None:
    if persisted is None:
        return None
    if not isinstance(persisted, dict) or persisted.get("version") != _APOLLO_VERSION:
        raise ValueError(f"extensions.persistedQuery must have the version {_APOLLO_VERSION}")
    name = persisted.get("sha256Hash")
    if not isinstance(name, str):
        raise ValueError("extensions.persistedQuery.sha256Hash must be a string")
    return DocumentName(sha256_in(name), of_apollo=True)
