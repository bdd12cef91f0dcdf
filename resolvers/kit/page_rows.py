"""The rows that the lists of one page need: those that are asked for together come from one statement."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any, TypeAlias, cast

from domain.expiry import ZoneOf
from domain.ids import AccountId, CaseId
from domain.principal import Audience
from models.book_rows import BookColumns, BookRows, add_books, books_of
from models.order import newest_order_rows
from models.snapshot import newest_snapshot_rows
from models.sql.database import Row
from models.sql.first_pages import row_pages_by_case
from models.sql.parts import Part, Parts
from models.sql.where import Page, Where
from resolvers.kit.batch_loader import BatchLoader


@dataclass(frozen=True, slots=True)
class BookKey:
    """Positions or cash of an account, with the columns that their reader needs."""

    account_id: AccountId
    columns: BookColumns


@dataclass(frozen=True, slots=True)
class NewestKey:
    """The newest rows of a case: so many, with the columns that their reader needs. `part`: how they are
    selected.
    """

    part: Callable[[Where, Audience, Sequence[CaseId], int, Collection[str]], Part]
    case_id: CaseId
    first: int
    columns: frozenset[str]


Key: TypeAlias = BookKey | NewestKey


class PageRows:
    """Loads the rows of one operation, for an audience.

    `whole_book`: whether something else in the request needs the whole book of the account, so that positions
    and cash come from there, to be of the same moment.
    """

    def __init__(
        self,
        audience: Audience,
        zone_of: ZoneOf,
        clock: Callable[[], datetime],
        whole_book: Callable[[AccountId], bool],
    ) -> None:
        self._audience = audience
        self._zone_of, self._clock = zone_of, clock
        self._whole_book = whole_book
        self._loader: BatchLoader[Key, Any] = BatchLoader(load_fn=self._load)

    async def book(self, account_id: AccountId, columns: BookColumns) -> BookRows | None:
        """Of a visible account; None: through the book."""
        return cast(BookRows | None, await self._loader.load(BookKey(account_id, columns)))

    async def orders(self, case_id: CaseId, first: int, columns: frozenset[str]) -> Page[Row]:
        """The first page of a case's orders."""
        key = NewestKey(newest_order_rows, case_id, first, columns)
        return cast(Page[Row], await self._loader.load(key))

    async def snapshots(self, case_id: CaseId, first: int, columns: frozenset[str]) -> Page[Row]:
        """The first page of a case's snapshots."""
        key = NewestKey(newest_snapshot_rows, case_id, first, columns)
        return cast(Page[Row], await self._loader.load(key))

    async def _load(self, keys: list[Key]) -> list[Any]:
        """One statement; of a book with the columns that any reader needs."""
        parts, found = Parts(), dict[Key, Any]()
        books = self._add_books(parts, [key for key in keys if isinstance(key, BookKey)])
        pages = self._add_pages(parts, [key for key in keys if isinstance(key, NewestKey)])
        now, rows = self._clock(), await parts.fetch()
        found |= books(rows, now)
        for number, same in pages.items():
            ids = [key.case_id for key in same]
            of_cases = row_pages_by_case(rows[number], ids, same[0].first)
            found |= {key: of_cases[key.case_id] for key in same}
        return [found.get(key) for key in keys]

    def _add_books(
        self, parts: Parts, keys: Sequence[BookKey]
    ) -> Callable[[Sequence[Sequence[Row]], datetime], Mapping[Key, Any]]:
        ids = [id_ for id_ in {key.account_id for key in keys} if not self._whole_book(id_)]
        if not ids:
            return lambda rows, now: {}
        numbers = add_books(parts, self._audience, ids, reduce(or_, (key.columns for key in keys)))

        def read(rows: Sequence[Sequence[Row]], now: datetime) -> Mapping[Key, Any]:
            books = books_of(rows, numbers, self._zone_of, now)
            return {key: books.get(key.account_id) for key in keys}

        return read

    def _add_pages(self, parts: Parts, keys: Iterable[NewestKey]) -> Mapping[int, Sequence[NewestKey]]:
        """The keys by the number of the part that reads them."""
        alike: dict[tuple[Any, ...], list[NewestKey]] = defaultdict(list)
        for key in keys:
            alike[key.part, key.first, key.columns].append(key)
        return {
            parts.add(
                part(parts.where(), self._audience, [key.case_id for key in same], first, columns)
            ): same
            for (part, first, columns), same in alike.items()
        }
