"""`python -m gateway damaged-events`: the events in the outbox that cannot be read, with the reason."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from domain.text import visible
from models.outbox import damaged_events

ROWS_AT_ONCE = 1000


async def print_damaged_events(out: Console) -> int:
    """Print them as a table; returns how many there are."""
    table, count = Table("place in the stream", "event", "why"), 0
    async for event in damaged_events(ROWS_AT_ONCE):
        count += 1
        place = "none yet" if event.offset is None else str(event.offset)
        # As text and not as markup: the reason quotes the damaged data.
        table.add_row(*(Text(visible(cell)) for cell in (place, event.event_id, event.why)))
    if count:
        out.print(table)
    else:
        out.print("Every event in the outbox can be read.")
    return count
