"""Root fields that read stock: what has to be brought in, and which accounts are short."""

from typing import Annotated

import strawberry

from resolvers.kit.arguments import After, Before, First, Last, PageArguments
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
        description="Shortfalls of accounts that hold less of a stock than their written calls need, "
        "newest first. Without a filter only open shortfalls. The desk looks for them once each trading "
        "day, at the time in the risk setting COVERED_OPTION."
    )
    async def covered_option_shortfalls(
        self,
        info: Info,
        filter: Annotated[
            CoveredOptionShortfallFilter | None, strawberry.argument(description="Filter for shortfalls.")
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[CoveredOptionShortfall]:
        """A keyset page."""
        selection = (filter or CoveredOptionShortfallFilter()).selection()
        return await shortfalls_page(reader(info), selection, PageArguments(first, after, last, before))

    @strawberry.field(
        description="Recoveries of stock that accounts are short of and that was recalled or can no longer "
        "be borrowed, newest first. Without a filter only open recoveries."
    )
    async def short_recoveries(
        self,
        info: Info,
        filter: Annotated[
            ShortRecoveryFilter | None, strawberry.argument(description="Filter for recoveries.")
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[ShortRecovery]:
        """A keyset page."""
        selection = (filter or ShortRecoveryFilter()).selection()
        return await short_recoveries_page(reader(info), selection, PageArguments(first, after, last, before))

    @strawberry.field(
        description="Stocks that accounts within your scope are short of, sorted by symbol, with the "
        "quantities that are recalled and that open orders buy. Options are not included."
    )
    async def stock_borrow(
        self,
        info: Info,
        filter: Annotated[
            StockBorrowFilter | None, strawberry.argument(description="Filter for stocks.")
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[StockBorrow]:
        """A keyset page."""
        selection = (filter or StockBorrowFilter()).selection()
        return await stock_borrow_page(reader(info), selection, PageArguments(first, after, last, before))
