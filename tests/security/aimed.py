"""Make generated documents meet what is there: ids, versions and symbols that a random text never hits.

A generator does not know an id of the desk, so nearly all its requests would end at the first check. Most
values of a document are therefore replaced by fitting ones, by the name of the argument. The others stay, so
that a document is wrong in one or two places and not in all.
"""

import random
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
from graphql import (
    ArgumentNode,
    FieldNode,
    IntValueNode,
    ListValueNode,
    NullValueNode,
    ObjectFieldNode,
    StringValueNode,
    Visitor,
    parse,
    print_ast,
    visit,
)

EVERYTHING_KNOWN = """{
  cases(first: 50) { nodes { id version caseNo } }
  accounts(first: 20) { nodes { id accountNo positions(first: 3) { nodes { symbol } } } }
  clients(first: 20) { nodes { id clientNo } }
  orders(first: 50) { nodes { id } }
}"""
REQUESTS_KNOWN = "{ approvalRequests(first: 50) { nodes { id } } webhooks { id } }"
REPLACED_PART = 0.9
_SYNONYMS = {"approval": "approvalRequests", "request": "approvalRequests"}
_USUAL: Mapping[str, Sequence[str]] = {
    "reason": ("storm", "a reason"),
    "remark": ("called the client",),
    "text": ("please pay",),
    "market": ("XHKG", "XNYS"),
    "currency": ("HKD", "USD"),
    "search": ("a", "M1"),
    "quantity": ("100", "1"),
    "maxAdvShare": ("0.5",),
}
_WITHOUT_CURSOR = frozenset({"after", "before", "last"})
_ROWS_MAX = 100


class Known:
    """What the running desk has: ids by their kind, texts by the name of their field, versions of cases."""

    def __init__(self) -> None:
        self.texts: dict[str, list[str]] = {name: list(texts) for name, texts in _USUAL.items()}
        self.ids: dict[str, list[str]] = {}
        self.versions: dict[str, int] = {}

    @classmethod
    def of(cls, client: httpx.Client) -> "Known":
        """Ask the desk; what the token may not see stays unknown."""
        known = cls()
        for document in (EVERYTHING_KNOWN, REQUESTS_KNOWN):
            data = client.post("/graphql", json={"query": document}).json().get("data") or {}
            for kind, value in data.items():
                known._learn(kind, value)
        return known

    def _learn(self, kind: str, value: Any) -> None:
        if isinstance(value, list):
            for each in value:
                self._learn(kind, each)
        elif isinstance(value, Mapping):
            for name, each in value.items():
                if name == "id":
                    self.ids.setdefault(kind, []).append(each)
                elif name == "version":
                    self.versions[value["id"]] = each
                elif isinstance(each, str):
                    self.texts.setdefault(name, []).append(each)
                self._learn(kind, each)

    def ids_for(self, words: str) -> Sequence[str]:
        """Of the kind that the name of the argument, or of its field, has in it; otherwise of any kind."""
        for word in (*self.ids, *_SYNONYMS):
            if word.removesuffix("s").lower() in words.lower():
                return self.ids.get(_SYNONYMS.get(word, word), ())
        return [each for ids in self.ids.values() for each in ids]


def aimed(document: str, known: Known, chance: random.Random) -> str:
    """The document with most of its arguments replaced."""
    return print_ast(visit(parse(document), _Aim(known, chance)))


class _Aim(Visitor):
    def __init__(self, known: Known, chance: random.Random) -> None:
        super().__init__()
        self._known = known
        self._chance = chance
        self._field = ""
        cases = known.ids.get("cases")
        self._case = chance.choice(cases) if cases else ""

    def enter_field(self, node: FieldNode, *_: object) -> None:
        self._field = node.name.value

    def enter_argument(self, node: ArgumentNode, *_: object) -> ArgumentNode:
        return ArgumentNode(name=node.name, value=self._replaced(node.name.value, node.value))

    def enter_object_field(self, node: ObjectFieldNode, *_: object) -> ObjectFieldNode:
        return ObjectFieldNode(name=node.name, value=self._replaced(node.name.value, node.value))

    def _replaced(self, name: str, value: Any) -> Any:
        return self._fitting(name, value) if self._chance.random() < REPLACED_PART else value

    def _fitting(self, name: str, value: Any) -> Any:
        if name in _WITHOUT_CURSOR:
            return NullValueNode()
        if name == "first":
            return IntValueNode(value=str(self._chance.randint(1, _ROWS_MAX)))
        if name == "expectedVersion":
            return IntValueNode(value=str(self._known.versions.get(self._case, 1)))
        if name == "idempotencyKey":
            return StringValueNode(value=f"key {self._chance.randrange(2**40)}")
        if isinstance(value, ListValueNode):
            values = value.values or ((StringValueNode(value=""),) if self._texts(name) else ())
            return ListValueNode(values=tuple(self._fitting(name, each) for each in values))
        texts = self._texts(name)
        if texts and isinstance(value, StringValueNode | IntValueNode):
            return StringValueNode(value=self._chance.choice(texts))
        return value

    def _texts(self, name: str) -> Sequence[str]:
        if name in ("caseId", "caseIds") and self._case:
            return (self._case,)
        if name.lower().endswith(("id", "ids")):
            return self._known.ids_for(self._field if name in ("id", "ids") else name)
        return self._known.texts.get(name, self._known.texts.get(name.removesuffix("s"), ()))
