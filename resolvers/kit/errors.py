"""GraphQL errors: always with a code, never with a stack trace.

A business refusal is not an error: it is data with a `RefusalCode`. An error means that the request is
invalid (BAD_USER_INPUT), is not allowed (FORBIDDEN), or met a fault of the desk (INTERNAL,
DATABASE_TIMEOUT, with a reference that finds the traceback in the log). A database outage
(DATABASE_UNAVAILABLE) is no fault of the desk and logs one line when it begins and one when it ends. Nor is a
lock held by another transaction (DATABASE_BUSY). In both cases the client may send the same request again.
"""

from dataclasses import dataclass
from typing import TypeVar
from uuid import uuid4

import structlog
from graphql import GraphQLError

from models.sql.database import request_outage, unreadable_rows
from models.sql.faults import Busy, DatabaseUnavailable, PrivilegeMissing, StatementCutOff
from models.sql.forms import UnstorableText
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
DOCUMENT_HASH_WRONG = "DOCUMENT_HASH_WRONG"
DOCUMENT_NOT_TRUSTED = "DOCUMENT_NOT_TRUSTED"
DOCUMENT_UNKNOWN = "DOCUMENT_UNKNOWN"
FORBIDDEN = "FORBIDDEN"
INTERNAL = "INTERNAL"
INVALID_DOCUMENT = "GRAPHQL_VALIDATION_FAILED"
PERSISTED_QUERY_NOT_FOUND = "PERSISTED_QUERY_NOT_FOUND"
PERSISTED_QUERY_NOT_SUPPORTED = "PERSISTED_QUERY_NOT_SUPPORTED"
QUERY_TOO_EXPENSIVE = "QUERY_TOO_EXPENSIVE"
UNREADABLE_DATA = "UNREADABLE_DATA"


class ApiError(GraphQLError):
    """An error for the client to read: its message says what to do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message, extensions={"code": code})


def unreadable_data() -> ApiError:
    """The error in place of an object whose stored data is damaged."""
    message = (
        "Stored data of this object is damaged and cannot be read. The log names the damaged row for the "
        "desk's operator."
    )
    return ApiError(UNREADABLE_DATA, message)


def restored(loaded: T | None) -> T:
    """The loaded object, which exists and is visible: if it is missing, its row is damaged."""
    if loaded is None:
        raise unreadable_data()
    return loaded


def in_scope(loaded: T | None) -> T:
    """The loaded data of an account that was visible a moment ago; a damaged account raises its own error."""
    if loaded is None:
        raise ApiError(FORBIDDEN, "The account is no longer within your scope.")
    return loaded


def coded(error: GraphQLError) -> GraphQLError:
    """The error in the form that the client may see."""
    if error.extensions and "code" in error.extensions:
        return error
    original = error.original_error
    if isinstance(original, UnstorableText):
        return _with(error, f"The value cannot be stored: {original}.", {"code": BAD_USER_INPUT})
    if original is None or isinstance(original, GraphQLError):
        code = INVALID_DOCUMENT if error.path is None and original is None else BAD_USER_INPUT
        return _with(error, error.message, {"code": code})
    if isinstance(original, UnreadableRow):
        unreadable_rows().note(original)
        return _with(error, unreadable_data().message, {"code": UNREADABLE_DATA})
    if isinstance(original, DATABASE_TROUBLE):
        refused = refused_by_database(original, ".".join(map(str, error.path or ())))
        return _with(error, refused.message, {"code": refused.code, **refused.facts})
    fault = internal_error(original, "resolver failed", path=error.path)
    return _with(error, fault.message, dict(fault.extensions or {}))


def internal_error(fault: BaseException, event: str, **where: object) -> GraphQLError:
    """Log a fault of the desk with its traceback; returns what the client sees over any transport."""
    message = "An internal error occurred. Report the reference in `extensions` to the desk's operator."
    return GraphQLError(message, extensions={"code": INTERNAL, "reference": _logged(fault, event, **where)})


def _logged(fault: BaseException, event: str, **where: object) -> str:
    reference = uuid4().hex
    log.error(event, reference=reference, exc_info=fault, **where)
    return reference


DatabaseTrouble = DatabaseUnavailable | PrivilegeMissing | Busy | StatementCutOff
DATABASE_TROUBLE = (DatabaseUnavailable, PrivilegeMissing, Busy, StatementCutOff)
"""Database errors that the same request may not meet when it is sent again."""


@dataclass(frozen=True, slots=True)
class RefusedByDatabase:
    """An error for the client; `facts` are further extensions of the error."""

    code: str
    message: str
    facts: dict[str, str | bool]


def refused_by_database(trouble: DatabaseTrouble, path: str) -> RefusedByDatabase:
    """Log the database error and return what the client receives over any transport."""
    if isinstance(trouble, StatementCutOff):
        # With a traceback, which shows the statement that takes so long.
        reference = _logged(trouble, "resolver failed", path=path)
        message = (
            "The database took too long and cancelled the statement. Ask for less, or send the same request "
            "again."
        )
        return RefusedByDatabase(DATABASE_TIMEOUT, message, {"reference": reference, "retryable": True})
    again = "Send the same request again, with its idempotency key if it has one."
    if isinstance(trouble, Busy):
        log.warning("request timed out waiting for a lock", path=path, error=str(trouble))
        message = f"Another transaction has locked the data that this request needs. {again}"
        return RefusedByDatabase(DATABASE_BUSY, message, {"retryable": True})
    request_outage().note(path, trouble)
    message = f"The database is not available. {again}"
    return RefusedByDatabase(DATABASE_UNAVAILABLE, message, {"retryable": True})


def _with(error: GraphQLError, message: str, extensions: dict[str, str | bool]) -> GraphQLError:
    return GraphQLError(
        message,
        nodes=error.nodes,
        source=error.source,
        positions=error.positions,
        path=error.path,
        extensions=extensions,
    )
