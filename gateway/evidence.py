"""What `recompute` and `verify-audit` say: whether the evidence is what it was."""

from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.table import Table

from domain.audit_chain import Break, ChainCheck, ChainHead
from domain.canonical import content_hash, plain
from domain.principal import EVERYTHING
from domain.snapshot import SnapshotContent, recomputed
from models.audit import chain_head, links, tail
from models.database import consistent_read
from models.snapshot import load_snapshot

LINKS_PER_PAGE = 1_000
BREAKS_SHOWN = 20


class NoSuchSnapshot(LookupError):
    """There is none with this id."""


async def recompute(console: Console, snapshot_id: str) -> bool:
    """Compute a snapshot's figures from its inputs and print both; whether they and the hash agree."""
    stored = await load_snapshot(EVERYTHING, snapshot_id)
    if stored is None:
        raise NoSuchSnapshot(f"there is no snapshot {snapshot_id}")
    content = stored.decoded()
    console.print(
        f"{content.kind} {content.occasion} of {content.case_no} at {content.inputs.as_of}", style="bold"
    )
    console.print(_inputs(content))
    then, now = plain(content.outputs), plain(recomputed(content.inputs))
    differing = _differences(_flat(then), _flat(now))
    console.print(_outputs(_flat(then), _flat(now), differing))
    intact = content_hash(stored.content) == stored.hash
    console.print(f"SHA-256 {stored.hash}: " + ("the content is unchanged" if intact else "[red]CHANGED[/]"))
    if differing:
        console.print(f"[red]{len(differing)} figures differ[/]: {', '.join(differing)}")
    elif intact:
        console.print("[green]the same figures to the last digit[/]")
    return intact and not differing


async def verify_audit(
    console: Console, noted: ChainHead | None, progress: Callable[[int, int], None]
) -> bool:
    """Follow the chain from the first link to its head; whether nothing was changed, dropped or swapped."""
    found: list[Break] = []
    check = ChainCheck(noted)
    async with consistent_read():
        head, waiting = await chain_head(), await tail()
        async for link in links(LINKS_PER_PAGE):
            found += check.see(link)
            if link.sequence % LINKS_PER_PAGE == 0:
                progress(link.sequence, head.sequence)
    found += check.end(head)
    for each in found[:BREAKS_SHOWN]:
        row = "" if each.audit_id is None else f", audit row {each.audit_id}"
        console.print(f"[red]link {each.sequence}{row}[/]: {each.why}", soft_wrap=True)
    if len(found) > BREAKS_SHOWN:
        console.print(f"[red]and {len(found) - BREAKS_SHOWN} more[/]")
    console.print(f"head {head}", soft_wrap=True)
    console.print(f"{head.sequence} rows chained, {waiting.rows} in the tail, which nothing protects yet")
    if not found:
        console.print(
            "[green]the audit is whole[/]: note the head elsewhere, and verify against it next time"
        )
    return not found


def head_named(text: str) -> ChainHead:
    """From `sequence:hash` as it is printed; raises ValueError."""
    sequence, separator, digest = text.partition(":")
    if not (separator and sequence.isdigit() and len(digest) == 64):
        raise ValueError("a head is written sequence:hash, as verify-audit prints it")
    return ChainHead(int(sequence), digest)


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
    """Only what the snapshot knew: a later version may compute more."""
    return [name for name, value in then.items() if now.get(name) != value]
