"""Trusted documents: those of a manifest, which a request may name, and beside which none may have to run.

They are parsed and validated before any request names them, and stay in memory. The limits of an operation
are the same as for any other document.
"""

from collections import Counter
from collections.abc import Mapping

import structlog

from domain.document_name import DocumentName, TrustMode, sha256_of
from resolvers.execution.documents import Document
from resolvers.kit.errors import (
    DOCUMENT_HASH_WRONG,
    DOCUMENT_NOT_TRUSTED,
    DOCUMENT_UNKNOWN,
    PERSISTED_QUERY_NOT_FOUND,
    PERSISTED_QUERY_NOT_SUPPORTED,
    ApiError,
)

log = structlog.get_logger()

NAME_CHARACTERS_MAX = 100


class TrustedDocuments:
    """One per process; `replace` exchanges all of them at once."""

    def __init__(self, mode: TrustMode = TrustMode.OFF, logged_max: int = 0) -> None:
        """At most `logged_max` documents that are not trusted are logged, each once."""
        self._mode = mode
        self._logged_max = logged_max
        self._logged: set[str] = set()
        self._by_hash: Mapping[str, Document] = {}
        self._by_text: Mapping[str, Document] = {}
        self.requests: Counter[str] = Counter()
        """Requests by what they asked for: a `trusted` document, an `untrusted` text or an `unknown` name."""
        self.operation_names: frozenset[str | None] = frozenset()
        """The names of the operations of the manifest, which its owner chose."""

    def __len__(self) -> int:
        return len(self._by_hash)

    def __contains__(self, text: str) -> bool:
        return text in self._by_text

    def get(self, sha256: str) -> Document | None:
        """The document of the manifest with this hash."""
        return self._by_hash.get(sha256)

    def replace(self, documents: Mapping[str, Document]) -> None:
        """Trust these documents, by their hashes, and no others; what runs already goes on."""
        self._by_hash = documents
        self._by_text = {each.text: each for each in documents.values()}
        self.operation_names = frozenset(name for each in documents.values() for name in each.kinds or ())

    def find(self, text: str, name: DocumentName | None) -> Document | None:
        """The document that a request names or sends, or one with the error that refuses it.

        None: the text is not in the manifest, and may run like any other.
        """
        if name is not None and not text:
            return self._named(name)
        if name is not None and name.sha256 != sha256_of(text):
            return _refused(
                DOCUMENT_HASH_WRONG, "The document's text has another SHA-256 than the request says."
            )
        if self._mode is TrustMode.OFF:
            return None
        known = self._by_text.get(text)
        self.requests["untrusted" if known is None else "trusted"] += 1
        if known is not None or self._mode is TrustMode.LOG:
            return known
        message = (
            f"This desk executes the documents of its manifest alone, and none has the SHA-256 "
            f"{sha256_of(text)}."
        )
        return _refused(DOCUMENT_NOT_TRUSTED, message)

    def note_untrusted(self, document: Document) -> None:
        """A document that is not in the manifest is about to run."""
        if self._mode is TrustMode.OFF or document.digest in self._logged:
            return
        if len(self._logged) < self._logged_max:
            self._logged.add(document.digest)
            names = [(name or "")[:NAME_CHARACTERS_MAX] for name in document.kinds or ()]
            log.info("a document is not in the manifest", document=document.digest, operations=names)

    def _named(self, name: DocumentName) -> Document:
        known = None if name.sha256 is None else self._by_hash.get(name.sha256)
        if self._mode is not TrustMode.OFF:
            self.requests["unknown" if known is None else "trusted"] += 1
        if known is not None:
            return known
        if not name.of_apollo:
            return _refused(
                DOCUMENT_UNKNOWN, "The manifest of this desk has no document with this documentId."
            )
        # Clients compare these messages too: after either they send the text.
        if self._mode is TrustMode.OFF:
            return _refused(PERSISTED_QUERY_NOT_SUPPORTED, "PersistedQueryNotSupported")
        return _refused(PERSISTED_QUERY_NOT_FOUND, "PersistedQueryNotFound")


def _refused(code: str, message: str) -> Document:
    return Document("", None, (ApiError(code, message),))
