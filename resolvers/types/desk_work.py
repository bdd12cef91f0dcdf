"""The desk's work for an account, over all of its live cases."""

from collections.abc import Sequence
from datetime import datetime

import strawberry

from domain.case import CaseStatus
from domain.events import CaseView

_FIRST = (CaseStatus.LIQUIDATING, CaseStatus.EXCEPTION, CaseStatus.OPEN)
"""Statuses by precedence: the first that a live case has is the status for the account."""


@strawberry.type(
    description="A claim on one of the account's cases. Treat it as a claim on the whole account."
)
class AccountClaim:
    """From domain.case.Claim."""

    case_no: str = strawberry.field(description="The number (caseNo) of the claimed case.")
    by: str = strawberry.field(description="The subject of the claimant's token.")
    expires_at: datetime = strawberry.field(
        description="The time at which the claim ends, unless it is renewed or released before."
    )


@strawberry.type(description="The desk's work for an account, over all of its live cases.")
class DeskWork:
    """From the account's live cases."""

    status: CaseStatus = strawberry.field(
        description="LIQUIDATING while liquidation orders of any case are open; otherwise EXCEPTION if any "
        "case is in exception; otherwise OPEN."
    )
    cases: int = strawberry.field(description="The number of the account's live cases.")
    claims: list[AccountClaim] = strawberry.field(description="The claims that are in force now.")


def desk_work_of(views: Sequence[CaseView], now: datetime) -> DeskWork | None:
    """None if the account has no live case."""
    if not views:
        return None
    statuses = {view.case.status for view in views}
    claims = [(view.case, claim) for view in views if (claim := view.case.claimed_now(now)) is not None]
    return DeskWork(
        status=next(each for each in _FIRST if each in statuses),
        cases=len(views),
        claims=[
            AccountClaim(case_no=case.case_no, by=claim.by, expires_at=claim.expires_at)
            for case, claim in claims
        ],
    )
