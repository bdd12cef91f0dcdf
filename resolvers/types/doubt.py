"""A reason why the desk cannot judge an account."""

from collections.abc import Sequence
from datetime import datetime

import strawberry

from domain.doubt import DoubtReason
from models.doubt import StoredDoubt


@strawberry.type(description="A reason why the desk cannot judge an account by itself.")
class AccountDoubt:
    """From domain.doubt.Doubt."""

    reason: DoubtReason = strawberry.field(description="The reason as a code.")
    subject: str = strawberry.field(
        description="The symbol, currency or market in doubt; empty if the reason concerns the account as a "
        "whole."
    )
    detail: str = strawberry.field(description="The reason in English, and how the doubt ends.")
    since: datetime = strawberry.field(description="The time at which the doubt began.")
    last_seen_at: datetime = strawberry.field(description="The time at which the desk last found the reason.")
    attempts: int = strawberry.field(
        description="The number of times that the desk has found the reason since the doubt began."
    )


def doubts_of(stored: Sequence[StoredDoubt]) -> list[AccountDoubt]:
    """The GraphQL objects."""
    return [
        AccountDoubt(
            reason=each.doubt.reason,
            subject=each.doubt.subject,
            detail=each.doubt.detail,
            since=each.doubt.since,
            last_seen_at=each.last_seen_at,
            attempts=each.attempts,
        )
        for each in stored
    ]
