"""Readers whose reads of personal data are recorded: the audit entry is written before the response is sent.

For other readers this is one check of the token. If the entry cannot be written, the request fails.
"""

from dataclasses import replace

from desk.context import DeskContext
from desk.evidence.note_read import note_read
from domain.principal import Principal
from gateway.logs import current_request_id
from resolvers.execution.documents import Document
from resolvers.execution.executor import Executor
from resolvers.kit.context import RequestContext


class PersonalReads:
    """One per process."""

    def __init__(self, executor: Executor, desk: DeskContext) -> None:
        self._executor = executor
        self._desk = desk

    async def executed(self, context: RequestContext, document: Document) -> None:
        """A query or a mutation was executed with this context."""
        if not context.audience.reads_are_kept or not context.clients_shown:
            return
        if fields := self._executor.personal_fields(document):
            await note_read(self._desk, context.principal, "request", fields, context.clients_shown)

    async def subscribed(self, principal: Principal, document: Document) -> None:
        """A subscription is about to begin; which clients it will show is not known."""
        if not principal.audience.reads_are_kept:
            return
        if fields := self._executor.personal_fields(document):
            reader = replace(principal, request_id=current_request_id())
            await note_read(self._desk, reader, "subscription", fields, ())
