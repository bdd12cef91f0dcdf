"""Clients, accounts, positions and cash."""

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import strawberry

from domain import margin
from domain.closing import closing_side
from domain.events import AccountReference
from domain.ids import AccountId, ClientId
from domain.margin import (
    AccountType,
    Holding,
    compute_figures,
    known_price,
    market_value,
    rate_to_base,
)
from domain.message import Contact, Language
from domain.money import ZERO, Currency, exact
from domain.principal import Audience
from models.client import AccountRow, ClientRow
from models.sql.where import cut
from resolvers.kit.arguments import After, First
from resolvers.kit.context import Info, ReadContext, personal
from resolvers.kit.errors import FORBIDDEN, ApiError, in_scope
from resolvers.kit.loaders import BookAndOrders
from resolvers.kit.node import Node, global_id
from resolvers.kit.pagination import Connection, Pager
from resolvers.types.desk_work import DeskWork, desk_work_of
from resolvers.types.doubt import AccountDoubt, doubts_of
from resolvers.types.figures import MarginFigures, figures_of
from resolvers.types.look_ahead import LookAhead, look_ahead
from resolvers.types.market import Instrument, MarginFactors, factors_of, instrument_of

if TYPE_CHECKING:
    from resolvers.types.case import Case
    from resolvers.types.order import Order


@strawberry.type(description='How a client is reached; "***" for who may not see personal data.')
class ClientContact:
    """From domain.message.Contact."""

    email: str | None = strawberry.field(description="E-mail address.")
    phone: str | None = strawberry.field(description="Telephone number, E.164.")
    push_id: str | None = strawberry.field(description="What the push service knows the client by.")
    language: Language = strawberry.field(description="What messages are written in.")
    time_zone: str = strawberry.field(description="Of the quiet hours.")
    quiet_hours: str | None = strawberry.field(
        description="When no message is sent, such as 22:00-08:00; null: never quiet."
    )


@strawberry.type(description="Cash in one currency.")
class CashBalance:
    """From domain.margin.CashBalance."""

    currency: str = strawberry.field(description="ISO 4217.")
    balance: Decimal = strawberry.field(description="Ledger cash in this currency, debit negative.")
    fx_rate: Decimal = strawberry.field(
        description="Units of the account's base currency per unit; 0 while no rate is known."
    )
    base_value: Decimal = strawberry.field(description="The balance in the account's base currency.")
    accrued_interest: Decimal = strawberry.field(description="Not yet charged, in this currency.")


@strawberry.type(description="A position of an account.")
class Position(Node):
    """From domain.margin.Holding."""

    instrument: Instrument = strawberry.field(description="What is held.")
    quantity: Decimal = strawberry.field(description="Negative for a short.")
    sellable_quantity: Decimal = strawberry.field(
        description="What an order may still close: the quantity less what open orders may still fill."
    )
    average_cost: Decimal | None = strawberry.field(description="Per unit, in the instrument's currency.")
    mark: Decimal | None = strawberry.field(
        description="The price it is valued at, of an expired option what its exercise brings, or 0; null "
        "where no price is known."
    )
    market_value: Decimal | None = strawberry.field(description="In the instrument's currency.")
    base_market_value: Decimal | None = strawberry.field(description="In the account's base currency.")
    factors: MarginFactors = strawberry.field(description="Its margin factors.")


_IF_READABLE = " Null, with an error UNREADABLE_DATA, where stored data of the account is damaged."


@strawberry.type(description="An account of a client.")
class Account(Node):
    """From models.client.AccountRow."""

    account_no: str = strawberry.field(description="As the client knows it.")
    type: AccountType = strawberry.field(description="What it may borrow.")
    base_currency: str = strawberry.field(description="All its figures are in this currency.")
    close_only: bool = strawberry.field(
        description="The client may only reduce: a case is open. It changes with the account's first and "
        "last case."
    )
    reference: strawberry.Private[AccountReference]

    @strawberry.field(description="Whose it is.")
    async def client(self, info: Info) -> "Client":
        """Batched."""
        return await load_client(info, self.reference.client_id)

    @strawberry.field(
        description="A kill switch is on for it, its client or the whole desk: nothing is sold. Read when it "
        "is shown: no case event follows when it changes."
    )
    async def frozen(self, info: Info) -> bool:
        """Batched."""
        return await info.context.loaders.frozen.load(self.reference)

    @strawberry.field(
        description="Why the desk cannot judge the account by itself, the oldest reason first. Empty: it "
        "can. Read when it is shown: no case event follows when it changes."
    )
    async def doubts(self, info: Info) -> list[AccountDoubt]:
        """Batched."""
        return doubts_of(await info.context.loaders.doubts.load(self.reference.account_id))

    @strawberry.field(
        description="What the desk does for the account, over all of its live cases: a case says OPEN while "
        "orders of the account's other case are open. Null: it has no live case. When it changes, an event "
        "of each live case of the account follows; none follows when a claim ends by itself, see expiresAt."
    )
    async def desk_work(self, info: Info) -> DeskWork | None:
        """Batched."""
        views = await info.context.loaders.live_cases.load(self.reference.account_id)
        return desk_work_of(views, info.context.api.desk.clock())

    @strawberry.field(description=f"Computed now, from the last prices.{_IF_READABLE}")
    async def figures(self, info: Info) -> MarginFigures | None:
        """Batched."""
        desk = info.context.api.desk
        book = (await self._book(info)).book.book
        return figures_of(compute_figures(book, desk.clock(), desk.rules.max_price_age))

    @strawberry.field(
        description=f"As the next session of its market will find it, at today's prices.{_IF_READABLE}"
    )
    async def look_ahead(self, info: Info) -> LookAhead | None:
        """Batched."""
        return await look_ahead(info.context, self.reference)

    @strawberry.field(description=f"Cash by currency.{_IF_READABLE}")
    async def cash_balances(self, info: Info) -> list[CashBalance] | None:
        """Batched."""
        book = (await self._book(info)).book.book
        return [_cash_of(book, cash) for cash in book.cash]

    @strawberry.field(description=f"Positions by symbol.{_IF_READABLE}")
    async def positions(
        self,
        info: Info,
        first: First = 100,
        after: After = None,
    ) -> Connection[Position] | None:
        """Batched; a page of what is loaded."""
        loaded = await self._book(info)
        pager: Pager[Holding] = Pager("positions", "s", info.context.api.page_size_max)
        request = pager.request(first, after)
        holdings = loaded.book.book.holdings
        rest = [
            held
            for held in holdings
            if request.after is None or held.instrument.symbol > str(request.after[0])
        ]

        async def count() -> int:
            return len(holdings)

        return pager.connection(
            cut(rest[: first + 1], first),
            request,
            lambda held: (held.instrument.symbol,),
            lambda held: position_of(self.reference.account_id, held, loaded),
            count,
        )

    @strawberry.field(description=f"Liquidation orders that may still fill, oldest first.{_IF_READABLE}")
    async def open_orders(
        self, info: Info
    ) -> list[Annotated["Order", strawberry.lazy("resolvers.types.order")]] | None:
        """Batched."""
        from resolvers.types.order import order_of

        return [order_of(view) for view in (await self._book(info)).orders]

    async def _book(self, info: Info) -> BookAndOrders:
        return in_scope(await info.context.loaders.books.load(self.reference.account_id))


@strawberry.type(description="A client of the broker.")
class Client(Node):
    """From models.client.ClientRow."""

    client_no: str = strawberry.field(description="As the broker knows them.")
    name: str = strawberry.field(description='Full name; "***" for who may not see personal data.')
    group: str | None = strawberry.field(description="The client group, if any.")
    client_id: strawberry.Private[ClientId]

    @strawberry.field(description="How they are reached; null while that was never stated.")
    async def contact(self, info: Info) -> ClientContact | None:
        """Batched."""
        contact = await info.context.loaders.contacts.load(self.client_id)
        return contact_of(contact, info.context.audience) if contact else None

    @strawberry.field(description="Their accounts within your scope.")
    async def accounts(self, info: Info) -> list[Account]:
        """Batched."""
        return [account_of(row) for row in await info.context.loaders.accounts_of.load(self.client_id)]

    @strawberry.field(description="Their cases that are not closed, within your scope, newest first.")
    async def open_cases(
        self, info: Info
    ) -> list[Annotated["Case", strawberry.lazy("resolvers.types.case")]]:
        """Batched."""
        from resolvers.types.case import case_of

        views = await info.context.loaders.open_cases_of.load(self.client_id)
        return [case_of(view, info.context.api.desk.clock()) for view in views]


def contact_of(contact: Contact, audience: Audience) -> ClientContact:
    """As the audience may see it."""
    quiet = contact.quiet_hours
    return ClientContact(
        email=personal(contact.email, audience),
        phone=personal(contact.phone, audience),
        push_id=personal(contact.push_id, audience),
        language=contact.language,
        time_zone=contact.time_zone,
        quiet_hours=None if quiet is None else str(quiet),
    )


def client_of(row: ClientRow, context: ReadContext) -> Client:
    """The GraphQL object; it is noted who is shown."""
    context.clients_shown.add(row.id)
    return Client(
        id=global_id("Client", row.id),
        client_no=row.client_no,
        name=row.name,
        group=row.group,
        client_id=row.id,
    )


def account_of(row: AccountRow) -> Account:
    """The GraphQL object."""
    reference = row.reference
    return Account(
        id=global_id("Account", reference.account_id),
        account_no=reference.account_no,
        type=reference.account_type,
        base_currency=reference.base_currency,
        close_only=row.close_only,
        reference=reference,
    )


def position_of(account_id: AccountId, held: Holding, loaded: BookAndOrders) -> Position:
    """The GraphQL object."""
    with exact():
        mark = known_price(held)
        value = None if mark is None else market_value(held)
        rate = rate_to_base(loaded.book.book, held.instrument.currency)
        in_flight = sum(
            (
                view.order.leaves_quantity
                for view in loaded.orders
                if view.order.symbol == held.instrument.symbol and view.order.side is closing_side(held)
            ),
            ZERO,
        )
        return Position(
            id=global_id("Position", f"{account_id}:{held.instrument.symbol}"),
            instrument=instrument_of(held.instrument),
            quantity=held.quantity,
            sellable_quantity=max(ZERO, abs(held.quantity) - in_flight),
            average_cost=held.average_cost,
            mark=mark,
            market_value=value,
            base_market_value=None if value is None else value * rate,
            factors=factors_of(held.factors),
        )


async def load_account(info: Info, account_id: AccountId) -> Account:
    """An account that something visible belongs to."""
    row = await info.context.loaders.accounts.load(account_id)
    if row is None:
        raise ApiError(FORBIDDEN, "The account left your scope.")
    return account_of(row)


async def load_client(info: Info, client_id: ClientId) -> Client:
    """The client of something visible."""
    row = await info.context.loaders.clients.load(client_id)
    if row is None:
        raise ApiError(FORBIDDEN, "The client left your scope.")
    return client_of(row, info.context)


def _cash_of(book: margin.Book, cash: margin.CashBalance) -> CashBalance:
    with exact():
        rate = rate_to_base(book, Currency(cash.currency))
        return CashBalance(
            currency=cash.currency,
            balance=cash.balance,
            fx_rate=rate,
            base_value=cash.balance * rate,
            accrued_interest=cash.accrued_interest,
        )
