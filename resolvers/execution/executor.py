"""The one way in which operations are admitted and executed, for HTTP, WebSockets and event streams.

A document is parsed, validated and measured once. What the limits refuse, and with which code, is the same
over every transport; only the form of a refusal belongs to the transport.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import orjson
from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
)
from strawberry.execution import optimized_is_awaitable

from domain.document_name import DocumentName
from resolvers.execution.compiling import CompilingExecutor, Projection, projection
from resolvers.execution.documents import ERRORS_MAX, Document, Documents
from resolvers.execution.input_size import number_of_input_fields
from resolvers.execution.limits import DocumentLimits, Limit
from resolvers.execution.personal import personal_fields
from resolvers.execution.repetition import over_the_whole_book
from resolvers.execution.trusted import TrustedDocuments
from resolvers.kit.context import ReadContext
from resolvers.kit.errors import BAD_USER_INPUT, INVALID_DOCUMENT, ApiError, coded

ADMITTED_KEPT, KNOWN_VARIABLES_BYTES = 8, 512
"""Admitted operations of one document, and the size of their variables: dashboards ask the same again and
again, and a thousand subscribers with one filter need one operation.
"""


@dataclass(frozen=True, slots=True)
class AdmittedOperation:
    """The requested operation of a valid document, within the limits, with variables of the right types."""

    document: Document
    variables: Mapping[str, Any]
    """As they were sent."""
    cost: int
    input_fields: int
    """Of the variables, counted where they are used."""
    prepared: CompilingExecutor
    over_the_book: int
    """How many of its root fields compute over the whole book."""

    @property
    def node(self) -> OperationDefinitionNode:
        """The definition in the document."""
        return self.prepared.operation

    @property
    def work(self) -> int:
        """What it costs to answer it and to read its variables: a field takes about as long in either."""
        return self.cost + self.input_fields

    @property
    def name(self) -> str | None:
        """Its name in the document."""
        return self.node.name.value if self.node.name else None

    @property
    def kind(self) -> OperationType:
        """Query, mutation or subscription."""
        return self.node.operation

    @property
    def is_subscription(self) -> bool:
        """Whether it is a subscription."""
        return _is_subscription(self.node)


class Executor:
    """Admits and executes the operations of one schema."""

    def __init__(
        self,
        schema: GraphQLSchema,
        limits: DocumentLimits,
        *,
        introspection: bool,
        trusted: TrustedDocuments | None = None,
    ) -> None:
        self._schema = schema
        self._limits = limits
        self._introspection = introspection
        self._documents = Documents(schema, limits, introspection=introspection)
        self.trusted = TrustedDocuments() if trusted is None else trusted

    @property
    def document_reads(self) -> Counter[str]:
        """How often a document was `known` already, or `new`."""
        return self._documents.reads

    def read(self, text: str, name: DocumentName | None = None) -> Document:
        """The document that a request sends, or names with an empty text: parsed and validated, from the
        manifest or the cache if possible.
        """
        document = self.trusted.find(text, name)
        if document is None:
            document = self._documents.get(text)
            self.trusted.note_untrusted(document)
        elif document.ast is not None:
            self.document_reads["known"] += 1
        return document

    def check(self, text: str) -> Document:
        """A document for the manifest; raises ValueError if it is invalid or costs too
        much.
        """
        document = self._documents.check(text)
        if document.ast is None:
            raise ValueError(document.errors[0].message)
        # With other page sizes than its defaults it may cost more, which is computed for each request.
        cost = document.cost(self._schema, {}, self._limits.rows)
        for node in document.definitions:
            if isinstance(node, OperationDefinitionNode) and (refused := self._over_limit(node, cost)):
                raise ValueError(refused.message)
        return document

    def knows(self, text: str) -> bool:
        """Whether the document was read before, and is still known; an empty text names one."""
        return not text or text in self.trusted or self._documents.knows(text)

    def admit(
        self, document: Document, name: str | None, variables: Mapping[str, Any] | None
    ) -> AdmittedOperation | tuple[GraphQLError, ...]:
        """The operation with this name, or the only one; or the errors for which it is refused."""
        if document.ast is None:
            return document.errors
        node = document.operation(name)
        if node is None:
            return (_no_operation(name),)
        given = variables or {}
        key = _key(node, given)
        if key in document.admitted:
            document.admitted.move_to_end(key)
            known: AdmittedOperation = document.admitted[key]
            return known
        operation = self._admit(document, document.ast, node, given)
        if isinstance(operation, AdmittedOperation) and key is not None:
            document.admitted[key] = operation
            if len(document.admitted) > ADMITTED_KEPT:
                document.admitted.popitem(last=False)
        return operation

    def _admit(
        self,
        document: Document,
        ast: DocumentNode,
        node: OperationDefinitionNode,
        given: Mapping[str, Any],
    ) -> AdmittedOperation | tuple[GraphQLError, ...]:
        cost = document.cost(self._schema, given, self._limits.rows)
        if refused := self._over_limit(node, cost):
            return (refused,)
        uses, most = document.uses_of_variables(node), self._limits.input_fields
        input_fields = number_of_input_fields(self._schema, node, given, uses, most)
        if input_fields > most:
            return (Limit.INPUT_FIELDS.exceeded(most),)
        prepared = CompilingExecutor.build(
            self._schema,
            ast,
            raw_variable_values=dict(given),
            operation_name=node.name.value if node.name else None,
            is_awaitable=optimized_is_awaitable,  # type: ignore[arg-type]
            max_coercion_errors=ERRORS_MAX,
            hide_suggestions=not self._introspection,
            selections=document.selections,
        )
        if isinstance(prepared, list):
            return tuple(_coded_as(error, BAD_USER_INPUT) for error in prepared)
        over_the_book = over_the_whole_book(node, {each.name.value: each for each in document.fragments})
        return AdmittedOperation(
            document, given, cost, input_fields, cast(CompilingExecutor, prepared), over_the_book
        )

    def _over_limit(self, node: OperationDefinitionNode, cost: int) -> GraphQLError | None:
        most = self._limits.event_cost if _is_subscription(node) else self._limits.cost
        return Limit.COST.exceeded(most, cost) if cost > most else None

    async def execute(
        self, operation: AdmittedOperation, context: ReadContext, root: object = None
    ) -> ExecutionResult:
        """The result, with the errors as they were raised; `root` is the event of a subscription."""
        try:
            result = operation.prepared.run(context, root)
            return result if isinstance(result, ExecutionResult) else await result
        finally:
            context.release()

    def projection(self, operation: AdmittedOperation) -> Projection | None:
        """The data of a subscription as a function of its event; None: it has to be executed."""
        return projection(operation.prepared)

    def personal_fields(self, document: Document) -> list[str]:
        """The fields with personal data that the document asks for."""
        return [] if document.ast is None else personal_fields(self._schema, document.ast)


def encode(result: ExecutionResult, cursor: str | None = None) -> bytes:
    """The payload of a result, with the errors in the form that a client may see."""
    payload: dict[str, Any] = {"data": result.data}
    if result.errors:
        payload["errors"] = [coded(error).formatted for error in result.errors]
    if cursor is not None:
        payload["extensions"] = {"cursor": cursor}
    return orjson.dumps(payload, option=orjson.OPT_UTC_Z)


def _no_operation(name: str | None) -> ApiError:
    if name is None:
        return ApiError(
            INVALID_DOCUMENT, "The document has several operations: send operationName to choose one."
        )
    return ApiError(BAD_USER_INPUT, f"The document has no operation named {name[:100]!r}.")


def _key(node: OperationDefinitionNode, variables: Mapping[str, Any]) -> tuple[int, bytes] | None:
    """By which the same operation of a document is known again; None if it is not worth it."""
    try:
        text = orjson.dumps(variables)
    except TypeError:
        # For example a number of more than 64 bits.
        return None
    return (id(node), text) if len(text) <= KNOWN_VARIABLES_BYTES else None


def _is_subscription(node: OperationDefinitionNode) -> bool:
    return node.operation is OperationType.SUBSCRIPTION


def _coded_as(error: GraphQLError, code: str) -> GraphQLError:
    """The error with this code."""
    return GraphQLError(error.message, nodes=error.nodes, extensions={"code": code})
