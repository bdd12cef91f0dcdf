"""Follow-up records of a case, left by the operator who handled it or by the desk."""

from dataclasses import replace
from datetime import datetime

from desk.context import DeskContext
from domain.case import Case
from domain.case_records import FollowUp
from domain.phrase import Phrase
from domain.phrase_texts import english
from domain.principal import SYSTEM
from models.case_records import insert_follow_up


async def note(desk: DeskContext, case: Case, author: str, text: str, now: datetime) -> Case:
    """Append a person's record in the caller's transaction; returns the case with the new count, still to be
    stored.
    """
    return await _append(FollowUp(desk.new_id(), case.id, now, author, False, text), case)


async def note_by_desk(desk: DeskContext, case: Case, phrase: Phrase, now: datetime) -> Case:
    """Append a record of the desk, like `note`. It is stored as a code with parameters, and in English."""
    return await _append(FollowUp(desk.new_id(), case.id, now, SYSTEM, True, english(phrase), phrase), case)


async def _append(record: FollowUp, case: Case) -> Case:
    await insert_follow_up(record)
    return replace(case, follow_ups=case.follow_ups + 1)
