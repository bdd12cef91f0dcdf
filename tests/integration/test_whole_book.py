"""Reading every book in chunks gives the books that reading them one by one gives."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from desk.monitoring.book_what_if import BookWhatIfRequest, book_what_if
from domain.ids import AccountId, ClientId, Symbol
from domain.margin import AccountType, compute_figures
from domain.market import FactorSource, InstrumentKind, MarginFactors, OptionRight, OptionTerms
from domain.principal import EVERYTHING, Audience
from domain.risk_settings import (
    FactorSetting,
    SettingId,
    SettingKind,
    SettingVersion,
    client_factor_subject,
)
from domain.what_if import Scenario, shocked
from models.book import load_books
from models.book_import import insert_client_factors
from models.market import load_instruments, save_instrument
from models.risk_setting import Concerned, insert_setting
from models.sql.database import Database, consistent_read, execute, fetch
from models.whole_book import every_book, load_market
from tests.kit.damage import damage
from tests.kit.desk_kit import APPLE, BOEING, FACTORS, USD, DeskKit

STRICT = replace(FACTORS, initial=Decimal(1), maintenance=Decimal(".9"), margin_call=Decimal(".95"))


async def a_varied_book(kit: DeskKit) -> list[AccountId]:
    """Seven accounts; factors are stated and set, for instruments and for clients."""
    for symbol in (APPLE, BOEING):
        await kit.instrument(symbol)
        await kit.quote(symbol, 100)
    held = {APPLE: 1000, BOEING: 1000}
    ids = [await kit.account(f"M{number}", -20_000 * number, held) for number in range(1, 8)]
    clients = {
        row["id"]: ClientId(row["client_id"]) for row in await fetch("SELECT id, client_id FROM account")
    }
    await insert_client_factors(clients[ids[0]], [(APPLE, STRICT)])
    await insert_client_factors(clients[ids[1]], [(APPLE, STRICT)])
    await set_factors(kit, 1, SettingKind.INSTRUMENT_FACTORS, BOEING, replace(FACTORS, initial=Decimal(".5")))
    for number, account in ((2, ids[1]), (3, ids[2])):
        milder = replace(FACTORS, force_close=Decimal(".2"), source=FactorSource.CLIENT)
        subject = client_factor_subject(clients[account], APPLE)
        await set_factors(kit, number, SettingKind.CLIENT_FACTORS, subject, milder, clients[account])
    withdrawn = client_factor_subject(clients[ids[0]], APPLE)
    await set_factors(kit, 4, SettingKind.CLIENT_FACTORS, withdrawn, None, clients[ids[0]])
    return ids


async def set_factors(
    kit: DeskKit,
    number: int,
    kind: SettingKind,
    subject: str,
    factors: MarginFactors | None,
    client: ClientId | None = None,
) -> None:
    now = kit.clock() - timedelta(minutes=number)
    version = SettingVersion(
        SettingId(f"{number:032}"),
        number,
        kind,
        subject,
        FactorSetting(factors),
        None,
        now,
        "mary",
        now,
        "carl",
        now,
        "test",
    )
    await insert_setting(version, Concerned(client_id=client))


async def test_chunks_give_the_books_that_one_read_gives(database: Database) -> None:
    with database.active():
        kit = DeskKit()
        ids = await a_varied_book(kit)
        ids.append(await kit.account("I1", -20_000, {APPLE: 1000}, AccountType.INTRADAY))
        policy = replace(kit.desk.policy.books, must_be_flat=lambda currency, now: currency == USD)
        now = kit.clock()
        expected = await load_books(ids, policy, now)
        async with consistent_read():
            market = await load_market(policy, now)
            chunks = [chunk.books async for chunk in every_book(EVERYTHING, market, 3)]
    assert [len(books) for books in chunks] == [3, 3, 2]
    found = {book.account.account_id: book for books in chunks for book in books}
    assert found == expected
    factors = {held.factors for book in found.values() for held in book.book.holdings}
    assert len(factors) == 4


async def test_the_put_on_what_may_be_negative_is_known_as_one_however_it_is_read(database: Database) -> None:
    put, told = Symbol("PUT.US"), Symbol("TOLD.US")
    with database.active():
        kit = DeskKit()
        for symbol in (APPLE, BOEING):
            await kit.instrument(symbol)
            await kit.quote(symbol, 100)
        for symbol, underlying, negative in ((APPLE, None, True), (put, APPLE, False), (told, BOEING, True)):
            (of,) = (await load_instruments([APPLE])).values()
            kind = InstrumentKind.STOCK if underlying is None else InstrumentKind.OPTION
            day = kit.clock().date()
            terms = OptionTerms(underlying, OptionRight.PUT, Decimal(50), day) if underlying else None
            made = replace(of, symbol=symbol, kind=kind, negative_prices=negative, option=terms)
            await save_instrument(made, FACTORS, kit.clock())
        account = await kit.account("M1", 0, {APPLE: 1, put: 1, told: 1})
        policy, now = kit.desk.policy.books, kit.clock()
        one_by_one = (await load_books([account], policy, now))[account]
        async with consistent_read():
            (chunk,) = [each async for each in every_book(EVERYTHING, await load_market(policy, now), 3)]
    assert chunk.books == [one_by_one]
    facts = {
        held.instrument.symbol: (held.instrument.negative_prices, held.underlying_negative)
        for held in one_by_one.book.holdings
    }
    assert facts == {APPLE: (True, False), put: (False, True), told: (False, False)}, (
        "what an earlier version took of an option itself counts no more"
    )


async def test_the_book_what_if_is_the_sum_of_its_accounts_in_any_chunks(database: Database) -> None:
    scenario = Scenario(everything=Decimal("-0.25"), symbols={BOEING: Decimal("-0.5")})
    with database.active():
        kit = DeskKit()
        ids = await a_varied_book(kit)
        policy, now = kit.desk.policy, kit.clock()
        books = await load_books(ids, policy.books, now)
        request = BookWhatIfRequest(scenario, EVERYTHING, policy.books, policy.judgement, USD, 100, 2)
        effect = await book_what_if(request, now)
        assert await book_what_if(replace(request, accounts_per_chunk=100), now) == effect
        worst_two = await book_what_if(replace(request, kept_max=2), now)
        nobody = await book_what_if(replace(request, audience=Audience(frozenset(), None)), now)
    after = [
        compute_figures(shocked(each.book, scenario), now, policy.max_price_age) for each in books.values()
    ]
    called = [each for each in after if each.liquid_net_assets < each.maintenance_margin]
    assert effect.calls_after == len(called) > 2
    assert effect.total_after == sum(each.amount for each in called)
    assert [each.amount_after for each in effect.worst] == sorted(
        (each.amount for each in called), reverse=True
    )
    assert worst_two.worst == effect.worst[:2]
    assert worst_two.total_after == effect.total_after
    assert nobody.accounts == 0


async def test_a_margin_call_of_an_account_with_a_recall_of_stock_is_a_new_call(database: Database) -> None:
    with database.active():
        kit = DeskKit()
        await kit.indebted_account()
        policy = kit.desk.policy
        request = BookWhatIfRequest(Scenario(), EVERYTHING, policy.books, policy.judgement, USD, 100, 2)
        called = await book_what_if(request, kit.clock())
        await execute("UPDATE margin_case SET alert_type = 'SHORT_RECALL'")
        recalled = await book_what_if(request, kit.clock())
    found = [(each.new_calls, each.calls_after, each.worst[0].has_live_case) for each in (called, recalled)]
    assert found == [(0, 1, True), (1, 1, False)]


async def test_damaged_factors_of_a_client_leave_out_the_accounts_that_need_them(
    database: Database,
) -> None:
    with database.active():
        kit = DeskKit()
        ids = await a_varied_book(kit)
        client = (await fetch("SELECT client_id FROM account WHERE id = $1", ids[0]))[0]["client_id"]
        await insert_client_factors(client, [(BOEING, STRICT)])
        await damage(
            "client_factor", "initial_factor", f"client_id = '{client}' AND instrument_id = '{BOEING}'"
        )
        async with consistent_read():
            market = await load_market(kit.desk.policy.books, kit.clock())
            chunks = [chunk async for chunk in every_book(EVERYTHING, market, 3)]
    found = {book.account.account_id for chunk in chunks for book in chunk.books}
    assert found == set(ids[1:])
    assert [number for chunk in chunks for number in chunk.left_out] == ["M1"]
