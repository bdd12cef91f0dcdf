"""Calls of which the desk cannot say whether figures demand them, beside those that they do."""

from collections.abc import Sequence

import strawberry

from desk.monitoring import undecided
from domain.doubt import DoubtReason

CALLS = (
    "Margin calls of which the desk cannot say whether these figures demand them, for the reasons in "
    "`undecidedReasons`. They are not in `calls`."
)
REASONS = "What is missing to decide these calls; empty where every call is decided."


@strawberry.type(description="Something that is missing to say whether an account would be called.")
class UndecidedReason:
    """From desk.monitoring.undecided.UndecidedReason."""

    reason: DoubtReason = strawberry.field(description="The reason as a code.")
    subject: str = strawberry.field(
        description="A symbol or currency; empty where it concerns the account as a whole."
    )
    detail: str = strawberry.field(description="The reason in words, and how it ends.")


def reasons_of(found: Sequence[undecided.UndecidedReason]) -> list[UndecidedReason]:
    """The GraphQL objects."""
    return [UndecidedReason(reason=each.reason, subject=each.subject, detail=each.detail) for each in found]
