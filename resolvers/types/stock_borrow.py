"""Accounts that are short of stock: sums per stock, and the accounts behind them, within the viewer's
scope.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

import strawberry

from domain.ids import Symbol
from domain.money import total
from models.sql.where import Page, PageRequest, page_of
from models.stock_borrow import BorrowFilter, ShortHolding, count_short_stocks, page_short_stocks
from resolvers.kit.arguments import After, Before, First, Last, PageArguments
from resolvers.kit.context import Info, ReadContext
from resolvers.kit.pagination import Connection, Pager
from resolvers.kit.search import search_of
from resolvers.types.client import Account, Client, load_account, load_client
from resolvers.types.market import IF_READABLE, Instrument, load_instrument

_Shorts = tuple[Symbol, Sequence[ShortHolding]]
"""A stock, and who is short of it."""


@strawberry.type(
    description="The short position of one account in one stock. Quantities are in units, above 0."
)
class StockBorrowAccount:
    """From models.stock_borrow.ShortHolding."""

    quantity: Decimal = strawberry.field(description="The quantity that the account is short of.")
    short_since: datetime | None = strawberry.field(
        description="The time since which the account has been short without a break; null if not known."
    )
    recalled: Decimal = strawberry.field(
        description="The part of the quantity that was recalled and is not returned yet."
    )
    open_covers: Decimal = strawberry.field(
        description="The quantity that the account's open buy orders may still fill."
    )
    short: strawberry.Private[ShortHolding]

    @strawberry.field(description="The account that is short.")
    async def account(self, info: Info) -> Account:
        """Batched."""
        return await load_account(info, self.short.account.account_id)

    @strawberry.field(description="The client who owns the account.")
    async def client(self, info: Info) -> Client:
        """Batched."""
        return await load_client(info, self.short.account.client_id)


@strawberry.type(
    description="A stock that accounts within your scope are short of. All sums are over these accounts only."
)
class StockBorrow:
    """From models.stock_borrow.ShortHolding, summed."""

    symbol: str = strawberry.field(description="The symbol of the stock.")
    total_short: Decimal = strawberry.field(description="The quantity sold short, in units.")
    accounts_short: int = strawberry.field(description="The number of accounts that are short of the stock.")
    recalled: Decimal = strawberry.field(
        description="The part of the quantity that was recalled and is not returned yet, in units."
    )
    open_covers: Decimal = strawberry.field(
        description="The quantity that open buy orders may still fill, in units."
    )
    shorts: strawberry.Private[Sequence[ShortHolding]]

    @strawberry.field(description=f"The instrument of the stock.{IF_READABLE}")
    async def instrument(self, info: Info) -> Instrument | None:
        """Batched."""
        return await load_instrument(info, Symbol(self.symbol))

    @strawberry.field(description="The accounts that are short of the stock, sorted by account number.")
    async def accounts(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[StockBorrowAccount]:
        """A page of the loaded accounts."""
        pager: Pager[ShortHolding] = Pager(("stockBorrow", self.symbol), "s", info.context.api.page_size_max)
        request = pager.request(PageArguments(first, after, last, before))

        async def load(at: PageRequest) -> Page[ShortHolding]:
            return page_of(self.shorts, at, _account_no)

        async def count() -> int:
            return len(self.shorts)

        return await pager.connection(request, load, _account_no, _account, count)


@strawberry.input(description="Filter for stocks. Omitted fields match everything.")
class StockBorrowFilter:
    """To models.stock_borrow.BorrowFilter."""

    symbol: str | None = strawberry.field(default=None, description="The stock with this symbol only.")
    market: str | None = strawberry.field(default=None, description="Stocks of this market, such as XHKG.")
    search: str | None = strawberry.field(
        default=None,
        description="Part of the symbol or name, at most 200 characters. Ignores case and width of letters.",
    )
    recalled: bool | None = strawberry.field(
        default=None,
        description="True: stocks with a recalled quantity that is not returned yet. False: all other "
        "stocks.",
    )

    def selection(self) -> BorrowFilter:
        """The filter for the database."""
        symbol = None if self.symbol is None else Symbol(self.symbol)
        return BorrowFilter(symbol, self.market, search_of(self.search), self.recalled)


async def stock_borrow_page(
    context: ReadContext, selection: BorrowFilter, asked: PageArguments
) -> Connection[StockBorrow]:
    """A page, by symbol."""
    pager: Pager[_Shorts] = Pager(("stockBorrow", selection), "s", context.api.page_size_max)
    request = pager.request(asked)

    async def load(at: PageRequest) -> Page[_Shorts]:
        page = await page_short_stocks(context.audience, selection, at)
        shorts = await context.loaders.shorts.load_many(page.rows)
        return Page(list(zip(page.rows, shorts, strict=True)), page.more)

    return await pager.connection(
        request,
        load,
        lambda row: (row[0],),
        _stock,
        lambda: count_short_stocks(context.audience, selection),
    )


def _stock(row: _Shorts) -> StockBorrow:
    symbol, shorts = row
    return StockBorrow(
        symbol=symbol,
        total_short=total(short.quantity for short in shorts),
        accounts_short=len(shorts),
        recalled=total(short.recalled for short in shorts),
        open_covers=total(short.open_covers for short in shorts),
        shorts=shorts,
    )


def _account_no(short: ShortHolding) -> tuple[str]:
    return (short.account.account_no,)


def _account(short: ShortHolding) -> StockBorrowAccount:
    return StockBorrowAccount(
        quantity=short.quantity,
        short_since=short.short_since,
        recalled=short.recalled,
        open_covers=short.open_covers,
        short=short,
    )
