"""`python -m gateway inputs`: the outcome of the last message of each kind about an account or a symbol."""

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from domain.text import visible
from models.input_outcome import (
    SUBJECT_CHARACTERS_MAX,
    StoredOutcome,
    outcomes_about,
    outcomes_of_owner,
)
from models.input_used import UsedInput, client_no_of, used_of_account, used_of_symbol


class NothingKnown(LookupError):
    """No message about this account or symbol is known."""


async def print_inputs_of_account(out: Console, account_no: str) -> None:
    """For the account and its client; raises `NothingKnown`."""
    client_no = await client_no_of(account_no)
    others = await outcomes_of_owner([account_no, client_no or ""])
    if client_no is None and not others:
        raise NothingKnown(f"No account has the number {account_no}, and no message named it.")
    _print(out, await used_of_account(account_no), others)


async def print_inputs_of_symbol(out: Console, symbol: str) -> None:
    """For the instrument, and statements about positions in it; raises `NothingKnown`."""
    used, others = await used_of_symbol(symbol), await outcomes_about(symbol)
    if not used and not others:
        raise NothingKnown(f"No instrument has the symbol {symbol}, and no message named it.")
    _print(out, used, others)


async def print_inputs_of_stream(out: Console, stream: str) -> None:
    """Entries of a feed's stream that could not be read, or were lost unread; raises `NothingKnown`."""
    others = await outcomes_about(stream[:SUBJECT_CHARACTERS_MAX])
    if not others:
        raise NothingKnown(f"No entry of the stream {stream} was unreadable or lost.")
    _print(out, (), others)


def _print(out: Console, used: Sequence[UsedInput], others: Sequence[StoredOutcome]) -> None:
    table = Table("kind", "subject", "outcome", "stated at", "decided at", "why")
    for row in (*_used_rows(used), *_other_rows(others)):
        # As text and not as markup: the reasons quote text from others.
        table.add_row(*(Text(visible(cell)) for cell in row))
    out.print(table)


def _used_rows(used: Iterable[UsedInput]) -> Iterable[Sequence[str]]:
    for each in used:
        yield each.subject.kind, str(each.subject), "USED", each.stated_at.isoformat(), "", each.held


def _other_rows(others: Iterable[StoredOutcome]) -> Iterable[Sequence[str]]:
    for each in others:
        stated = each.stated_at.isoformat() if each.stated_at else ""
        yield (
            each.subject.kind,
            str(each.subject),
            each.result,
            stated,
            each.decided_at.isoformat(),
            each.reason,
        )
