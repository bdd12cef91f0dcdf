"""Clients, accounts, positions and cash."""

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, cast

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
from models.sql.where import Page, PageRequest, page_of
from resolvers.kit.arguments import POSITIONS, After, Before, FirstPositions, Last, PageArguments
from resolvers.kit.context import Info, ReadContext, personal
from resolvers.kit.errors import FORBIDDEN, ApiError, in_scope
from resolvers.kit.loaders import BookAndOrders
from resolvers.kit.node import Node, global_id
from resolvers.kit.pagination import Connection
from resolvers.types.book_rows import cash_from_rows, positions_from_rows, positions_pager
from resolvers.types.desk_work import DeskWork, desk_work_of
from resolvers.types.doubt import AccountDoubt, doubts_of
from resolvers.types.figures import MarginFigures, figures_of
from resolvers.types.look_ahead import LookAhead, look_ahead
from resolvers.types.market import Instrument, MarginFactors, factors_of, instrument_of

if TYPE_CHECKING:
    from resolvers.types.case import Case
    from resolvers.types.order import Order


@strawberry.type(
    description='The contact data of a client. Address fields show "***" if your permissions '
    "do not include personal data."
)
class ClientContact:
    """From domain.message.Contact."""

    email: str | None = strawberry.field(
        description="The e-mail address of the client; null if the client has none."
    )
    phone: str | None = strawberry.field(
        description="The telephone number of the client, in E.164 format; null if the client has none."
    )
    push_id: str | None = strawberry.field(
        description="The client's identifier at the push service; null if the client has none."
    )
    language: Language = strawberry.field(description="The language of messages to the client.")
    time_zone: str = strawberry.field(
        description="The time zone of the quiet hours, as an IANA name such as Asia/Hong_Kong."
    )
    quiet_hours: str | None = strawberry.field(
        description="The hours in `timeZone` in which no message is sent, such as 22:00-08:00; null if "
        "messages may be sent at any time."
    )


@strawberry.type(description="The cash balance of an account in one currency.")
class CashBalance:
    """From domain.margin.CashBalance."""

    currency: str = strawberry.field(description="The currency, as an ISO 4217 code.")
    balance: Decimal = strawberry.field(description="The ledger cash in this currency; negative for a debit.")
    fx_rate: Decimal = strawberry.field(
        description="The FX rate: units of the account's base currency for one unit of this currency; 0 "
        "while no rate is known."
    )
    base_value: Decimal = strawberry.field(
        description="The balance converted into the account's base currency."
    )
    accrued_interest: Decimal = strawberry.field(
        description="Interest accrued and not yet charged, in this currency."
    )


@strawberry.type(description="A position of an account in one instrument.")
class Position(Node):
    """From domain.margin.Holding."""

    instrument: Instrument = strawberry.field(description="The instrument that is held.")
    quantity: Decimal = strawberry.field(description="The quantity in units; negative for a short position.")
    sellable_quantity: Decimal = strawberry.field(
        description="The quantity that a new order may close, 0 or more: the size of the position less the "
        "quantity that open orders may still fill."
    )
    average_cost: Decimal | None = strawberry.field(
        description="The average cost per unit, in the instrument's currency; null if it is not known."
    )
    mark: Decimal | None = strawberry.field(
        description="The price at which the position is valued, in the instrument's currency; for an "
        "expired option the value of its exercise, or 0. Null while no price is known."
    )
    market_value: Decimal | None = strawberry.field(
        description="The market value in the instrument's currency; null while no price is known."
    )
    base_market_value: Decimal | None = strawberry.field(
        description="The market value in the account's base currency; null while no price is known, 0 while "
        "no FX rate is known."
    )
    factors: MarginFactors = strawberry.field(description="The margin factors that apply to the position.")


_IF_READABLE = " Null, with an error UNREADABLE_DATA, if stored data of the account is damaged."


@strawberry.type(description="An account of a client.")
class Account(Node):
    """From models.client.AccountRow."""

    account_no: str = strawberry.field(
        description="The account number that the client knows, such as M100094."
    )
    type: AccountType = strawberry.field(
        description="The account type, which decides how long the account may borrow."
    )
    base_currency: str = strawberry.field(
        description="The base currency, as an ISO 4217 code. All figures of the account are in this currency."
    )
    close_only: bool = strawberry.field(
        description="Whether the client may only reduce positions: true while the account has a live case "
        "that asks for money, and for an intraday account also shortly before the close of its market."
    )
    reference: strawberry.Private[AccountReference]

    @strawberry.field(description="The client who owns the account.")
    async def client(self, info: Info) -> "Client":
        """Batched."""
        return await load_client(info, self.reference.client_id)

    @strawberry.field(
        description="Whether a kill switch is on for the account, its client or the whole desk, so that no "
        "order is sent. Computed when you read it: a change sends no case event."
    )
    async def frozen(self, info: Info) -> bool:
        """Batched."""
        return await info.context.loaders.frozen.load(self.reference)

    @strawberry.field(
        description="The reasons why the desk cannot judge the account by itself, oldest first; empty if "
        "it can. Computed when you read it: a change sends no case event."
    )
    async def doubts(self, info: Info) -> list[AccountDoubt]:
        """Batched."""
        return doubts_of(await info.context.loaders.doubts.load(self.reference.account_id))

    @strawberry.field(
        description="The desk's work for the account over all of its live cases; null if it has none. Read "
        "it to see whether something is being sold for the account: one case can be OPEN while another has "
        "open orders. A change sends an event of each live case of the account, except when a claim "
        "expires: see expiresAt."
    )
    async def desk_work(self, info: Info) -> DeskWork | None:
        """Batched."""
        views = await info.context.loaders.live_cases.load(self.reference.account_id)
        return desk_work_of(views, info.context.api.desk.clock())

    @strawberry.field(description=f"The margin figures, computed now from the last prices.{_IF_READABLE}")
    async def figures(self, info: Info) -> MarginFigures | None:
        """Batched."""
        desk = info.context.api.desk
        book = (await self._book(info)).book.book
        return figures_of(compute_figures(book, desk.clock(), desk.policy.max_price_age))

    @strawberry.field(
        description="The account as it will stand in the next session of its market, at today's "
        f"prices.{_IF_READABLE}"
    )
    async def look_ahead(self, info: Info) -> LookAhead | None:
        """Batched."""
        return await look_ahead(info.context, self.reference)

    @strawberry.field(description=f"The cash balances of the account by currency.{_IF_READABLE}")
    async def cash_balances(self, info: Info) -> list[CashBalance] | None:
        """Batched."""
        return await cash_of(info, self.reference.account_id)

    @strawberry.field(description=f"The positions of the account, sorted by symbol.{_IF_READABLE}")
    async def positions(
        self,
        info: Info,
        first: FirstPositions = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Position] | None:
        """Batched; a page of the loaded book."""
        asked = PageArguments(first, after, last, before, rows=POSITIONS)
        return await positions_of(info, self.reference.account_id, asked)

    @strawberry.field(
        description=f"Liquidation orders of the account that may still be filled, oldest first.{_IF_READABLE}"
    )
    async def open_orders(
        self, info: Info
    ) -> list[Annotated["Order", strawberry.lazy("resolvers.types.order")]] | None:
        """Batched."""
        from resolvers.types.order import order_of

        return [order_of(view) for view in (await self._book(info)).orders]

    async def _book(self, info: Info) -> BookAndOrders:
        return await _load_book(info, self.reference.account_id)


def _symbol(held: Holding) -> tuple[str]:
    return (held.instrument.symbol,)


@strawberry.type(description="A client of the broker.")
class Client(Node):
    """From models.client.ClientRow."""

    client_no: str = strawberry.field(description="The client number at the broker, for display and search.")
    name: str = strawberry.field(
        description='The full name of the client; "***" if your permissions do not include personal data.'
    )
    group: str | None = strawberry.field(
        description="The group of the client; null if the client belongs to none."
    )
    client_id: strawberry.Private[ClientId]

    @strawberry.field(
        description="The contact data for messages; null while the book of record has stated none."
    )
    async def contact(self, info: Info) -> ClientContact | None:
        """Batched."""
        contact = await info.context.loaders.contacts.load(self.client_id)
        return contact_of(contact, info.context.audience) if contact else None

    @strawberry.field(description="The accounts of the client within your scope.")
    async def accounts(self, info: Info) -> list[Account]:
        """Batched."""
        return [account_of(row) for row in await info.context.loaders.accounts_of.load(self.client_id)]

    @strawberry.field(description="The live cases of the client within your scope, newest first.")
    async def open_cases(
        self, info: Info
    ) -> list[Annotated["Case", strawberry.lazy("resolvers.types.case")]]:
        """Batched."""
        from resolvers.types.case import case_of

        views = await info.context.loaders.open_cases_of.load(self.client_id)
        return [case_of(view, info.context.api.desk.clock()) for view in views]


def contact_of(contact: Contact, audience: Audience) -> ClientContact:
    """The contact data, masked as the audience requires."""
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
    """The GraphQL object; records that the client was shown."""
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


async def cash_of(info: Info, account_id: AccountId) -> list[CashBalance]:
    """The balances of a visible account by currency."""
    from_rows = await cash_from_rows(info, account_id)
    if from_rows is not None:
        return cast(list[CashBalance], from_rows)
    book = (await _load_book(info, account_id)).book.book
    return [_balance_of(book, cash) for cash in book.cash]


async def positions_of(info: Info, account_id: AccountId, asked: PageArguments) -> Connection[Position]:
    """A page of the positions of a visible account, by symbol."""
    from_rows = await positions_from_rows(info, account_id, asked)
    if from_rows is not None:
        return from_rows
    loaded, pager = await _load_book(info, account_id), positions_pager(info)
    holdings = loaded.book.book.holdings

    async def load(at: PageRequest) -> Page[Holding]:
        return page_of(holdings, at, _symbol)

    async def count() -> int:
        return len(holdings)

    return await pager.connection(
        pager.request(asked), load, _symbol, lambda held: position_of(account_id, held, loaded), count
    )


async def _load_book(info: Info, account_id: AccountId) -> BookAndOrders:
    loaded = await info.context.loaders.books.load(account_id)
    # The books of all accounts of a page come together, and each is computed with.
    await info.context.pace.turn()
    return in_scope(loaded)


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
    """The account of a visible object."""
    return account_in_scope(await info.context.loaders.accounts.load(account_id), info.context)


def account_in_scope(row: AccountRow | None, _: ReadContext) -> Account:
    """The account of a visible object, as it was loaded."""
    if row is None:
        raise ApiError(FORBIDDEN, "The account is no longer within your scope.")
    return account_of(row)


async def load_client(info: Info, client_id: ClientId) -> Client:
    """The client of a visible object."""
    return client_in_scope(await info.context.loaders.clients.load(client_id), info.context)


def client_in_scope(row: ClientRow | None, context: ReadContext) -> Client:
    """The client of a visible object, as it was loaded."""
    if row is None:
        raise ApiError(FORBIDDEN, "The client is no longer within your scope.")
    return client_of(row, context)


def _balance_of(book: margin.Book, cash: margin.CashBalance) -> CashBalance:
    with exact():
        rate = rate_to_base(book, Currency(cash.currency))
        return CashBalance(
            currency=cash.currency,
            balance=cash.balance,
            fx_rate=rate,
            base_value=cash.balance * rate,
            accrued_interest=cash.accrued_interest,
        )
