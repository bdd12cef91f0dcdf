"""What the subscriptions have in common when they begin: the scope of their cursors, and a snapshot that is
whole.
"""

from domain.principal import Audience
from resolvers.kit.context import Api
from resolvers.kit.errors import BAD_USER_INPUT, ApiError
from resolvers.kit.stream_cursor import scope_text
from subscriptions.stream.cursor import scope_of


def cursor_scope(field: str, selection: object, audience: Audience) -> bytes:
    """What the cursors of a field are bound to."""
    return scope_of(*scope_text(field, selection, audience))


def refuse_partial(has_next: bool, api: Api, then: str = "") -> None:
    """Raise ApiError if more rows match than a snapshot may have; `then` ends its advice to read the list."""
    if has_next:
        advice = f"narrow the filter, or read the list page by page {then}".rstrip()
        raise ApiError(BAD_USER_INPUT, f"More than {api.snapshot_max} rows match: {advice}.")
