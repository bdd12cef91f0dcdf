"""Snapshots of a case: all inputs of its figures, and the figures, stored as evidence.

A snapshot names its content by a hash, so that a change is detected, and contains enough to compute the
figures again to the last digit, years later, without other data: `recomputed`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from domain.canonical import canonical_text, content_hash
from domain.case import Case
from domain.ids import CaseId
from domain.liquidation import uncovered_amount
from domain.margin import Book, MarginFigures, compute_figures
from domain.sellable import OpenOrder
from domain.stock_recovery import Recovery

FORMAT = 1
"""The format version of the content; content of a later version is not read."""


class SnapshotKind(StrEnum):
    """The moment of a case's life at which the snapshot was taken."""

    TRIGGER = "TRIGGER"
    FORCE = "FORCE"
    NOTICE = "NOTICE"
    DAILY = "DAILY"
    END = "END"


@dataclass(frozen=True, slots=True)
class SnapshotInputs:
    """The inputs of the figures. Ages are relative to `as_of`."""

    as_of: datetime
    book: Book
    """Terms, amount rule, cash, positions with prices and factors and their source, FX rates."""
    open_orders: tuple[OpenOrder, ...]
    max_price_age: timedelta
    suspended_dead_after: timedelta
    """Already applied: it determined which positions are `dead`."""
    recoveries: tuple[Recovery, ...] = ()
    """For a case that demands stock, all its recoveries, including recovered ones."""


@dataclass(frozen=True, slots=True)
class SnapshotOutputs:
    """The results."""

    figures: MarginFigures
    uncovered_amount: Decimal


@dataclass(frozen=True, slots=True)
class SnapshotContent:
    """Everything that is hashed. `occasion` distinguishes repeated occasions: a day, a plan, a message."""

    case_id: CaseId
    case_no: str
    kind: SnapshotKind
    occasion: str
    inputs: SnapshotInputs
    outputs: SnapshotOutputs
    format: int = FORMAT


def recomputed(inputs: SnapshotInputs) -> SnapshotOutputs:
    """The figures computed from the inputs alone."""
    figures = compute_figures(inputs.book, inputs.as_of, inputs.max_price_age)
    uncovered = figures.amount
    if inputs.open_orders:
        uncovered = uncovered_amount(inputs.book, inputs.open_orders, inputs.as_of, inputs.max_price_age)
    return SnapshotOutputs(figures, uncovered)


def content_of(case: Case, kind: SnapshotKind, occasion: str, inputs: SnapshotInputs) -> SnapshotContent:
    """The snapshot of a case."""
    return SnapshotContent(case.id, case.case_no, kind, occasion, inputs, recomputed(inputs))


def text_and_hash(content: SnapshotContent) -> tuple[str, str]:
    """The canonical text, and the hash that names it."""
    text = canonical_text(content)
    return text, content_hash(text)


def due_kinds(before: Case | None, after: Case) -> list[tuple[SnapshotKind, str]]:
    """The snapshots due after a change of a case, each with its occasion; `before` None: the case was
    opened.
    """
    due = []
    if before is None:
        due.append((SnapshotKind.TRIGGER, ""))
    if after.plans > (before.plans if before else 0):
        due.append((SnapshotKind.FORCE, f"plan {after.plans}"))
    if after.force_eligible and not (before is not None and before.force_eligible):
        due.append((SnapshotKind.FORCE, ELIGIBLE))
    if not after.live and (before is None or before.live):
        due.append((SnapshotKind.END, ""))
    return due


ELIGIBLE = "eligible"
"""The occasion of the FORCE snapshot when the desk could first sell."""
