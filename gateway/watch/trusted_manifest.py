"""The manifest of trusted documents, as this process knows it; it is read again when its file changes.

So a deployment adds the documents of the next front end without a restart, which would cut every socket. A
changed manifest with a fault is not used at all: the last one stays, and the fault is reported.
"""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import structlog

from domain.document_name import TrustMode
from gateway.settings import Settings
from outages.log import OutageLog
from resolvers.execution.documents import Document
from resolvers.execution.executor import Executor
from resolvers.execution.manifest import ManifestFault, parse_manifest, shown

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ManifestFile:
    """Where the manifest is, and its limits."""

    path: Path
    bytes_max: int
    documents_max: int

    def stamp(self) -> tuple[int, ...]:
        """Changes with the file, also when another one takes its place; blocks. Raises OSError."""
        state = self.path.stat()
        return state.st_mtime_ns, state.st_size, state.st_ino, state.st_dev

    def texts(self) -> dict[str, str]:
        """The texts by their hashes; blocks. Raises OSError or ManifestFault."""
        with self.path.open("rb") as file:
            data = file.read(self.bytes_max + 1)
        if len(data) > self.bytes_max:
            raise ManifestFault(f"it has more than {self.bytes_max} bytes")
        return parse_manifest(data, self.documents_max)


def manifest_file(settings: Settings) -> ManifestFile | None:
    """Where the settings say it is; None if it decides nothing."""
    if settings.trusted_documents is TrustMode.OFF:
        return None
    assert settings.trusted_documents_file is not None, "the settings refuse another mode without a file"
    return ManifestFile(
        settings.trusted_documents_file,
        settings.trusted_documents_max_bytes,
        settings.trusted_documents_max,
    )


class TrustedManifest:
    """Call `load` before the first request; `run` follows the file."""

    def __init__(self, file: ManifestFile, executor: Executor, poll_interval_s: float) -> None:
        self._file = file
        self._executor = executor
        self._poll_interval_s = poll_interval_s
        self._stamp: tuple[int, ...] | None = None
        self._outage = OutageLog(
            "the changed manifest of trusted documents cannot be used",
            "the manifest of trusted documents is used again",
        )

    @property
    def path(self) -> Path:
        """Where the manifest is."""
        return self._file.path

    @property
    def trouble(self) -> str | None:
        """Why the manifest in the file is not the one that is used; None while it is."""
        if not self._outage.lasts:
            return None
        return f"the manifest of trusted documents cannot be used, the last one stays: {self._outage.error}"

    async def load(self) -> None:
        """Trust the documents of the file; raises OSError or ManifestFault, and then changes nothing."""
        stamp = await asyncio.to_thread(self._file.stamp)
        try:
            texts = await asyncio.to_thread(self._file.texts)
            trusted = self._executor.trusted
            documents = {}
            for sha256, text in texts.items():
                documents[sha256] = trusted.get(sha256) or await self._checked(text)
        except ManifestFault:
            # Checking takes seconds, so it is not repeated before the file changes.
            self._stamp = stamp
            raise
        trusted.replace(documents)
        self._stamp = stamp
        log.info("documents are trusted", documents=len(documents))

    async def follow(self) -> None:
        """Look once whether the file has changed."""
        try:
            if await asyncio.to_thread(self._file.stamp) == self._stamp:
                return
            await self.load()
        except OSError as missing:
            self._stamp = None
            self._outage.report(missing)
        except ManifestFault as fault:
            self._outage.report(fault)
        else:
            self._outage.over()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(self._poll_interval_s)
            await self.follow()

    async def _checked(self, text: str) -> Document:
        # Each takes milliseconds, and requests have their turn in between.
        await asyncio.sleep(0)
        try:
            return self._executor.check(text)
        except ValueError as fault:
            reason = str(fault).rstrip(".")
            raise ManifestFault(f"the document {shown(text)} is refused: {reason}") from None
