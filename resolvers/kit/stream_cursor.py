"""The cursor of the event stream in a page of a list, after which a subscription continues the list.

The position is read before the page: the page contains every event up to it, so none is missing. Later events
may be in the page too, and are sent all the same.
"""

from domain.principal import Audience
from models.outbox import STREAM
from resolvers.kit.context import Info, selects
from subscriptions.stream.bus import Position
from subscriptions.stream.cursor import scope_of


def scope_text(field: str, selection: object, audience: Audience) -> tuple[str, str, str]:
    """The scope that a cursor is bound to: the field, its filter, and the accounts that the audience
    may see.
    """
    scope = audience.account_scope
    return field, repr(selection), "*" if scope is None else repr(sorted(scope))


async def stream_cursor(info: Info, field: str, selection: object) -> str | None:
    """The cursor at the end of the stream, for the subscription field with this filter. Call it before the
    page of this connection is read. None: the page does not select it, which costs no statement.
    """
    if not selects(info, "streamCursor"):
        return None
    context = info.context
    head = await context.loaders.stream_heads.load(STREAM)
    scope = scope_of(*scope_text(field, selection, context.audience))
    return context.api.cursors.sign(Position(head.epoch, head.last_offset), scope)
