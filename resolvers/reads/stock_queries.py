"""Looking at stock: what has to come back, and who is short of what."""

from typing import Annotated

import strawberry

from resolvers.kit.arguments import After, First
from resolvers.kit.context import Info, reader
from resolvers.kit.pagination import Connection
from resolvers.types.stock_borrow import StockBorrow, StockBorrowFilter, stock_borrow_page
from resolvers.types.stock_recovery import (
    CoveredOptionShortfall,
    CoveredOptionShortfallFilter,
    ShortRecovery,
    ShortRecoveryFilter,
    short_recoveries_page,
    shortfalls_page,
)


@strawberry.type
class StockQueries:
    """One method per root field."""

    @strawberry.field(
        description="Accounts that hold less of a stock than their written calls need, newest first. Without "
        "a filter the open ones. The desk looks once a trading day, at the time that its settings say."
    )
    async def covered_option_shortfalls(
        self,
        info: Info,
        filter: Annotated[
            CoveredOptionShortfallFilter | None, strawberry.argument(description="Which.")
        ] = None,
        first: First = 50,
        after: After = None,
    ) -> Connection[CoveredOptionShortfall]:
        """A keyset page."""
        wanted = (filter or CoveredOptionShortfallFilter()).selection()
        return await shortfalls_page(reader(info), wanted, first, after)

    @strawberry.field(
        description="What accounts have to give back of recalled, or unborrowed, stock that they are short "
        "of, newest first. Without a filter the open ones."
    )
    async def short_recoveries(
        self,
        info: Info,
        filter: Annotated[ShortRecoveryFilter | None, strawberry.argument(description="Which.")] = None,
        first: First = 50,
        after: After = None,
    ) -> Connection[ShortRecovery]:
        """A keyset page."""
        wanted = (filter or ShortRecoveryFilter()).selection()
        return await short_recoveries_page(reader(info), wanted, first, after)

    @strawberry.field(
        description="The stocks that accounts within your scope are short of, by symbol, with what of it is "
        "recalled and being covered; options are not among them."
    )
    async def stock_borrow(
        self,
        info: Info,
        filter: Annotated[StockBorrowFilter | None, strawberry.argument(description="Which.")] = None,
        first: First = 50,
        after: After = None,
    ) -> Connection[StockBorrow]:
        """A keyset page."""
        wanted = (filter or StockBorrowFilter()).selection()
        return await stock_borrow_page(reader(info), wanted, first, after)
