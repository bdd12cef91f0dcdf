"""Snapshots of a case: everything that its figures were computed from, and the figures, kept as evidence.

A snapshot names its content by a hash, so a changed one is found out, and holds enough to compute the figures
again to the last digit, years later, without anything else: `recomputed`.
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
from domain.stock_recovery import RECOVERY_ALERTS, Recovery

FORMAT = 1
"""How the content is written; what a later version writes, this one does not claim to understand."""


class SnapshotKind(StrEnum):
    """At which moment of a case's life it was taken."""

    TRIGGER = "TRIGGER"
    FORCE = "FORCE"
    NOTICE = "NOTICE"
    DAILY = "DAILY"
    END = "END"


@dataclass(frozen=True, slots=True)
class SnapshotInputs:
    """What was known. `as_of` is the moment that ages are reckoned from."""

    as_of: datetime
    book: Book
    """Terms, amount rule, cash, positions with prices and factors and their source, FX rates."""
    open_orders: tuple[OpenOrder, ...]
    max_price_age: timedelta
    suspended_dead_after: timedelta
    """Already applied: it decided which positions are `dead`."""
    recoveries: tuple[Recovery, ...] = ()
    """Of a case that asks for stock, every one as it stood, also those that were recovered."""


@dataclass(frozen=True, slots=True)
class SnapshotOutputs:
    """What followed."""

    figures: MarginFigures
    uncovered_amount: Decimal


@dataclass(frozen=True, slots=True)
class SnapshotContent:
    """All that is hashed. `occasion` tells apart what may happen more than once: a day, a plan, a message."""

    case_id: CaseId
    case_no: str
    kind: SnapshotKind
    occasion: str
    inputs: SnapshotInputs
    outputs: SnapshotOutputs
    format: int = FORMAT


def recomputed(inputs: SnapshotInputs) -> SnapshotOutputs:
    """The figures from the inputs and nothing else."""
    figures = compute_figures(inputs.book, inputs.as_of, inputs.max_price_age)
    uncovered = figures.amount
    if inputs.open_orders:
        uncovered = uncovered_amount(inputs.book, inputs.open_orders, inputs.as_of, inputs.max_price_age)
    return SnapshotOutputs(figures, uncovered)


def content_of(case: Case, kind: SnapshotKind, occasion: str, inputs: SnapshotInputs) -> SnapshotContent:
    """The snapshot of a case."""
    return SnapshotContent(case.id, case.case_no, kind, occasion, inputs, recomputed(inputs))


def asks_for_stock(case: Case) -> bool:
    """Then what it asks for is part of its snapshots."""
    return case.alert_type in RECOVERY_ALERTS


def text_and_hash(content: SnapshotContent) -> tuple[str, str]:
    """The canonical text, and the hash that names it."""
    text = canonical_text(content)
    return text, content_hash(text)


def due_kinds(before: Case | None, after: Case) -> list[tuple[SnapshotKind, str]]:
    """Which snapshots a change of a case calls for, each with its occasion; `before` None: it was opened."""
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
"""The occasion of the FORCE snapshot from when on the desk might sell; of several such moments the first."""
