"""An execution without a database is distinguished from one that found an answer."""

import pytest
from graphql import ExecutionResult, GraphQLError

from models.sql.faults import DatabaseUnavailable
from resolvers.live_feed.operation import raise_outage


def test_a_result_without_the_database_is_an_outage() -> None:
    gone = DatabaseUnavailable("it has ended the connection")
    with pytest.raises(DatabaseUnavailable):
        raise_outage(ExecutionResult(None, [GraphQLError("no account", original_error=gone)]))


def test_other_errors_are_part_of_the_result() -> None:
    raise_outage(ExecutionResult(None, [GraphQLError("no account", original_error=KeyError("A1"))]))
    raise_outage(ExecutionResult({"caseEvents": {"id": "1"}}))
