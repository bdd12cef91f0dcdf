"""What a document may hold before it is validated, and how many documents are remembered."""

from itertools import product
from typing import Any, cast

import pytest
from graphql.execution.collect_fields import FieldDetails

from resolvers.execution.compiling import CompilingExecutor
from resolvers.execution.documents import CACHED_CHARACTERS, CACHED_DOCUMENTS, Documents
from resolvers.execution.limits import NAME_CHARACTERS_MAX
from tests.kit.executing import LIMITS, SCHEMA

LONG = "x" * (NAME_CHARACTERS_MAX + 1)
NAMED = {
    "an alias": "{{ viewer {{ {name}: subject }} }}",
    "a field": "{{ {name} }}",
    "an argument": "{{ viewer({name}: 1) {{ subject }} }}",
    "a variable": "query (${name}: Int) {{ viewer {{ subject }} }}",
    "an operation": "query {name} {{ viewer {{ subject }} }}",
    "a fragment": "{{ viewer {{ ...{name} }} }} fragment {name} on Viewer {{ subject }}",
    "a type": "{{ viewer {{ ... on {name} {{ subject }} }} }}",
    "a directive": "{{ viewer {{ subject @{name} }} }}",
}


def documents() -> Documents:
    return Documents(SCHEMA, LIMITS, introspection=True)


@pytest.mark.parametrize("form", NAMED.values(), ids=NAMED)
def test_a_name_that_is_too_long_is_refused_wherever_it_stands(form: str) -> None:
    (error,) = documents().get(form.format(name=LONG)).errors
    assert error.message == f"A name has {len(LONG)} characters, more than {NAME_CHARACTERS_MAX}."
    assert error.extensions == {"code": "GRAPHQL_VALIDATION_FAILED"}


@pytest.mark.parametrize(
    "document",
    [
        f"{{ viewer {{ {LONG[1:]}: subject }} }}",
        f'{{ quote(symbol: "{LONG * 10}") {{ last }} }}',
        "{ viewer { subject } } # " + LONG * 10,
    ],
    ids=["the longest name", "a text", "a comment"],
)
def test_other_long_words_are_no_names(document: str) -> None:
    assert not documents().get(document).errors


def test_as_many_documents_are_remembered_as_there_may_be_characters_of_them() -> None:
    remembering, size = documents(), CACHED_CHARACTERS // 10
    texts = [f"{{ viewer {{ subject }} }} # {number} ".ljust(size, "x") for number in range(11)]
    first = [remembering.get(text) for text in texts]
    assert remembering.get(texts[0]) is not first[0], "it made room for the last"
    assert remembering.get(texts[-1]) is first[-1]


def test_a_document_that_is_used_again_and_again_outlives_many_small_ones() -> None:
    remembering = documents()
    often = remembering.get("{ viewer { subject } }")
    for number in range(CACHED_DOCUMENTS * 2):
        remembering.get(f"{{ {number}")
        assert remembering.get("{ viewer { subject } }") is often


async def test_a_document_counts_for_more_with_each_selection_that_was_compiled_for_it() -> None:
    remembering = documents()
    text = """query ($a: Boolean!, $b: Boolean!, $c: Boolean!) {
      viewer { at: subject subject @include(if: $a) permissions @include(if: $b) accountScope @skip(if: $c) }
    } #""".ljust(CACHED_CHARACTERS // 6, "x")
    first = remembering.get(text)
    for number in range(5):
        remembering.get(f"{{ viewer {{ subject }} }} # {number}")
    assert remembering.get(text) is first
    assert first.ast is not None
    for flags in product((True, False), repeat=3):
        variables = dict(zip("abc", flags, strict=True))
        executor = CompilingExecutor.build(
            SCHEMA, first.ast, raw_variable_values=variables, selections=first.selections
        )
        assert isinstance(executor, CompilingExecutor)
        type_ = SCHEMA.type_map["Viewer"]
        (node,) = executor.operation.selection_set.selections
        assert first.selections.get(executor, cast(Any, type_), [FieldDetails(cast(Any, node), None)])
    assert first.compiled == 8
    remembering.get(text)
    assert remembering.get(text) is not first, "eight selections are more than may be remembered"
