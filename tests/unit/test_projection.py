"""A compiled selection yields what the executor yields, whatever is selected; or it steps back."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
import pytest
from graphql import (
    ExecutionResult,
    GraphQLObjectType,
    execute_sync,
    get_named_type,
    parse,
    specified_rules,
    validate,
)
from hypothesis import event, given, settings
from hypothesis import strategies as st

from domain.case import AutoLiquidation, AutoLiquidationTrigger, CaseStatus
from resolvers.execution.compiling import CompiledSelections, CompilingExecutor, Projection, projection
from resolvers.execution.executor import encode
from resolvers.execution.leaves import NotPlain
from resolvers.subscription import CaseEvent, case_event_of
from resolvers.types.summary import CaseStatusCount, CaseSummary
from tests.kit.executing import SCHEMA
from tests.kit.live_desk import case_event

NOW = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)
DEPTH = 4


def compiled(text: str, **variables: Any) -> Projection | None:
    document = parse(text)
    executor = CompilingExecutor.build(
        SCHEMA, document, raw_variable_values=variables, selections=CompiledSelections(document)
    )
    assert isinstance(executor, CompilingExecutor)
    project = projection(executor)
    return None if project is None else lambda event: as_a_client_reads_it(project(event))


def as_a_client_reads_it(data: Any) -> Any:
    return orjson.loads(encode(ExecutionResult(data)))["data"]


def executed(document: str, root: CaseEvent | CaseSummary, **variables: Any) -> Any:
    result = execute_sync(SCHEMA, parse(document), root_value=root, variable_values=variables)
    assert not result.errors
    return result.data


def an_event(auto: bool = False, ratio: Decimal | None = None, remark: str = "") -> CaseEvent:
    """With its nullable places full or empty."""
    fact = case_event(NOW, remark=remark)
    case = replace(
        fact.view.case,
        auto_liquidation=AutoLiquidation(NOW, AutoLiquidationTrigger.DEADLINE) if auto else None,
        figures=replace(fact.view.case.figures, net_asset_ratio=ratio),
    )
    return case_event_of(replace(fact, view=replace(fact.view, case=case)), "cursor")


@st.composite
def selections(draw: st.DrawFn, type_: GraphQLObjectType, depth: int = DEPTH) -> str:
    """Fields of the type that take no argument and need no database, aliased, repeated and in fragments."""
    chosen = draw(
        st.lists(st.sampled_from(["__typename", *plain_fields(type_, depth)]), min_size=1, max_size=6)
    )
    return " ".join([draw(one_selection(type_, name, depth)) for name in chosen])


@st.composite
def one_selection(draw: st.DrawFn, type_: GraphQLObjectType, name: str, depth: int) -> str:
    of = None if name == "__typename" else get_named_type(type_.fields[name].type)
    text = name
    if isinstance(of, GraphQLObjectType):
        text += " { " + draw(selections(of, depth - 1)) + " }"
    if not isinstance(of, GraphQLObjectType) and draw(st.booleans()):
        text = f"{name}_{draw(st.integers(0, 1))}: {text}"
    within = [
        "",
        f"... on {type_.name}",
        "...",
        *(f"... on {each.name}" for each in type_.interfaces if name in each.fields),
    ]
    wrapper = draw(st.sampled_from(within))
    return f"{wrapper} {{ {text} }}" if wrapper else text


READ_WHEN_ASKED = frozenset(
    {
        "account",
        "client",
        "frozen",
        "figuresAtOpen",
        "reopenedFrom",
        "lookAhead",
        "coveredOptionShortfalls",
        "shortRecoveries",
    }
)
"""Fields that no event carries."""


def plain_fields(type_: GraphQLObjectType, depth: int) -> list[str]:
    return [
        name
        for name, field in type_.fields.items()
        if not field.args
        and name not in READ_WHEN_ASKED
        and (depth > 1 or not isinstance(get_named_type(field.type), GraphQLObjectType))
    ]


CASE_EVENT = SCHEMA.type_map["CaseEvent"]
assert isinstance(CASE_EVENT, GraphQLObjectType)


@given(
    selected=selections(CASE_EVENT),
    root=st.builds(
        an_event,
        auto=st.booleans(),
        ratio=st.none() | st.decimals(-2, 2, places=4),
        remark=st.text(max_size=20),
    ),
)
@settings(max_examples=300)
def test_every_plain_selection_compiles_to_the_answer_of_the_executor(selected: str, root: CaseEvent) -> None:
    document = f"subscription {{ all: caseEvents {{ {selected} }} }}"
    if validate(SCHEMA, parse(document), specified_rules):
        event("conflicting aliases")
        return
    project = compiled(document)
    assert project is not None
    assert project(root) == executed(document, root)
    assert list(project(root)["all"]) == list(executed(document, root)["all"])


def test_named_fragments_are_part_of_the_selection() -> None:
    document = """
        subscription { caseEvents { ...Head case { ...Figures ...Figures } } }
        fragment Head on DeskEvent { id at }
        fragment Figures on Case { figures { equity cash } ... on Node { id } }
    """
    project = compiled(document)
    assert project is not None
    root = an_event()
    assert project(root) == executed(document, root)


@pytest.mark.parametrize(
    "selected", ["case { client { name } }", "case { orders(first: 1) { edges { node { id } } } }"]
)
def test_selections_with_resolvers_have_to_be_executed(selected: str) -> None:
    assert compiled(f"subscription {{ caseEvents {{ {selected} }} }}") is None


@pytest.mark.parametrize("with_id", [True, False])
def test_directives_are_compiled_with_their_variables(with_id: bool) -> None:
    document = """
        subscription S($shown: Boolean!) {
          caseEvents { at id @include(if: $shown) ... @skip(if: $shown) { case { figures { equity } } } }
        }
    """
    project, root = compiled(document, shown=with_id), an_event()
    assert project is not None
    assert ("id" in project(root)["caseEvents"]) is with_id
    assert project(root) == executed(document, root, shown=with_id)


@pytest.mark.parametrize("wrong", [None, "not a number"])
def test_a_value_that_would_be_an_error_is_left_to_the_executor(wrong: Any) -> None:
    project = compiled("subscription { caseEvents { case { amount } } }")
    assert project is not None
    root = an_event()
    root.case.amount = wrong
    with pytest.raises(NotPlain):
        project(root)


def test_lists_are_completed_item_by_item() -> None:
    document = "subscription { caseSummary { byStatus { status count } } }"
    project = compiled(document)
    assert project is not None
    counts: list[Any] = [CaseStatusCount(status=CaseStatus.OPEN, count=2)]
    summary = CaseSummary(
        open_cases=1,
        total_amount=Decimal(2),
        long_term_unsettled_amount=Decimal(0),
        unconverted=[],
        currency="USD",
        by_status=counts,
        as_of=NOW,
    )
    assert project(summary) == executed(document, summary)
    counts.append(None)
    with pytest.raises(NotPlain):
        project(summary)
