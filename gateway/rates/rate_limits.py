"""Who may do how much: operations, cost, mutations, whole-book what-ifs and large bodies of a subject, and
refused tokens of an address.

Mutations are apart, with a cost of their own, so that no dashboard takes the right to liquidate from its
user. An address counts only for tokens that do not authenticate: a whole office may share one, and a valid
token passes whatever others send from there.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.rates.tallies import Limit, Tallies
from gateway.rates.windows import Windows

SMALL_BODY_BYTES = 10_000
"""Bodies and messages up to this size count for no limit of bytes, so that however much a program sends, a
person can still liquidate.
"""
_TOO_MANY = {
    "operations": "You have sent too many operations",
    "cost": "You have asked for too much",
    "new_documents": "You have sent too many different documents",
    "mutations": "You have sent too many mutations",
    "mutation_cost": "Your mutations have asked for too much",
    "book_what_ifs": "You have sent too many whole-book what-ifs",
    "body_bytes": "You have sent too many large requests",
    "refused_tokens": "Too many requests without a valid token have come from your address",
}


@dataclass(frozen=True, slots=True)
class RateSettings:
    """The limits of one window; 0: no limit."""

    window_s: int
    operations: int
    cost: int
    new_documents: int
    mutations: int
    book_what_ifs: int
    body_bytes: int
    refused_tokens: int
    names_max: int


@dataclass(frozen=True, slots=True)
class Excess:
    """What is exceeded, and when the same may be tried again."""

    limit: str
    retry_after_s: float

    @property
    def message(self) -> str:
        """For the client."""
        return f"{_TOO_MANY[self.limit]}: try again after {self.whole_seconds} s."

    @property
    def whole_seconds(self) -> int:
        """For `Retry-After`."""
        return max(1, int(-(-self.retry_after_s // 1)))


class RateLimits:
    """The limits of one process; no method waits. `run` reports to the windows."""

    def __init__(self, settings: RateSettings, windows: Windows) -> None:
        def tallies(name: str, most: int) -> Tallies:
            return Tallies(Limit(name, most, settings.window_s), settings.names_max)

        self._windows = windows
        self._operations = tallies("operations", settings.operations)
        self._cost = tallies("cost", settings.cost)
        self._new_documents = tallies("new_documents", settings.new_documents)
        self._mutations = tallies("mutations", settings.mutations)
        self._mutation_cost = tallies("mutation_cost", settings.cost)
        self._book_what_ifs = tallies("book_what_ifs", settings.book_what_ifs)
        self._body_bytes = tallies("body_bytes", settings.body_bytes)
        self._refused_tokens = tallies("refused_tokens", settings.refused_tokens)
        self._all = (
            self._operations,
            self._cost,
            self._new_documents,
            self._mutations,
            self._mutation_cost,
            self._book_what_ifs,
            self._body_bytes,
            self._refused_tokens,
        )
        self._wanted = asyncio.Event()
        self.refusals: Counter[str] = Counter()
        """How often each limit refused."""

    def new_document(self, subject: str) -> Excess | None:
        """Count a document that has to be parsed and validated, unless the limit is exceeded."""
        return self._used([(self._new_documents, 1)], subject)

    def operation(self, subject: str, cost: int, *, book_what_ifs: int = 0) -> Excess | None:
        """Count a query, a subscription or a refused request, unless a limit is exceeded."""
        return self._used(
            [(self._operations, 1), (self._cost, cost), (self._book_what_ifs, book_what_ifs)], subject
        )

    def mutation(self, subject: str, cost: int) -> Excess | None:
        """Count a mutation, unless a limit is exceeded."""
        return self._used([(self._mutations, 1), (self._mutation_cost, cost)], subject)

    def body(self, subject: str, size: int) -> Excess | None:
        """Count a body or message of so many bytes before it is read, unless the limit is exceeded."""
        return None if size <= SMALL_BODY_BYTES else self._used([(self._body_bytes, size)], subject)

    def refused_token(self, address: str | None) -> Excess | None:
        """Count a token that does not authenticate, unless the limit is exceeded. None: unknown address."""
        return None if address is None else self._used([(self._refused_tokens, 1)], address)

    async def run(self) -> None:
        """Report what is due, until cancelled."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            for tallies in self._all:
                for name, amount in tallies.due():
                    refused_for_s = await self._windows.use(tallies.limit, name, amount)
                    tallies.reported(name, amount, refused_for_s)

    def _used(self, parts: Sequence[tuple[Tallies, int]], name: str) -> Excess | None:
        counted = [(tallies, amount) for tallies, amount in parts if amount and tallies.limit.most]
        if (excess := _excess(counted, name)) is not None:
            self.refusals[excess.limit] += 1
            return excess
        for tallies, amount in counted:
            if tallies.use(name, amount):
                self._wanted.set()
        return None


def _excess(parts: Sequence[tuple[Tallies, int]], name: str) -> Excess | None:
    for tallies, amount in parts:
        if wait_s := tallies.refused_for_s(name, amount):
            return Excess(tallies.limit.name, wait_s)
    return None
