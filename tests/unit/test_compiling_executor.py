"""The compiling executor answers what the executor of graphql-core answers: data, order of keys, errors and
their paths. Documents and data are generated; some values are wrong, some resolvers fail, some are slow.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from random import Random
from typing import Annotated, Any, TypeVar, cast

import pytest
import strawberry
from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLUnionType,
    execute,
    get_named_type,
    parse,
    specified_rules,
    validate,
)
from strawberry.execution import optimized_is_awaitable
from strawberry.schema.config import StrawberryConfig

from models.sql.pace import Pace
from resolvers.execution.compiling import CompiledSelections, CompilingExecutor
from resolvers.execution.executor import encode
from resolvers.kit.batch_loader import BatchLoader
from resolvers.kit.context import ReadContext
from resolvers.kit.loaded import loaded
from resolvers.kit.scalars import SCALARS

T = TypeVar("T")

DEPTH = 5
NOW = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)


@strawberry.enum
class Colour(Enum):
    RED = "r"
    GREEN = "g"


@strawberry.interface
class Named:
    name: str


@strawberry.type
class Leaf(Named):
    text: str
    note: str | None
    number: int
    share: float
    flag: bool
    amount: Decimal
    at: datetime
    colour: Colour
    matrix: list[list[int]]


def found(leaf: Leaf | None, _: ReadContext) -> Leaf:
    if leaf is None:
        raise LookupError("no leaf has this key")
    return leaf


def leaves_of(loaders: Any) -> BatchLoader[str, Leaf | None]:
    return cast(BatchLoader[str, Leaf | None], loaders)


@strawberry.type
class Tree(Named):
    leaf: Leaf
    maybe: Leaf | None
    leaves: list[Leaf]
    gaps: list[Leaf | None] | None
    named: list[Named]
    thing: Annotated["Leaf | Tree", strawberry.union("Thing")] | None
    things: list[Annotated["Leaf | Tree", strawberry.union("Thing")]]
    trees: list["Tree"]
    key: strawberry.Private[str]
    fails: strawberry.Private[frozenset[str]]

    by_key: Leaf = loaded("By key.", key=lambda tree: tree.key, loader=leaves_of, node=found)
    perhaps: Leaf | None = loaded("By key.", key=lambda tree: tree.key, loader=leaves_of)

    @strawberry.field
    async def slow(self, times: int = 1) -> Leaf | None:
        for _ in range(times):
            await asyncio.sleep(0)
        self.check("slow")
        return self.maybe

    @strawberry.field
    async def must(self) -> Leaf:
        await asyncio.sleep(0)
        self.check("must")
        return self.leaf

    @strawberry.field
    def sync(self, prefix: str = "", colour: Colour | None = None) -> str:
        self.check("sync")
        return f"{prefix}{self.key}{'' if colour is None else colour.name}"

    @strawberry.field
    async def parts(self, first: int = 2) -> list["Tree"]:
        self.check("parts")
        return self.trees[:first]

    def check(self, name: str) -> None:
        if name in self.fails:
            raise ValueError(f"{name} of {self.key} failed")


@strawberry.type
class Query:
    """The root `tree` is an attribute: with it, no root field is resolved without the executor."""

    tree: Tree | None
    forest: strawberry.Private[list[Tree]]
    chosen: strawberry.Private[Any]
    failure: strawberry.Private[str]
    calls: strawberry.Private[Counter[str]] = field(default_factory=Counter)

    @strawberry.field
    async def must(self) -> Tree:
        self.calls["must"] += 1
        await asyncio.sleep(0)
        if self.failure == "must":
            raise ValueError("must failed")
        return self.forest[0]

    @strawberry.field
    async def trees(self, first: int = 3, colour: Colour | None = None) -> list[Tree]:
        await asyncio.sleep(0)
        return self.forest[:first]

    @strawberry.field
    def first(self) -> Leaf | None:
        return self.forest[0].maybe

    @strawberry.field
    async def thing(self) -> Annotated["Leaf | Tree", strawberry.union("Thing")]:
        await asyncio.sleep(0)
        if self.failure == "thing":
            return cast(Leaf, ValueError("as a value"))
        return cast(Leaf, self.chosen)

    @strawberry.field
    async def later(self) -> list[Tree] | None:
        self.calls["later"] += 1
        await asyncio.sleep(0)
        if self.failure == "later":
            raise ValueError("later failed")
        return self.forest


STRAWBERRY = strawberry.Schema(Query, config=StrawberryConfig(scalar_map=SCALARS))
SCHEMA = STRAWBERRY._schema

WRONG: Sequence[Any] = (None, ValueError("as a value"), object(), "text", 2**40, Decimal("1.50"))
SEEDS = 120
"""Generated with a seed each: of a few thousand values, Hypothesis would take minutes to draw them."""


class Generator(Random):
    """Draws trees of values, a few of them wrong, and documents that ask for them."""

    keys = 0

    def name(self) -> str:
        return self.choice("abcd")

    def leaf(self) -> Leaf:
        leaf = Leaf(
            name=self.name(),
            text=self.name(),
            note=self.choice([None, "note"]),
            number=self.randint(-3, 3),
            share=0.5,
            flag=self.choice([True, False]),
            amount=Decimal(self.randint(-999, 999)).scaleb(-2),
            at=NOW,
            colour=self.choice(list(Colour)),
            matrix=[[1, 2], []],
        )
        return self._spoilt(
            leaf, ("text", "note", "number", "share", "flag", "amount", "at", "colour", "matrix")
        )

    def leaves(self, most: int = 2) -> list[Leaf]:
        return [self.leaf() for _ in range(self.randint(0, most))]

    def tree(self, depth: int = 2) -> Tree:
        some = self.leaves()
        inner = [self.tree(depth - 1) for _ in range(self.randint(0, 2))] if depth else []
        tree = Tree(
            name=self.name(),
            leaf=self.leaf(),
            maybe=self.choice([None, self.leaf()]),
            leaves=some,
            gaps=cast(Any, self.choice([None, [None, *some], some])),
            named=[*some, *inner],
            thing=self.choice([None, *some, *inner]),
            things=[*inner, *some],
            trees=inner,
            key=self.name(),
            fails=frozenset(self.choices(["slow", "must", "sync", "parts"], k=self.choice([0, 0, 0, 1]))),
        )
        return self._spoilt(tree, ("leaf", "maybe", "leaves", "gaps", "named", "thing", "things", "trees"))

    def _spoilt(self, value: T, names: Sequence[str]) -> T:
        if self.random() < 0.04:
            setattr(value, self.choice(names), self.choice(WRONG))
        return value

    def document(self) -> str:
        fragments: list[str] = []
        operation = self._selection(SCHEMA.query_type, DEPTH, fragments)
        return (
            "query Generated($yes: Boolean! = true, $no: Boolean!, $times: Int = 2, $colour: Colour) "
            f"{operation} {' '.join(fragments)}"
        )

    def _selection(self, type_: Any, depth: int, fragments: list[str]) -> str:
        return f"{{ {' '.join(self._one(type_, depth, fragments) for _ in range(self.randint(1, 5)))} }}"

    def _one(self, type_: Any, depth: int, fragments: list[str]) -> str:
        kind = self.choice(["field"] * 6 + ["inline", "fragment"]) if depth > 1 else "field"
        if kind == "field":
            return self._field(type_, depth, fragments)
        is_abstract = isinstance(type_, GraphQLUnionType | GraphQLInterfaceType)
        others = SCHEMA.get_possible_types(type_) if is_abstract else type_.interfaces
        condition = self.choice([type_, *others])
        inner = self._selection(condition, depth - 1, fragments)
        if kind == "inline":
            return f"... on {condition.name} {self._directive()} {inner}"
        fragments.append(f"fragment F{len(fragments)} on {condition.name} {inner}")
        return f"...F{len(fragments) - 1} {self._directive()}"

    def _field(self, type_: Any, depth: int, fragments: list[str]) -> str:
        usable: Mapping[str, GraphQLField] = {} if isinstance(type_, GraphQLUnionType) else type_.fields
        names = [name for name, each in usable.items() if depth > 1 or not has_fields(each)]
        name = self.choice(["__typename", *names])
        if name == "__typename":
            return f"{name} {self._directive()}"
        arguments, alias = self._arguments(usable[name]), self.choice(["", "", f"other_{name}: "])
        if usable[name].args:
            # The same key with other arguments would be invalid.
            self.keys += 1
            alias = f"k{self.keys}: "
        text = f"{alias}{name}{arguments} {self._directive()}"
        named = get_named_type(usable[name].type)
        return f"{text} {self._selection(named, depth - 1, fragments)}" if has_fields(usable[name]) else text

    def _arguments(self, chosen: GraphQLField) -> str:
        values = {
            "times": ["1", "$times"],
            "prefix": ['"p"'],
            "colour": ["RED", "$colour", "null"],
            "first": ["1", "0"],
        }
        given = [f"{name}: {self.choice(values[name])}" for name in chosen.args if self.random() < 0.5]
        return f"({', '.join(given)})" if given else ""

    def _directive(self) -> str:
        conditions = ["@include(if: $yes)", "@skip(if: $no)", "@skip(if: $yes)", "@include(if: false)"]
        return self.choice([""] * 10 + conditions)

    def variables(self) -> dict[str, Any]:
        some: dict[str, Any] = {"yes": self.random() < 0.5, "times": self.randint(0, 3), "colour": "RED"}
        return {"no": self.random() < 0.5} | {name: some[name] for name in some if self.random() < 0.5}


def has_fields(chosen: GraphQLField) -> bool:
    named = get_named_type(chosen.type)
    return isinstance(named, GraphQLObjectType | GraphQLInterfaceType | GraphQLUnionType)


@dataclass(frozen=True)
class Context:
    """What the loaded fields need of a context; its loaders are one loader."""

    loaders: BatchLoader[str, Leaf | None]
    pace: Pace = field(default_factory=Pace)


def context(known: Mapping[str, Leaf | None]) -> Context:
    async def load(keys: list[str]) -> list[Leaf | BaseException | None]:
        await asyncio.sleep(0)
        return [RuntimeError(f"{key} is damaged") if key == "a" else known.get(key) for key in keys]

    return Context(BatchLoader(load))


async def executed(
    document: DocumentNode, root: Query, seen: Context, variables: Any, **named: Any
) -> ExecutionResult:
    result = execute(
        SCHEMA,
        document,
        root_value=root,
        context_value=seen,
        variable_values=variables,
        is_awaitable=cast(Any, optimized_is_awaitable),
        **named,
    )
    return result if isinstance(result, ExecutionResult) else await result


def shown(result: ExecutionResult) -> tuple[str, set[str]]:
    """Data with the order of its keys, and the errors in any order: those of siblings come as they please.

    Of several errors that make the same place null from below, the first one ends the others: any of them is
    right.
    """
    errors = set()
    for error in result.errors or ():
        place = null_place(result.data, error.path or [])
        is_there = place == (error.path or [])
        errors.add(f"{place} {error.locations} {error}" if is_there else f"{place} from below")
    return encode(ExecutionResult(result.data)).decode(), errors


def null_place(data: Any, path: Sequence[str | int]) -> list[str | int]:
    """The part of the path up to the null in the data."""
    place: list[str | int] = []
    for key in path:
        if data is None:
            break
        place.append(key)
        data = data[key]
    return place


def test_generated_documents_are_answered_as_by_the_executor_of_the_specification() -> None:
    async def all_compared() -> list[str]:
        return [await compared(Generator(seed)) for seed in range(SEEDS)]

    outcomes = Counter(asyncio.run(all_compared()))
    assert min(outcomes[each] for each in ("data", "errors beside data", "no data")) > SEEDS // 50, outcomes


@pytest.mark.parametrize("failure", ["", "must", "later"])
async def test_a_root_field_is_resolved_once_even_if_it_fails(failure: str) -> None:
    draw = Generator(1)
    root = Query(tree=None, forest=[draw.tree()], chosen=draw.leaf(), failure=failure)
    document = parse("{ must { name } later { name must { text } } }")
    compiled = {"executor_class": CompilingExecutor, "selections": CompiledSelections(document)}
    result = await executed(document, root, context({}), {}, **compiled)
    assert root.calls == Counter(must=1, later=1)
    assert [error.path for error in result.errors or ()] == ([[failure]] if failure else [])


async def compared(draw: Generator) -> str:
    text, variables = draw.document(), draw.variables()
    document = parse(text)
    if validate(SCHEMA, document, [rule for rule in specified_rules if "Unused" not in rule.__name__]):
        return "invalid, for example by conflicting aliases"
    forest = [draw.tree() for _ in range(draw.randint(1, 3))]
    things: list[Leaf | Tree] = [draw.leaf(), *forest]
    chosen, failure = draw.choice(things), draw.choice(["", "", "must", "thing", "later"])
    root = Query(tree=forest[-1], forest=forest, chosen=chosen, failure=failure)
    known = {"b": draw.leaf(), "c": draw.leaf()}
    expected = await executed(document, root, context(known), variables)
    selections = CompiledSelections(document)
    # Twice: the second time the compiled functions are there.
    for _ in range(2):
        compiled = {"executor_class": CompilingExecutor, "selections": selections}
        result = await executed(document, root, context(known), variables, **compiled)
        assert shown(result) == shown(expected), (text, variables)
    if expected.data is None:
        return "no data"
    return "errors beside data" if expected.errors else "data"
