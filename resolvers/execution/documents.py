"""Documents parsed and validated once: cached by their text, errors included, with a bound."""

from collections import Counter, OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from functools import cached_property
from time import thread_time
from typing import Any

import structlog
from graphql import (
    DefinitionNode,
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    get_operation_ast,
    parse,
    print_ast,
    specified_rules,
    validate,
)
from graphql.validation import NoSchemaIntrospectionCustomRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from domain.document_name import sha256_of
from resolvers.execution.compiling import CompiledSelections
from resolvers.execution.cost import cost_of, page_size, page_size_variables
from resolvers.execution.input_size import Uses, uses_of_variables
from resolvers.execution.limits import DocumentLimits
from resolvers.execution.nesting import max_aliases, max_depth
from resolvers.execution.repetition import errors_before_validation
from resolvers.kit.errors import coded

log = structlog.get_logger()

CACHED_DOCUMENTS = 1024
CACHED_CHARACTERS = 2_000_000
"""The bound for all cached documents together; a parsed document takes up to fifty times as much memory."""
ERRORS_MAX = 5
"""Errors of one document or of its variables; each costs time, and the first ones say enough."""
DIGEST_CHARACTERS = 16
CHECK_SLOW_S = 0.05
"""Parsing and validating for longer, by the processor's time, is logged: meanwhile the process does nothing
else.
"""
COSTS_MAX = 64
"""Costs remembered of one document, each for other page sizes."""
_DEFAULT = 0
"""Stands for a page size that was not sent; those that are sent count from 1."""


@dataclass(frozen=True)
class Document:
    """A parsed document, or the errors that make it invalid."""

    text: str
    ast: DocumentNode | None
    errors: tuple[GraphQLError, ...]
    kinds: Mapping[str | None, OperationType] | None = None
    """The type of each operation by its name, also of an invalid document; None if the text is malformed."""

    @property
    def definitions(self) -> tuple[DefinitionNode, ...]:
        """Operations and fragments of the document."""
        return () if self.ast is None else tuple(self.ast.definitions)

    @cached_property
    def digest(self) -> str:
        """The beginning of the SHA-256 of the text, by which the log names a document."""
        return sha256_of(self.text)[:DIGEST_CHARACTERS]

    @cached_property
    def normalised(self) -> str:
        """The text in one form, whatever its white space and comments."""
        return "\n".join(print_ast(each) for each in self.definitions)

    def cost(self, schema: GraphQLSchema, variables: Mapping[str, Any], max_rows: int) -> int:
        """The cost of a valid document with these variables, of which only page sizes matter."""
        key = tuple(
            page_size(variables[name], max_rows) if name in variables else _DEFAULT
            for name in self._page_size_variables
        )
        cost = self._costs.get(key)
        if cost is None:
            assert self.ast is not None, "only a valid document has a cost"
            if len(self._costs) >= COSTS_MAX:
                self._costs.clear()
            cost = self._costs[key] = cost_of(schema, self.ast, variables, max_rows)
        return cost

    def uses_of_variables(self, operation: OperationDefinitionNode) -> Uses:
        """How many places of the operation use each variable."""
        name = operation.name.value if operation.name else None
        if name not in self._uses:
            self._uses[name] = uses_of_variables(
                operation, {each.name.value: each for each in self.fragments}
            )
        return self._uses[name]

    @cached_property
    def _uses(self) -> dict[str | None, Uses]:
        return {}

    @cached_property
    def _page_size_variables(self) -> tuple[str, ...]:
        assert self.ast is not None, "only a valid document has a cost"
        return page_size_variables(self.ast)

    @cached_property
    def _costs(self) -> dict[tuple[int | None, ...], int]:
        """By page sizes alone: whatever else a client sends must not be kept."""
        return {}

    @cached_property
    def admitted(self) -> OrderedDict[Hashable, Any]:
        """Kept by `resolvers.execution.executor`: operations with the variables that were sent last."""
        return OrderedDict()

    @property
    def compiled(self) -> int:
        """How many selections were compiled."""
        return len(self.selections) if "selections" in vars(self) else 0

    @cached_property
    def selections(self) -> CompiledSelections:
        """Of a valid document."""
        assert self.ast is not None, "an operation is admitted from a valid document"
        return CompiledSelections(self.ast)

    @property
    def fragments(self) -> tuple[FragmentDefinitionNode, ...]:
        """The definitions that are fragments."""
        return tuple(each for each in self.definitions if isinstance(each, FragmentDefinitionNode))

    def fragment(self, name: str) -> FragmentDefinitionNode:
        """The fragment with that name; validation has checked that there is only one."""
        return next(each for each in self.fragments if each.name.value == name)

    def operation(self, name: str | None) -> OperationDefinitionNode | None:
        """The requested operation; None if the name does not identify one."""
        return None if self.ast is None else get_operation_ast(self.ast, name)


class Documents:
    """The rules are built once, because building them per request would defeat every cache."""

    def __init__(self, schema: GraphQLSchema, limits: DocumentLimits, *, introspection: bool) -> None:
        self._schema = schema
        self._limits = limits
        self._introspection = introspection
        self._rules = [
            *specified_rules,
            OneOfInputValidationRule,
            max_depth(limits.depth),
            max_aliases(limits.aliases),
        ]
        if not introspection:
            self._rules.append(NoSchemaIntrospectionCustomRule)
        self._cache: OrderedDict[str, Document] = OrderedDict()
        self._sizes: dict[str, int] = {}
        """The last known size of each document: its characters, once more for each compiled selection."""
        self._characters = 0
        self.reads: Counter[str] = Counter()
        """How often a document was known already, or new."""

    def get(self, text: str) -> Document:
        """The parsed and validated document, from the cache if possible."""
        document = self._cache.get(text)
        self.reads["new" if document is None else "known"] += 1
        if document is None:
            document = self._cache[text] = self.check(text)
        else:
            self._cache.move_to_end(text)
        self._measure(text, document)
        while len(self._cache) > CACHED_DOCUMENTS or self._characters > CACHED_CHARACTERS:
            forgotten, _ = self._cache.popitem(last=False)
            self._characters -= self._sizes.pop(forgotten)
        return document

    def knows(self, text: str) -> bool:
        """Whether reading it costs nothing."""
        return text in self._cache

    def _measure(self, text: str, document: Document) -> None:
        """A document grows while it is used: with directives it has a selection for each combination."""
        size = len(text) * (1 + document.compiled)
        self._characters += size - self._sizes.get(text, 0)
        self._sizes[text] = size

    def check(self, text: str) -> Document:
        """The parsed and validated document, which is not kept here."""
        began = thread_time()
        document = self._read(text)
        took_s = thread_time() - began
        if took_s > CHECK_SLOW_S:
            log.warning("a document took long to check", document=document.digest, seconds=round(took_s, 3))
        return document

    def _read(self, text: str) -> Document:
        try:
            ast = parse(text, max_tokens=self._limits.tokens)
        except GraphQLError as malformed:
            return Document(text, None, (coded(malformed),))
        errors = errors_before_validation(self._schema, ast, self._limits) or validate(
            self._schema, ast, self._rules, max_errors=ERRORS_MAX, hide_suggestions=not self._introspection
        )
        return Document(text, None if errors else ast, tuple(coded(error) for error in errors), _kinds(ast))


def _kinds(ast: DocumentNode) -> Mapping[str | None, OperationType]:
    return {
        each.name.value if each.name else None: each.operation
        for each in ast.definitions
        if isinstance(each, OperationDefinitionNode)
    }
