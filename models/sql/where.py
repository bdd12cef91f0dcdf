"""WHERE clauses, and keyset pagination: a page starts beside the last row seen, and no rows are counted."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import ge, gt, le, lt
from typing import Any, Generic, TypeVar

from domain.principal import Audience, Capability
from domain.text import search_form

T = TypeVar("T")


class Where:
    """Conditions joined by AND; `?` in a condition stands for the next value, or for a list of values."""

    def __init__(self, values: list[Any] | None = None) -> None:
        """`values`: those of other conditions in the same statement, before these."""
        self._conditions: list[str] = []
        self.values: list[Any] = [] if values is None else values

    def add(self, condition: str, *values: Any) -> None:
        """Add a condition."""
        parts = condition.split("?")
        text = parts[0]
        for value, rest in zip(values, parts[1:], strict=True):
            text += self._placeholders(value) + rest
        self._conditions.append(text)

    def add_if(self, condition: str, value: Any) -> None:
        """Add a condition of one value, unless the value is None."""
        if value is not None:
            self.add(condition, value)

    def value(self, value: Any) -> str:
        """A placeholder for a value that is used outside the conditions."""
        return self._placeholders(value)

    def sees(self, audience: Audience, account_no: str = "a.account_no") -> None:
        """Restrict to the audience's scope."""
        if not audience.may_see:
            self.add("1 = 0")
        elif audience.account_scope is not None:
            self.add(f"{account_no} IN (?)", sorted(audience.account_scope))

    def __str__(self) -> str:
        return f" WHERE {' AND '.join(self._conditions)}" if self._conditions else ""

    def _placeholders(self, value: Any) -> str:
        if not isinstance(value, (list, tuple, set, frozenset)):
            self.values.append(value)
            return f"${len(self.values)}"
        start = len(self.values) + 1
        self.values.extend(value)
        return ", ".join([f"${number}" for number in range(start, len(self.values) + 1)]) or "NULL"


def client_text(audience: Audience) -> str:
    """The searched text of a client: audiences that may not see names may not search by them either."""
    return "k.search_text" if audience.may(Capability.SEE_PERSONAL_DATA) else "LOWER(k.client_no)"


def like(text: str) -> str:
    """A pattern for `LIKE ? ESCAPE '!'` that finds the text anywhere, in the form of search columns."""
    escaped = search_form(text).replace("!", "!!").replace("%", "!%").replace("_", "!_")
    return f"%{escaped}%"


Key = tuple[Any, ...]
"""The place of a row in its list: one value per sort column, the id last."""


@dataclass(frozen=True, slots=True)
class PageRequest:
    """The first `size` rows of those between two keys, or `backward` the last ones, always in the order of
    the list.
    """

    size: int
    after: Key | None = None
    before: Key | None = None
    backward: bool = False
    inclusive: bool = False
    """Whether rows at the keys belong to those between them."""

    @property
    def is_first(self) -> bool:
        """Whether it is a page at the beginning of the list."""
        return self.after is None and self.before is None and not self.backward

    @property
    def beyond(self) -> "PageRequest | None":
        """The nearest row on the side where reading begins; None: the list has none there."""
        if self.backward:
            return None if self.before is None else PageRequest(1, after=self.before, inclusive=True)
        return None if self.after is None else PageRequest(1, before=self.after, inclusive=True)

    def bounds(self, *, descending: bool = False) -> Iterator[tuple[Key, str]]:
        """The keys that rows must be beyond, each with the comparison, for columns in this order."""
        for key, is_lower in ((self.after, True), (self.before, False)):
            if key is not None:
                yield key, (">" if is_lower is not descending else "<") + ("=" if self.inclusive else "")

    def direction(self, *, descending: bool = False) -> str:
        """In which to read columns that the list has in this order."""
        return "DESC" if descending is not self.backward else "ASC"


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Rows of one page, in the order of the list, and whether there are more where reading ended."""

    rows: Sequence[T]
    more: bool


def in_order(where: Where, request: PageRequest, columns: str, *, descending: bool = False) -> str:
    """Adds the keys of the page to the conditions; returns them with ORDER BY, for a list that is sorted by
    all these columns in one direction.
    """
    for key, sign in request.bounds(descending=descending):
        where.add(f"({columns}) {sign} ({', '.join('?' * len(key))})", *key)
    direction = request.direction(descending=descending)
    return f"{where} ORDER BY " + ", ".join(f"{column} {direction}" for column in columns.split(", "))


def cut(rows: Sequence[T], request: PageRequest) -> Page[T]:
    """The page from a query for one row more than requested, in the direction of reading."""
    page = rows[: request.size]
    return Page(page[::-1] if request.backward else page, len(rows) > request.size)


def page_of(
    rows: Sequence[T], request: PageRequest, key: Callable[[T], Key], place: Callable[[Key], Key] = tuple
) -> Page[T]:
    """The page of a list in memory, which is sorted by the places of its keys."""
    compare = {">": gt, ">=": ge, "<": lt, "<=": le}
    for bound, sign in request.bounds():
        rows = [row for row in rows if compare[sign](place(key(row)), place(bound))]
    return cut(rows[::-1] if request.backward else rows, request)
