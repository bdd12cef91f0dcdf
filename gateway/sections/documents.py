"""Trusted documents: where the manifest of a client's GraphQL documents is, and what it decides."""

from pathlib import Path

from pydantic import Field

from domain.document_name import TrustMode
from gateway.sections.types import Count, Seconds, Section


class DocumentSettings(Section):
    """Trusted documents: where the manifest of a client's GraphQL documents is, and what it decides."""

    trusted_documents: TrustMode = Field(
        TrustMode.OFF,
        description="What the manifest decides: `off`: nothing, and it is not read; `log`: every document "
        "runs, and those that are not in the manifest are logged; `only`: no other document runs, not even "
        "introspection.",
    )
    trusted_documents_file: Path | None = Field(
        None,
        description="File with the manifest: texts by their SHA-256, as the client preset of GraphQL Code "
        "Generator, the Relay compiler or Apollo's tool writes it.",
    )
    trusted_documents_poll_s: Seconds = Field(
        5, description="Interval, in seconds, at which a process looks whether the manifest was changed."
    )
    trusted_documents_max_bytes: Count = Field(
        1_048_576,
        description="Maximum size of the manifest in bytes; its documents take up to fifty times as much "
        "memory.",
    )
    trusted_documents_max: Count = Field(1000, description="Maximum number of documents in the manifest.")
    trusted_documents_logged: Count = Field(
        1000,
        description="Maximum number of documents that a process logs because they are not in the manifest; "
        "further ones are only counted.",
    )
