"""Calls that the desk cannot decide from the figures, beside those that the figures demand."""

from collections.abc import Sequence

import strawberry

from desk.monitoring import undecided
from domain.doubt import DoubtReason

CALLS = (
    "The alert types of margin calls that may be due, depending on the missing data in `undecidedReasons`. "
    "They are not in `calls`."
)
REASONS = "The missing data on which `undecidedCalls` depend; empty if every call is decided."


@strawberry.type(
    description="Missing data without which the desk cannot decide whether an account would be called."
)
class UndecidedReason:
    """From desk.monitoring.undecided.UndecidedReason."""

    reason: DoubtReason = strawberry.field(description="The reason as a code.")
    subject: str = strawberry.field(
        description="The symbol or currency without a price or rate; empty if the reason concerns the "
        "account as a whole."
    )
    detail: str = strawberry.field(description="The missing data in English, and how it will be supplied.")


def reasons_of(reasons: Sequence[undecided.UndecidedReason]) -> list[UndecidedReason]:
    """The GraphQL objects."""
    return [UndecidedReason(reason=each.reason, subject=each.subject, detail=each.detail) for each in reasons]
