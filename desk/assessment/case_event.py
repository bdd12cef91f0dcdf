"""The event of a changed case, or of a live case whose account now holds other instruments."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from desk.context import DeskContext
from domain.events import CaseEvent, CaseEventKind, CaseView, Event
from domain.ids import AccountId, Symbol
from models import outbox
from models.case import live_cases_of
from models.holding import symbols_of


async def publish_symbols(
    desk: DeskContext, account_id: AccountId, symbol: Symbol, held_before: bool
) -> None:
    """Publish the account's live cases when a statement added or removed an instrument; the caller holds the
    lock.
    """
    symbols = await symbols_of(account_id)
    if (symbol in symbols) is held_before:
        return
    now = desk.clock()
    await outbox.append(
        [
            case_event(
                desk,
                replace(view, symbols=symbols_before(symbols, (symbol, held_before))),
                replace(view, symbols=symbols),
                now,
            )
            for view in await live_cases_of([account_id])
        ]
    )


async def twin_events(
    desk: DeskContext,
    account_id: AccountId,
    happened: Iterable[Event],
    now: datetime,
    *,
    claim_changed: bool = False,
) -> list[CaseEvent]:
    """The events of the account's other live cases, whose `Account.deskWork` shows a change of one case: that
    it opened, closed, changed its status, or (`claim_changed`) was claimed or released.

    Empty if the change does not show there. The changed cases are stored, and the caller locks the account.
    """
    own = [event for event in happened if isinstance(event, CaseEvent)]
    if not claim_changed and all(event.kind is CaseEventKind.UPDATED for event in own):
        return []
    published = {event.view.case.id for event in own}
    twins = await live_cases_of([account_id], but_not=published)
    if not twins:
        return []
    symbols = await symbols_of(account_id)
    views = [replace(view, symbols=symbols) for view in twins]
    return [case_event(desk, view, view, now) for view in views]


def case_event(desk: DeskContext, before: CaseView, after: CaseView, now: datetime) -> CaseEvent:
    """The event of a changed case."""
    if after.case.closed_at is not None:
        kind = CaseEventKind.CLOSED
    elif after.case.status is not before.case.status:
        kind = CaseEventKind.STATUS_CHANGED
    else:
        kind = CaseEventKind.UPDATED
    return CaseEvent(
        id=desk.event_id(),
        at=now,
        kind=kind,
        view=after,
        previous_status=before.case.status,
        previous_amount=before.case.figures.amount,
        previous_worth=before.case.worth,
        previous_symbols=before.symbols,
        # As of the last figures: a deadline that passed since then is reported twice rather than never.
        previous_overdue=before.case.overdue(before.case.figures.as_of),
    )


def refreshed_event(desk: DeskContext, before: CaseView, after: CaseView, now: datetime) -> CaseEvent:
    """The event of a live case whose figures were recomputed, and in which nothing else was changed. If that
    shows it to be overdue or eligible for forced liquidation, it is no event of figures alone.
    """
    event, was, is_now = case_event(desk, before, after, now), before.case, after.case
    figures_only = (
        event.kind is CaseEventKind.UPDATED
        and was.force_eligible is is_now.force_eligible
        and event.previous_overdue is is_now.overdue(is_now.figures.as_of)
    )
    return replace(event, figures_only=figures_only)


def symbols_before(
    symbols: tuple[Symbol, ...], held_before: tuple[Symbol, bool] | None
) -> tuple[Symbol, ...]:
    """The account's instruments before the change; `held_before` as in `assess_account`, None: nothing
    changed.
    """
    if held_before is None:
        return symbols
    symbol, held = held_before
    if held is (symbol in symbols):
        return symbols
    return tuple(sorted({*symbols, symbol})) if held else tuple(each for each in symbols if each != symbol)
