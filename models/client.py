"""Lists and lookups of clients and accounts."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from domain.events import AccountReference
from domain.ids import AccountId, ClientId
from domain.money import Currency
from domain.principal import MASKED, Audience, Capability
from domain.text import search_form
from models.book import ACCOUNT_COLUMNS, account_reference, base_currencies_from_rows
from models.case import LIVE
from models.sql.database import Row, execute, fetch, fetch_one
from models.sql.readable import first_rows, readable, readable_page
from models.sql.unreadable import reads
from models.sql.where import Page, PageRequest, Where, client_text, in_order, like


@dataclass(frozen=True, slots=True)
class ClientRow:
    """A client; the name is `MASKED` for audiences that may not see it."""

    id: ClientId
    client_no: str
    name: str
    group: str | None


@dataclass(frozen=True, slots=True)
class AccountRow:
    """An account, and whether it may only reduce."""

    reference: AccountReference
    close_only: bool


@dataclass(frozen=True, slots=True)
class ClientFilter:
    """Filter for clients; None matches any."""

    search: str | None = None
    group: str | None = None
    has_open_case: bool | None = None


async def page_clients(audience: Audience, selection: ClientFilter, request: PageRequest) -> Page[ClientRow]:
    """One page by client number; the key of a row is (client_no,)."""
    where = _where(audience, selection)
    sorted_ = in_order(where, request, "k.client_no")
    listed = f"SELECT k.id, k.client_no, k.name, k.client_group FROM client k{sorted_}"
    return await readable_page(first_rows(listed, where), _client(audience), "client", request)


async def intraday_currencies() -> list[Currency]:
    """The base currencies of intraday accounts."""
    rows = await fetch("SELECT DISTINCT base_currency FROM account WHERE type = 'INTRADAY'")
    return sorted(base_currencies_from_rows(rows))


async def intraday_accounts(currency: Currency) -> list[AccountId]:
    """The intraday accounts in this base currency."""
    rows = await fetch(
        "SELECT id FROM account WHERE type = 'INTRADAY' AND base_currency = $1 ORDER BY id", currency
    )
    return [AccountId(row["id"]) for row in rows]


async def count_clients(audience: Audience, selection: ClientFilter) -> int:
    """The number of matching clients."""
    where = _where(audience, selection)
    row = await fetch_one(f"SELECT COUNT(*) AS clients FROM client k{where}", *where.values)
    assert row is not None
    return int(row["clients"])


async def load_clients(audience: Audience, ids: Sequence[ClientId]) -> dict[ClientId, ClientRow]:
    """Those of these clients of whom the audience may see at least one account."""
    where = _where(audience, ClientFilter())
    where.add("k.id IN (?)", list(ids))
    rows = await fetch(
        f"SELECT k.id, k.client_no, k.name, k.client_group FROM client k{where}", *where.values
    )
    clients = readable(rows, _client(audience), "client")
    return {client.id: client for client in clients}


async def load_accounts(
    audience: Audience, ids: Sequence[AccountId], *, strict: bool = False
) -> dict[AccountId, AccountRow]:
    """Those of these accounts that the audience may see; `strict`: see `readable`."""
    return {
        account.reference.account_id: account
        for account in await _accounts(audience, "a.id IN (?)", list(ids), strict=strict)
    }


async def page_accounts(audience: Audience, search: str | None, request: PageRequest) -> Page[AccountRow]:
    """One page by account number; the key of a row is (account_no,)."""
    where = _accounts_where(audience, search)
    sorted_ = in_order(where, request, "a.account_no")
    listed = (
        f"SELECT {ACCOUNT_COLUMNS}, a.close_only FROM account a JOIN client k ON k.id = a.client_id{sorted_}"
    )
    return await readable_page(first_rows(listed, where), _account, "account", request, "account_id")


async def count_accounts(audience: Audience, search: str | None) -> int:
    """The number of matching accounts."""
    where = _accounts_where(audience, search)
    row = await fetch_one(
        f"SELECT COUNT(*) AS accounts FROM account a JOIN client k ON k.id = a.client_id{where}",
        *where.values,
    )
    assert row is not None
    return int(row["accounts"])


def _accounts_where(audience: Audience, search: str | None) -> Where:
    where = Where()
    where.sees(audience)
    if search is not None:
        where.add(
            f"({client_text(audience)} LIKE ? ESCAPE '!' OR a.search_text LIKE ? ESCAPE '!')",
            *[like(search)] * 2,
        )
    return where


async def accounts_of(audience: Audience, ids: Sequence[ClientId]) -> dict[ClientId, list[AccountRow]]:
    """The visible accounts of each client."""
    accounts: dict[ClientId, list[AccountRow]] = defaultdict(list)
    for account in await _accounts(audience, "a.client_id IN (?)", list(ids)):
        accounts[account.reference.client_id].append(account)
    return accounts


async def sees_every_account_of(audience: Audience, client_id: ClientId) -> bool:
    """Whether all accounts of the client are within the scope."""
    if audience.sees_every_account:
        return True
    hidden = Where()
    hidden.add("client_id = ?", client_id)
    hidden.add("account_no NOT IN (?)", sorted(audience.account_scope or ()) or [""])
    row = await fetch_one(f"SELECT 1 AS hidden FROM account{hidden} LIMIT 1", *hidden.values)
    return row is None


async def group_is_known(group: str) -> bool:
    """Whether some client is in this group."""
    return await fetch_one("SELECT 1 AS known FROM client WHERE client_group = $1 LIMIT 1", group) is not None


async def insert_client(client: ClientRow) -> None:
    """Store a new client."""
    await execute(
        "INSERT INTO client (id, client_no, name, client_group, search_text) VALUES ($1, $2, $3, $4, $5)",
        client.id,
        client.client_no,
        client.name,
        client.group,
        search_text_of(client.name, client.client_no),
    )


def search_text_of(name: str, client_no: str) -> str:
    """The text by which a client is found; the column fits any name (`MAX_SEARCH_TEXT`)."""
    return "\n".join((search_form(name), search_form(client_no)))


async def _accounts(
    audience: Audience, condition: str, ids: list[str], *, strict: bool = False
) -> list[AccountRow]:
    where = Where()
    where.add(condition, ids)
    where.sees(audience)
    rows = await fetch(
        f"SELECT {ACCOUNT_COLUMNS}, a.close_only FROM account a JOIN client k ON k.id = a.client_id{where}"
        " ORDER BY a.account_no",
        *where.values,
    )
    return readable(rows, _account, "account", "account_id", strict=strict)


@reads("account", "account_id")
def _account(row: Row) -> AccountRow:
    return AccountRow(account_reference(row), bool(row["close_only"]))


def _where(audience: Audience, selection: ClientFilter) -> Where:
    where = Where()
    if audience.account_scope is not None or not audience.may_see:
        scope = sorted(audience.account_scope or ()) if audience.may_see else []
        where.add("EXISTS (SELECT 1 FROM account a WHERE a.client_id = k.id AND a.account_no IN (?))", scope)
    if selection.search is not None:
        _add_search(where, audience, selection.search)
    where.add_if("k.client_group = ?", selection.group)
    if selection.has_open_case is not None:
        _add_open_case(where, audience, selection.has_open_case)
    return where


def _add_search(where: Where, audience: Audience, text: str) -> None:
    """By the client, or by an account within the audience's scope."""
    pattern, visible = like(text), audience.account_scope
    own = "" if visible is None else " AND a.account_no IN (?)"
    where.add(
        f"({client_text(audience)} LIKE ? ESCAPE '!' OR EXISTS (SELECT 1 FROM account a"
        f" WHERE a.client_id = k.id AND a.search_text LIKE ? ESCAPE '!'{own}))",
        pattern,
        pattern,
        *([] if visible is None else [sorted(visible)]),
    )


def _add_open_case(where: Where, audience: Audience, has_open_case: bool) -> None:
    """A case outside the audience's scope must not show in the list of clients."""
    scoped = audience.account_scope is not None
    where.add(
        f"{'' if has_open_case else 'NOT '}EXISTS (SELECT 1 FROM margin_case c JOIN account b"
        " ON b.id = c.account_id WHERE b.client_id = k.id AND c.status IN (?)"
        f"{' AND b.account_no IN (?))' if scoped else ')'}",
        *((LIVE, sorted(audience.account_scope or ())) if scoped else (LIVE,)),
    )


def _client(audience: Audience) -> Callable[[Row], ClientRow]:
    named = audience.may(Capability.SEE_PERSONAL_DATA)

    def read(row: Row) -> ClientRow:
        name = row["name"] if named else MASKED
        return ClientRow(ClientId(row["id"]), row["client_no"], name, row["client_group"])

    return read
