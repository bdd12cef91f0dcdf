"""What the operations of a subject use of its rate limits, whatever the transport."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from graphql import GraphQLError, OperationType

from gateway.http.refusals import HttpRefused, rate_limited
from gateway.rates.rate_limits import Excess, RateLimits
from resolvers.execution.executor import AdmittedOperation, Executor


class OperationRates:
    """Counts operations; one per process."""

    def __init__(self, executor: Executor, rates: RateLimits) -> None:
        self._executor = executor
        self._rates = rates

    def before_reading(self, subject: str, text: str) -> Excess | None:
        """To parse and validate a document takes time that its operation has not been counted for yet."""
        return None if self._executor.knows(text) else self._rates.new_document(subject)

    @contextmanager
    def refusals_count(self, subject: str) -> Iterator[None]:
        """A request that is refused inside counts as an operation: it was read like any other."""
        try:
            yield
        except HttpRefused as refused:
            if not refused.is_rate_limit and (excess := self._rates.operation(subject, 0)) is not None:
                raise rate_limited(excess) from None
            raise

    def require_room(self, subject: str, size: int) -> None:
        """Count a body of so many bytes before it is read; raises HttpRefused if a limit is exceeded."""
        if (excess := self._rates.body(subject, size)) is not None:
            raise rate_limited(excess)

    def used(self, subject: str, operation: AdmittedOperation | Sequence[GraphQLError]) -> Excess | None:
        """Count an operation, or a document that is refused."""
        if not isinstance(operation, AdmittedOperation):
            return self._rates.operation(subject, 0)
        if operation.kind is OperationType.MUTATION:
            return self._rates.mutation(subject, operation.work)
        return self._rates.operation(subject, operation.work, book_what_ifs=operation.over_the_book)
