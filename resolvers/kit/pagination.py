"""Relay connections over keyset pages: a cursor is the sort key of a row, bound to sort order and filter."""

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any, Generic, TypeVar, cast

import orjson
import strawberry

from domain.money import parse_decimal
from models.sql.where import Page, PageRequest
from resolvers.kit.arguments import PageArguments
from resolvers.kit.errors import BAD_USER_INPUT, CURSOR_INVALID, ApiError
from resolvers.kit.in_response import InResponse, ObjectsInResponse

T = TypeVar("T")
Row = TypeVar("Row")

_VERSION = 1
CURSOR_CHARACTERS_MAX = 4_000
"""More than any key takes; a field of a hundred rows reads its cursor a hundred times."""


def _text(value: str) -> str:
    if not value.isprintable():
        raise ValueError("a text in a key must be printable")
    return value


def _time(value: str) -> datetime:
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError("a time in a key must have an offset")
    return moment.astimezone(UTC)


def _whole(value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) <= 18):
        raise ValueError("a whole number in a key must have at most 18 digits")
    return int(value)


def _truth(value: str) -> bool:
    if value not in ("0", "1"):
        raise ValueError("a truth value in a key must be 0 or 1")
    return value == "1"


_PARSERS: dict[str, Callable[[str], object]] = {
    "s": _text,
    "d": parse_decimal,
    "t": _time,
    "i": _whole,
    "b": _truth,
}


@strawberry.type(description="The position of a page within its list.")
class PageInfo:
    """Relay's PageInfo."""

    has_next_page: bool = strawberry.field(
        description="Whether more rows follow. To get them, pass `endCursor` as `after` with `first`."
    )
    start_cursor: str | None = strawberry.field(
        description="The cursor of the first row; null on an empty page."
    )
    end_cursor: str | None = strawberry.field(
        description="The cursor of the last row; null on an empty page."
    )
    precedes: strawberry.Private[bool | Callable[[], Awaitable[bool]]]

    @strawberry.field(
        description="Whether rows precede this page. To get them, pass `startCursor` as `before` with `last`."
    )
    async def has_previous_page(self) -> bool:
        """After a cursor it takes a statement."""
        return self.precedes if isinstance(self.precedes, bool) else await self.precedes()


@strawberry.type(description="A row of a list with its cursor, as a Relay edge.")
class Edge(Generic[T]):
    """Relay's Edge."""

    node: T = strawberry.field(description="The row itself.")
    cursor: str = strawberry.field(
        description="The cursor of the row. Pass it as `after` to continue after this row, or as `before` to "
        "end before it."
    )


@strawberry.type(description="One page of a list, as a Relay connection.")
class Connection(Generic[T]):
    """Relay's Connection."""

    edges: list[Edge[T]] = strawberry.field(description="The rows of the page, each with its cursor.")
    nodes: list[T] = strawberry.field(description="The rows of the page, without their cursors.")
    page_info: PageInfo = strawberry.field(description="The position of the page within the list.")
    count: strawberry.Private[Callable[[], Awaitable[int]]]

    @strawberry.field(
        description="The number of rows in the whole list. The desk counts them only if you "
        "select this field."
    )
    async def total_count(self) -> int:
        """Runs one COUNT statement."""
        return await self.count()


@strawberry.type(name="Connection", description="One page of a list, as a Relay connection.")
class FollowedConnection(Connection[T]):
    """Of a list whose changes a subscription sends; in the schema it is called like any other."""

    stream_cursor: str | None = strawberry.field(
        description="The cursor after which `caseEvents` or `orderEvents` continues this list. Select it on "
        "the first page, read the other pages, then subscribe with the same filter and with this cursor as "
        "`after`: no change is missing, and one that a page shows already may arrive again. Null if "
        "`amountCurrency` is not the reporting currency, because a subscription refuses that filter."
    )


@dataclass(frozen=True)
class _Nodes(Generic[T]):
    """A connection whose edges, cursors and position are made when they are read: most clients select nodes
    alone.
    """

    nodes: list[T]
    count: Callable[[], Awaitable[int]]
    cursors: Callable[[], list[str]]
    info: Callable[[], PageInfo]
    stream_cursor: str | None = None

    @cached_property
    def page_info(self) -> PageInfo:
        return self.info()

    @cached_property
    def edges(self) -> list[Edge[T]]:
        nodes: list[Any] = self.nodes
        if isinstance(nodes, ObjectsInResponse):
            nodes = [InResponse(node) for node in nodes]
        return [Edge(node=node, cursor=cursor) for node, cursor in zip(nodes, self.cursors(), strict=True)]


def followed(page: Connection[T], stream_cursor: str | None) -> FollowedConnection[T]:
    """The page of a pager, with the cursor that `resolvers.kit.stream_cursor` made before it was read."""
    return cast(FollowedConnection[T], replace(cast(_Nodes[T], page), stream_cursor=stream_cursor))


Load = Callable[[PageRequest], Awaitable[Page[Row]]]
"""Reads any page of a list."""


@dataclass(frozen=True, slots=True)
class PageRead(Generic[Row]):
    """A page that was read, and how to read its list further."""

    request: PageRequest
    page: Page[Row]
    load: Load[Row]

    async def beyond(self) -> bool:
        """Whether the list has rows on the side where reading began."""
        row = self.request.beyond
        return row is not None and bool((await self.load(row)).rows)


class Pager(Generic[Row]):
    """Reads the cursors of one list and builds its pages.

    `scope` is the list's sort order and filter; `key_types` has one letter for each value of a row's key:
    s text, d decimal, t time, i whole number of 64 bits, b truth value.
    """

    def __init__(self, scope: object, key_types: str, page_size_max: int) -> None:
        self._key_types = key_types
        self._list = scope
        self._page_size_max = page_size_max

    @cached_property
    def _scope(self) -> str:
        return hashlib.sha256(repr(self._list).encode()).hexdigest()[:16]

    def request(self, asked: PageArguments) -> PageRequest:
        """The page to read from the database; raises ApiError for an invalid size or cursor."""
        if asked.first is not None and asked.last is not None:
            raise ApiError(BAD_USER_INPUT, "Send either first or last: the page has one of the two sizes.")
        name, size = ("first", asked.first) if asked.last is None else ("last", asked.last)
        if size is None:
            size = min(asked.rows, self._page_size_max)
        if not 1 <= size <= self._page_size_max:
            raise ApiError(BAD_USER_INPUT, f"{name} must be from 1 to {self._page_size_max}, not {size}.")
        return PageRequest(size, self._key(asked.after), self._key(asked.before), asked.last is not None)

    async def connection(
        self,
        request: PageRequest,
        load: Load[Row],
        key: Callable[[Row], Sequence[object]],
        node: Callable[[Row], T],
        count: Callable[[], Awaitable[int]],
    ) -> Connection[T]:
        """The page in the form that clients see."""
        page = await load(request)
        return await self.connection_of(
            [node(row) for row in page.rows], PageRead(request, page, load), key, count
        )

    async def connection_of(
        self,
        nodes: list[T],
        read: "PageRead[Row]",
        key: Callable[[Row], Sequence[object]],
        count: Callable[[], Awaitable[int]],
    ) -> Connection[T]:
        """With the nodes of the page's rows."""
        rows, backward = read.page.rows, read.request.backward
        follows = await read.beyond() if backward else read.page.more

        def info() -> PageInfo:
            return PageInfo(
                has_next_page=follows,
                precedes=read.page.more if backward else read.beyond,
                start_cursor=self._encode(key(rows[0])) if rows else None,
                end_cursor=self._encode(key(rows[-1])) if rows else None,
            )

        return cast(
            Connection[T], _Nodes(nodes, count, lambda: [self._encode(key(row)) for row in rows], info)
        )

    def _encode(self, key: Sequence[object]) -> str:
        text = orjson.dumps([_VERSION, self._scope, *(_tagged(value) for value in key)])
        return urlsafe_b64encode(text).decode().rstrip("=")

    def _key(self, cursor: str | None) -> tuple[object, ...] | None:
        return None if cursor is None else self._decode(cursor)

    def _decode(self, cursor: str) -> tuple[object, ...]:
        try:
            if len(cursor) > CURSOR_CHARACTERS_MAX:
                raise ValueError("a cursor is short")
            version, scope, *key = orjson.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
            if not all(isinstance(value, str) for value in key):
                raise ValueError("a key has texts alone")
            types = "".join(value[0] for value in key)
            values = tuple(_PARSERS[value[0]](value[1:]) for value in key)
        except (ValueError, TypeError, KeyError, IndexError, ArithmeticError):
            raise ApiError(
                CURSOR_INVALID,
                "The cursor is not valid: pass one of this list, or none to start again.",
            ) from None
        if (version, scope, types) != (_VERSION, self._scope, self._key_types):
            raise ApiError(
                CURSOR_INVALID,
                "The cursor belongs to a list with another filter or order: start again without a cursor.",
            )
        return values


def _tagged(value: object) -> str:
    if isinstance(value, Decimal):
        return f"d{value:f}"
    if isinstance(value, datetime):
        return f"t{value.isoformat()}"
    if isinstance(value, bool):
        return f"b{value:d}"
    return f"i{value}" if isinstance(value, int) else f"s{value}"
