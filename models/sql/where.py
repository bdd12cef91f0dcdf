"""WHERE clauses, and keyset pagination: a page starts after the last row seen, and no rows are counted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from domain.principal import Audience, Capability
from domain.text import search_form

T = TypeVar("T")


class Where:
    """Conditions joined by AND; `?` in a condition stands for the next value, or for a list of values."""

    def __init__(self) -> None:
        self._conditions: list[str] = []
        self.values: list[Any] = []

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
        values = list(value) if isinstance(value, list | tuple | set | frozenset) else [value]
        start = len(self.values) + 1
        self.values.extend(values)
        return ", ".join(f"${number}" for number in range(start, start + len(values))) or "NULL"


def client_text(audience: Audience) -> str:
    """The searched text of a client: audiences that may not see names may not search by them either."""
    return "k.search_text" if audience.may(Capability.SEE_PERSONAL_DATA) else "LOWER(k.client_no)"


def like(text: str) -> str:
    """A pattern for `LIKE ? ESCAPE '!'` that finds the text anywhere, in the form of search columns."""
    escaped = search_form(text).replace("!", "!!").replace("%", "!%").replace("_", "!_")
    return f"%{escaped}%"


@dataclass(frozen=True, slots=True)
class PageRequest:
    """The first `first` rows after the key `after`, which has one value per sort column, the id last."""

    first: int
    after: tuple[Any, ...] | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Rows of one page and whether more follow."""

    rows: Sequence[T]
    has_next: bool


def cut(rows: Sequence[T], first: int) -> Page[T]:
    """The page from a query for one row more than requested."""
    return Page(rows[:first], len(rows) > first)
