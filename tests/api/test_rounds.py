"""What one account or price does to the watching of all the others, as the outside world sees it."""

from datetime import timedelta
from decimal import Decimal

from domain.book_changes import PositionStated
from tests.api.doubts import unwatched
from tests.kit.book_files import BANK, a_book, a_client, a_quote, an_account, an_instrument, owing, quotes
from tests.kit.desk_client import Caller
from tests.kit.desk_server import Desk, World, scraped

ENORMOUS = Decimal("-99999999999999999999")
"""As large as a message may state it; at any price above 1 it is worth more than can be stored."""
CASES = "query { cases(first: 50) { nodes { account { accountNo } } } }"


async def called(caller: Caller) -> set[str]:
    """The accounts that have a case."""
    return {node["account"]["accountNo"] for node in (await caller.ask(CASES))["cases"]["nodes"]}


async def until_called(desk: Desk, *accounts: str) -> None:
    trader = desk.caller()

    async def are_called() -> bool:
        return await called(trader) == set(accounts)

    await desk.until(are_called, f"the calls of {accounts}")


async def test_an_impossible_number_sets_its_account_aside_and_the_others_are_called(world: World) -> None:
    accounts = [owing(f"M{number}") for number in range(4)]
    desk = await world.desk(a_book(*(a_client(f"C{n}", account) for n, account in enumerate(accounts))))
    trader, at = desk.caller(), desk.clock()
    await desk.market.says(*quotes(at, "200"))
    await desk.market.says(PositionStated("M1", BANK, ENORMOUS, at))
    later = at + timedelta(seconds=1)
    desk.clock.now = later
    await desk.market.says(*quotes(later, "100"))
    await until_called(desk, "M0", "M2", "M3")

    async def is_listed() -> bool:
        """Doubts of a look before any price came may stand beside it: no look has succeeded since."""
        listed = await unwatched(trader)
        return set(listed) == {"M1"} and ("TOO_LARGE", "") in listed["M1"]

    await desk.until(is_listed, "the account to be listed")
    counted = await scraped(desk)
    assert counted['desk_unwatched_accounts{reason="TOO_LARGE"}'] == 1
    assert counted["desk_round_faults_total"] > 0
    assert desk.application.workers.ready
    await desk.market.says(PositionStated("M1", BANK, Decimal(1000), later))
    await until_called(desk, "M0", "M1", "M2", "M3")

    async def is_over() -> bool:
        return await unwatched(trader) == {}

    await desk.until(is_over, "the doubt to end")


async def test_the_newest_quote_of_a_batch_counts_whatever_its_place(world: World) -> None:
    desk = await world.desk(a_book(a_client("C1", owing("M1"))))
    at = desk.clock()
    await desk.market.says(
        *quotes(at, "200"), *quotes(at - timedelta(seconds=5), "100"), *quotes(at - timedelta(seconds=9), "1")
    )
    stored = await desk.rows("SELECT last_price FROM quote")
    assert {Decimal(row["last_price"]) for row in stored} == {Decimal(200)}
    assert await called(desk.caller()) == set()


async def test_accounts_that_are_imported_while_the_desk_runs_are_watched_at_once(world: World) -> None:
    desk = await world.desk(a_book(a_client("C1", owing("M1"))))
    await desk.market.says(*quotes(desk.clock()))
    await until_called(desk, "M1")
    new = a_book(
        a_client("C2", an_account("M2", "-80000", {BANK: 1000})), instruments=(an_instrument(BANK, lot=100),)
    )
    await world.imports(new)
    await until_called(desk, "M1", "M2")
    desk.clock.advance(seconds=1)
    await desk.market.says(a_quote(BANK, desk.clock(), "99"))


async def test_an_account_that_cannot_be_read_costs_a_what_if_of_the_book_nothing_else(world: World) -> None:
    desk = await world.desk(a_book(*(a_client(f"C{n}", owing(f"M{n}")) for n in range(3))))
    await desk.market.says(*quotes(desk.clock()))
    await until_called(desk, "M0", "M1", "M2")
    await desk.rows("UPDATE account SET written_off_alerts = 'NONSENSE' WHERE account_no = 'M1' RETURNING 1")
    await desk.rows(
        "UPDATE margin_case SET alert_type = 'NONSENSE' WHERE account_id IN"
        " (SELECT id FROM account WHERE account_no = 'M2') RETURNING 1"
    )
    asked = """{ bookWhatIf(input: {}, first: 9) {
      accountsValued leftOut leftOutAccounts callsAfter totalAfter } }"""
    effect = (await desk.caller().ask(asked))["bookWhatIf"]
    told = {"leftOut": 1, "leftOutAccounts": ["M1"]}
    assert effect == {"accountsValued": 2, "callsAfter": 2, "totalAfter": "40000"} | told
