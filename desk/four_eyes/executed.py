"""The interface of the executors of approved requests, apart from the table that names them all."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from desk.context import DeskContext
from domain.approval import Approval
from domain.principal import Principal
from domain.refusals import Refusal


@dataclass(frozen=True, slots=True)
class Executed:
    """The request was executed. `difference`: by name, the requested and the executed value where they
    differ.
    """

    difference: Mapping[str, tuple[str | None, str | None]] = field(default_factory=dict)


Executor = Callable[[DeskContext, Principal, Approval, datetime], Awaitable[Executed | Refusal]]
"""Executes an approved request in the caller's transaction, with account and request locked, on behalf of the
approver. If it refuses, it has written nothing.
"""
