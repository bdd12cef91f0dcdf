"""Follow-up records of a case, left by the operator who handled it or by the desk."""

from dataclasses import replace
from datetime import datetime

from desk.desk import Desk
from domain.case import Case
from domain.case_records import FollowUp
from domain.principal import SYSTEM
from models.case_records import insert_follow_up


async def note(desk: Desk, case: Case, author: str, text: str, now: datetime) -> Case:
    """Append a record in the caller's transaction; returns the case with the new count, still to be
    stored.
    """
    await insert_follow_up(FollowUp(desk.new_id(), case.id, now, author, author == SYSTEM, text))
    return replace(case, follow_ups=case.follow_ups + 1)
