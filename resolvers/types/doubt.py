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
        description="A symbol, currency or market; empty where it concerns the account as a whole."
    )
    detail: str = strawberry.field(description="The reason in words, and how it ends.")
    since: datetime = strawberry.field(description="When it began.")
    last_seen_at: datetime = strawberry.field(description="When the desk last met it.")
    attempts: int = strawberry.field(description="How often the desk met it since it began.")


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
