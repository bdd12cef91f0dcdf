"""What carries out an approved request: the shape of executors, apart from the table that names them all."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from desk.desk import Desk
from domain.approval import Approval
from domain.principal import Principal
from domain.refusals import Refusal


@dataclass(frozen=True, slots=True)
class Executed:
    """It was done. `difference`: by name, what was asked for and what was done instead."""

    difference: Mapping[str, tuple[str | None, str | None]] = field(default_factory=dict)


Executor = Callable[[Desk, Principal, Approval, datetime], Awaitable[Executed | Refusal]]
"""Carries out an approved request, in the caller's transaction, as the approver; the account and the request
are locked. Where it refuses it has written nothing."""
