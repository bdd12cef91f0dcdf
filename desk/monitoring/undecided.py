"""Calls of which nobody can say whether figures demand them, and why: the answer beside a list of calls."""

from dataclasses import dataclass
from datetime import datetime

from desk.assessment.due_calls import undecided_calls
from desk.assessment.missing_prices import detail_of
from domain.case import AlertType
from domain.doubt import DoubtReason
from domain.judgement import Judgement
from domain.margin import MarginFigures
from models.book import AccountBook


@dataclass(frozen=True, slots=True)
class UndecidedReason:
    """What is missing: a symbol or a currency, and in words how that ends."""

    reason: DoubtReason
    subject: str
    detail: str


@dataclass(frozen=True, slots=True)
class Undecided:
    """The calls, sorted; with none there are no reasons."""

    calls: tuple[AlertType, ...]
    reasons: tuple[UndecidedReason, ...]


NOTHING = Undecided((), ())


def undecided(account: AccountBook, judgement: Judgement, figures: MarginFigures, now: datetime) -> Undecided:
    """Of these figures, which may be those of a scenario."""
    calls = undecided_calls(account, judgement, figures, now)
    if not calls:
        return NOTHING
    stated = [
        UndecidedReason(doubt.reason, doubt.subject, doubt.detail)
        for doubt in account.doubts
        if doubt.reason is DoubtReason.INCOMPLETE
    ]
    gaps = [UndecidedReason(gap.reason, gap.subject, detail_of(gap)) for gap in judgement.gaps]
    return Undecided(tuple(sorted(calls)), (*stated, *gaps))
