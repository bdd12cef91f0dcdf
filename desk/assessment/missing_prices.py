"""Doubts that follow from an assessment: a price or rate that matters for the decision is missing."""

from collections.abc import Iterable
from datetime import datetime

from desk.assessment.doubts import clear_doubts, note_doubts
from desk.assessment.due_calls import undecided_calls
from domain.bounds import Gap
from domain.case import Case
from domain.doubt import Doubt, DoubtReason
from domain.judgement import Answer, Judgement
from domain.margin import MarginFigures
from models.book import AccountBook

FROM_LOOKS = (DoubtReason.NO_PRICE, DoubtReason.NO_FX_RATE)
"""Reasons that each assessment adds and removes."""
_DETAIL = {
    DoubtReason.NO_PRICE: "No price of {subject} is known, and a decision about the account depends on "
    "it. Supply a price, or state a quantity of 0 for the positions that it "
    "values.",
    DoubtReason.NO_FX_RATE: "No FX rate from {subject} to the base currency of the account is known, "
    "and a decision about the account depends on it. Supply a rate.",
}


def open_gaps(
    account: AccountBook, judgement: Judgement, figures: MarginFigures, cases: Iterable[Case], now: datetime
) -> tuple[Gap, ...]:
    """The prices and rates that are missing to judge the account; `cases`: its live cases."""
    if not judgement.gaps:
        return ()
    live = [case for case in cases if not case.is_recovery]
    undecided = undecided_calls(account, judgement, figures, now) - {case.alert_type for case in live}
    if undecided or any(_is_open(case, judgement, now) for case in live):
        return judgement.gaps
    return ()


def detail_of(gap: Gap) -> str:
    """The missing data in words, and how to supply it."""
    return _DETAIL[gap.reason].format(subject=gap.subject)


def differ(account: AccountBook, gaps: Iterable[Gap]) -> bool:
    """Whether the missing data differs from the stored doubts."""
    return _noted(account) != {(gap.reason, gap.subject) for gap in gaps}


async def keep_doubts(account: AccountBook, gaps: Iterable[Gap], now: datetime) -> None:
    """Store doubts for missing data, and remove those that no longer apply."""
    account_id, missing = account.account.account_id, {(gap.reason, gap.subject) for gap in gaps}
    for reason, subject in sorted(_noted(account) - missing):
        await clear_doubts(account_id, [reason], [subject])
    doubts = [
        Doubt(reason, subject, detail_of(Gap(reason, subject)), now) for reason, subject in sorted(missing)
    ]
    await note_doubts(account_id, doubts, now)


def _is_open(case: Case, judgement: Judgement, now: datetime) -> bool:
    may_be_forced = case.force_eligible or case.overdue(now)
    return judgement.asks(case.alert_type) is Answer.UNKNOWN or (
        judgement.below_force is Answer.UNKNOWN and not may_be_forced
    )


def _noted(account: AccountBook) -> set[tuple[DoubtReason, str]]:
    return {(doubt.reason, doubt.subject) for doubt in account.doubts if doubt.reason in FROM_LOOKS}
