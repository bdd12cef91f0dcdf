"""GraphQL errors: always with a code, never with a stack trace.

A business "no" is not an error: it is data with a `RefusalCode`. An error is a request that makes no sense
(BAD_USER_INPUT), may not be made (UNAUTHENTICATED, FORBIDDEN), or a fault of ours (INTERNAL,
DATABASE_TIMEOUT, with a reference that finds the traceback in the log). An outage of the database is nobody's
fault (DATABASE_UNAVAILABLE): a line in the log when it begins and one when it ends. Nor is a lock of another
transaction (DATABASE_BUSY). The same request may be sent again.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar
from uuid import uuid4

import structlog
from graphql import GraphQLError, OperationDefinitionNode
from strawberry.exceptions import MissingQueryError
from strawberry.extensions import SchemaExtension
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types import StreamExecutionResult

from models.sql.database import (
    Busy,
    DatabaseUnavailable,
    StatementCutOff,
    UnstorableText,
    request_outage,
    unreadable_rows,
)
from models.sql.unreadable import UnreadableRow

log = structlog.get_logger()

T = TypeVar("T")

BAD_USER_INPUT = "BAD_USER_INPUT"
BOOK_BUSY = "BOOK_BUSY"
CURSOR_INVALID = "CURSOR_INVALID"
CURSOR_EXPIRED = "CURSOR_EXPIRED"
DATABASE_BUSY = "DATABASE_BUSY"
DATABASE_TIMEOUT = "DATABASE_TIMEOUT"
DATABASE_UNAVAILABLE = "DATABASE_UNAVAILABLE"
FORBIDDEN = "FORBIDDEN"
INTERNAL = "INTERNAL"
INVALID_DOCUMENT = "GRAPHQL_VALIDATION_FAILED"
QUERY_TOO_EXPENSIVE = "QUERY_TOO_EXPENSIVE"
UNREADABLE_DATA = "UNREADABLE_DATA"


_UNFIT = (MissingQueryError, CannotGetOperationTypeError, InvalidOperationTypeError)
"""What Strawberry says of a document that has no operation to run."""


class ApiError(GraphQLError):
    """An error that is meant for the client: its message says what to do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message, extensions={"code": code})


def unreadable_data() -> ApiError:
    """Instead of an object whose stored data is damaged."""
    message = "Stored data of this object is damaged and cannot be read. The operator finds it in the log."
    return ApiError(UNREADABLE_DATA, message)


def restored(found: T | None) -> T:
    """What was loaded of what is certainly there and visible: where it was left out, its row is damaged."""
    if found is None:
        raise unreadable_data()
    return found


def in_scope(found: T | None) -> T:
    """What was loaded of an account that was visible a moment ago; damaged, it is an error of its own."""
    if found is None:
        raise ApiError(FORBIDDEN, "The account left your scope.")
    return found


class CodedErrors(SchemaExtension):
    """Gives every error its code; hides what a client must not see and logs it instead."""

    def on_operation(self) -> Iterator[None]:
        """After a query or a mutation, or at the end of a stream, whose results were handled one by one."""
        yield
        context = self.execution_context
        known = {id(error): coded(error) for error in _errors_of(context.result)}
        _replace_errors(context.result, known)
        if context.pre_execution_errors:
            context.pre_execution_errors = [
                known.get(id(error)) or coded(error) for error in context.pre_execution_errors
            ]

    def on_stream_result(self, result: StreamExecutionResult) -> Iterator[None]:
        """Before one result of a subscription is sent."""
        _replace_errors(result, {id(error): coded(error) for error in _errors_of(result)})
        yield None


class OneOperation(SchemaExtension):
    """Strawberry runs the first of several operations when none is named; the specification refuses."""

    def on_validate(self) -> Iterator[None]:
        """Before the rules of validation."""
        context = self.execution_context
        document = context.graphql_document
        operations = [
            node
            for node in (document.definitions if document else ())
            if isinstance(node, OperationDefinitionNode)
        ]
        if len(operations) > 1 and context._provided_operation_name is None:
            context.pre_execution_errors = [
                ApiError(INVALID_DOCUMENT, "Name one of the operations of the document.")
            ]
        yield


def coded(error: GraphQLError) -> GraphQLError:
    """The error as the client may see it."""
    if error.extensions and "code" in error.extensions:
        return error
    original = error.original_error
    if isinstance(original, _UNFIT):
        return _with(error, error.message, {"code": INVALID_DOCUMENT})
    if isinstance(original, UnstorableText):
        return _with(error, f"Refused: {original}.", {"code": BAD_USER_INPUT})
    if original is None or isinstance(original, GraphQLError):
        code = INVALID_DOCUMENT if error.path is None and original is None else BAD_USER_INPUT
        return _with(error, error.message, {"code": code})
    if isinstance(original, UnreadableRow):
        unreadable_rows().note(original)
        return _with(error, unreadable_data().message, {"code": UNREADABLE_DATA})
    if isinstance(original, DATABASE_TROUBLE):
        refused = refused_by_database(original, ".".join(map(str, error.path or ())))
        return _with(error, refused.message, {"code": refused.code, **refused.facts})
    reference = uuid4().hex
    log.error("a resolver failed", reference=reference, path=error.path, exc_info=original)
    return _with(
        error,
        "Something went wrong on our side; tell the operator the reference.",
        {"code": INTERNAL, "reference": reference},
    )


DatabaseTrouble = DatabaseUnavailable | Busy | StatementCutOff
DATABASE_TROUBLE = (DatabaseUnavailable, Busy, StatementCutOff)
"""What the same request, sent again, may not meet again."""


@dataclass(frozen=True, slots=True)
class RefusedByDatabase:
    """What the client is told; `facts` are further extensions of the error."""

    code: str
    message: str
    facts: dict[str, str | bool]


def refused_by_database(trouble: DatabaseTrouble, path: str) -> RefusedByDatabase:
    """Log it, and what the client is told, whichever transport says it."""
    if isinstance(trouble, StatementCutOff):
        reference = uuid4().hex
        # With a traceback: which of our statements takes so long has to be found.
        log.error("a resolver failed", reference=reference, path=path, exc_info=trouble)
        message = "The database took too long over it and gave it up: ask for less, or send the same again."
        return RefusedByDatabase(DATABASE_TIMEOUT, message, {"reference": reference, "retryable": True})
    again = "Send the same request again, with its idempotency key if it has one."
    if isinstance(trouble, Busy):
        log.warning("a request waited too long for a lock", path=path, error=str(trouble))
        message = f"Another transaction has locked what this needs. {again}"
        return RefusedByDatabase(DATABASE_BUSY, message, {"retryable": True})
    request_outage().note(path, trouble)
    message = f"The database is not available. {again}"
    return RefusedByDatabase(DATABASE_UNAVAILABLE, message, {"retryable": True})


def _errors_of(result: object) -> list[GraphQLError]:
    return getattr(result, "errors", None) or []


def _replace_errors(result: object, known: dict[int, GraphQLError]) -> None:
    """One error may stand in two places, and is coded, and logged, once."""
    if known:
        result.errors = [known[id(error)] for error in _errors_of(result)]  # type: ignore[attr-defined]


def _with(error: GraphQLError, message: str, extensions: dict[str, str | bool]) -> GraphQLError:
    return GraphQLError(
        message,
        nodes=error.nodes,
        source=error.source,
        positions=error.positions,
        path=error.path,
        extensions=extensions,
    )
