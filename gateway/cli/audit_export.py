"""The output of `recompute` and `verify-audit`: whether the evidence is unchanged."""

import re
from collections.abc import Callable, Iterable
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from desk.audit import snapshot_entry
from desk.evidence.verify_snapshots import SnapshotCheck
from domain.audit_chain import NOTHING, Break, ChainCheck, ChainHead
from domain.canonical import content_hash, plain
from domain.principal import EVERYTHING
from domain.snapshot import SnapshotContent, recomputed
from models.audit import chain_head, is_noted, links, tail
from models.snapshot import StoredSnapshot, load_snapshot
from models.sql.database import consistent_read

LINKS_PER_PAGE = 1_000
BREAKS_SHOWN = 20
_HEAD = re.compile(r"(?P<sequence>\d{1,18}):(?P<hash>[0-9a-f]{64})", re.ASCII | re.IGNORECASE)


class NoSuchSnapshot(LookupError):
    """No snapshot has this id."""


async def recompute(console: Console, snapshot_id: str) -> bool:
    """Compute a snapshot's figures from its inputs and print both; returns whether they and the hash
    agree.
    """
    stored = await load_snapshot(EVERYTHING, snapshot_id)
    if stored is None:
        raise NoSuchSnapshot(f"there is no snapshot {snapshot_id}")
    intact = await _is_intact(console, stored)
    try:
        content = stored.decoded()
    except ValueError as unreadable:
        console.print(f"[red]the content cannot be read[/]: {escape(str(unreadable))}")
        return False
    console.print(
        f"{content.kind} {content.occasion} of {content.case_no} at {content.inputs.as_of}", style="bold"
    )
    if not _is_labelled(stored, content):
        console.print(
            "[red]the content belongs to another case, kind, occasion or time than its row states[/]"
        )
        intact = False
    console.print(_inputs(content))
    then, now = plain(content.outputs), plain(recomputed(content.inputs))
    differing = _differences(_flat(then), _flat(now))
    console.print(_outputs(_flat(then), _flat(now), differing))
    if differing:
        console.print(f"[red]{len(differing)} figures differ[/]: {', '.join(differing)}")
    elif intact:
        console.print("[green]the same figures to the last digit[/]")
    return intact and not differing


async def _is_intact(console: Console, stored: StoredSnapshot) -> bool:
    """Whether the content has its hash, and the audit recorded that hash when the snapshot was taken."""
    unchanged = content_hash(stored.content) == stored.hash
    noted = await is_noted(snapshot_entry(stored, stored.at))
    of_content = "the content is unchanged" if unchanged else "[red]the content is CHANGED[/]"
    of_hash = "as recorded in the audit trail" if noted else "[red]NOT as recorded in the audit trail[/]"
    console.print(f"SHA-256 {stored.hash}: {of_content}, {of_hash}")
    return unchanged and noted


def _is_labelled(stored: StoredSnapshot, content: SnapshotContent) -> bool:
    labels = (content.case_id, content.kind, content.occasion, content.inputs.as_of)
    return labels == (stored.case_id, stored.kind, stored.occasion, stored.at)


class _Breaks:
    """The breaks found: their number, and the first of them."""

    def __init__(self) -> None:
        self.first: list[Break] = []
        self.count = 0

    def add(self, breaks: Iterable[Break]) -> None:
        for each in breaks:
            self.count += 1
            if len(self.first) < BREAKS_SHOWN:
                self.first.append(each)


async def verify_audit(
    console: Console, noted: ChainHead | None, progress: Callable[[int, int], None]
) -> bool:
    """Follow the chain from the first link to its head, and check every snapshot that it names; returns
    whether nothing was changed, removed or swapped.
    """
    breaks = _Breaks()
    check, snapshots = ChainCheck(noted), SnapshotCheck()
    async with consistent_read():
        head, waiting = await chain_head(), await tail()
        async for link in links(LINKS_PER_PAGE):
            breaks.add(check.see(link))
            breaks.add(await snapshots.see(link))
            if link.sequence % LINKS_PER_PAGE == 0:
                progress(link.sequence, head.sequence)
        breaks.add(check.end(head))
        breaks.add(await snapshots.end())
    _print_breaks(console, breaks)
    console.print(f"head {head}", soft_wrap=True)
    since = "" if waiting.oldest is None else f", the oldest of {waiting.oldest}"
    console.print(
        f"{head.sequence} rows chained, {waiting.rows} in the tail, which is not protected yet{since}",
        soft_wrap=True,
    )
    if not breaks.count:
        console.print(
            "[green]the audit trail is intact[/]: note the head elsewhere, and verify against it next time"
        )
    return not breaks.count


def _print_breaks(console: Console, breaks: _Breaks) -> None:
    for each in breaks.first:
        row = "" if each.audit_id is None else f", audit row {each.audit_id}"
        link = "" if each.sequence is None else f"link {each.sequence}"
        console.print(f"[red]{link or 'snapshots'}{row}[/]: {each.why}", soft_wrap=True)
    if breaks.count > len(breaks.first):
        console.print(f"[red]and {breaks.count - len(breaks.first)} more[/]")


def head_named(text: str) -> ChainHead:
    """From `sequence:hash` as printed; raises ValueError."""
    match = _HEAD.fullmatch(text.strip())
    if match is None:
        raise ValueError("a head must be sequence:hash, as verify-audit prints it")
    head = ChainHead(int(match["sequence"]), match["hash"].lower())
    if head.sequence == 0 and head != NOTHING:
        raise ValueError("a head that begins with 0 covers no rows: its hash must be all zeros")
    return head


def _inputs(content: SnapshotContent) -> Table:
    table = Table("input", "value", title="inputs", title_justify="left")
    book = content.inputs.book
    for name, value in {**plain(book.terms), **plain(book.rule)}.items():
        table.add_row(name, str(value))
    for cash in book.cash:
        table.add_row(f"cash {cash.currency}", f"{cash.balance} (interest {cash.accrued_interest})")
    for currency, rate in book.fx.items():
        table.add_row(f"fx {currency}", f"{rate.rate} at {rate.at}")
    for held in book.holdings:
        mark = "no quote" if held.quote is None else f"{held.quote.mark} at {held.quote.at}"
        factors = held.factors
        shares = f"{factors.initial}/{factors.maintenance}/{factors.margin_call}/{factors.force_close}"
        dead = ", dead" if held.dead else ""
        table.add_row(
            str(held.instrument.symbol), f"{held.quantity} x {mark}, {shares} ({factors.source}){dead}"
        )
    for order in content.inputs.open_orders:
        table.add_row("open order", f"{order.side} {order.leaves_quantity} {order.symbol}")
    for asked in content.inputs.recoveries:
        table.add_row(
            f"stock to bring back: {asked.symbol}",
            f"{asked.outstanding} of {asked.quantity} by {asked.due_at}",
        )
    return table


def _outputs(then: dict[str, Any], now: dict[str, Any], differing: list[str]) -> Table:
    table = Table("figure", "stored", "recomputed", "", title="figures", title_justify="left")
    for name, value in then.items():
        table.add_row(
            name, str(value), str(now.get(name)), "[red]differs[/]" if name in differing else "same"
        )
    return table


def _flat(outputs: dict[str, Any]) -> dict[str, Any]:
    return {**outputs["figures"], "uncovered_amount": outputs["uncovered_amount"]}


def _differences(then: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Only of figures in the snapshot: a later version may compute more."""
    return [name for name, value in then.items() if now.get(name) != value]
