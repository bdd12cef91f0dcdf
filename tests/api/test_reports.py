"""The reports, worked out by hand: four calls, as connections, as CSV and on the command line."""

import csv
import io
from decimal import Decimal
from typing import Any

import httpx

from domain.book_changes import CashStated, PositionStated
from domain.ids import Symbol
from domain.principal import Permission
from tests.api.test_evidence import commanded
from tests.api.trading import cases, liquidate, orders
from tests.kit.book_files import (
    BANK,
    HKD,
    RAIL,
    a_book,
    a_client,
    a_quote,
    an_account,
    an_instrument,
    owing,
    quotes,
)
from tests.kit.desk_server import Desk, World
from tests.kit.patience import PATIENCE_S
from tests.kit.unguarded import without_guards

A_DAY = 'from: "2020-03-16T00:00:00Z", to: "2020-03-17T00:00:00Z"'
RECORDS = f"""
{{ marginRecords({A_DAY}) {{ totalCount nodes {{
  requiredAmount requiredAt dueAt metAt metBy evidenceMissing
  case {{ status account {{ accountNo }} }}
  cure {{ clientTrades deposits liquidation market surplus }}
}} }} }}
"""
SOLD = f"""
{{ liquidationReport({A_DAY}) {{ totalCount nodes {{
  slippage overLiquidated secondsToCure evidenceMissing case {{ account {{ accountNo }} }}
  legs {{
    order {{ status filledQuantity averagePrice }}
    markAtDecision markAtSend slippageAtDecision slippageAtSend slippageRatio
  }}
}} }} }}
"""
AGING = "{ agingBuckets { firstDay lastDay cases amounts { currency amount } } }"
ONE_SYMBOL = {RAIL: 1000}


async def a_desk_where_calls_were_met(world: World) -> Desk:
    """DEPOSIT pays 21,000 in, SALE is sold by the desk, MARKET is saved by prices, OPEN is not."""
    book = a_book(
        a_client("=SUM(A1)", owing("DEPOSIT")),
        a_client("C2", owing("SALE")),
        a_client("C3", an_account("MARKET", "-75000", ONE_SYMBOL)),
        a_client("C4", an_account("OPEN", "-75000", {BANK: 1000})),
    )
    desk = await world.desk(book)
    now = world.clock()
    await world.market.says(*(a_quote(symbol, now, "100", "99", "101") for symbol in (BANK, RAIL)))
    await desk.until(lambda: _number_of_open_cases_is(desk, 4), "four cases")
    (sale,) = await cases(desk.caller(), accountNo="SALE")
    await liquidate(desk.caller(), sale["id"], legs=[{"symbol": BANK}])
    await desk.until(lambda: _is_filled(desk), "the sale")
    await world.market.says(
        CashStated("DEPOSIT", HKD, Decimal("-129000"), now), a_quote(RAIL, now, "120", "119", "121")
    )
    await desk.until(lambda: _nothing_is_owed_by(desk, {"DEPOSIT", "SALE", "MARKET"}), "three to owe nothing")
    world.clock.advance(seconds=desk.settings.close_hold_s)
    await desk.until(lambda: _number_of_open_cases_is(desk, 1), "three cases to be closed")
    return desk


async def _is_filled(desk: Desk) -> bool:
    return len(await orders(desk.caller(), status=["FILLED"])) == 1


async def _number_of_open_cases_is(desk: Desk, number: int) -> bool:
    return len(await cases(desk.caller())) == number


async def _nothing_is_owed_by(desk: Desk, accounts: set[str]) -> bool:
    for account_no in accounts:
        for found in await cases(desk.caller(), accountNo=account_no):
            if found["amount"] != "0":
                return False
    return True


async def _auditor(desk: Desk, document: str) -> Any:
    return await desk.caller(Permission.AUDITOR, subject="auditor").ask(document)


async def test_the_margin_record_tells_how_each_call_was_met(world: World) -> None:
    desk = await a_desk_where_calls_were_met(world)
    found = (await _auditor(desk, RECORDS))["marginRecords"]
    by_account = {each["case"]["account"]["accountNo"]: each for each in found["nodes"]}
    assert found["totalCount"] == 4
    deposit, sale = by_account["DEPOSIT"], by_account["SALE"]
    assert deposit["requiredAmount"] == "20000"
    assert deposit["dueAt"] == "2020-03-18T06:00:00Z"
    assert deposit["metAt"] == "2020-03-16T02:00:00Z"
    assert deposit["cure"]["deposits"] == "21000"
    # 1,000 of the railway gain 20 each, 65 percent of it after margin.
    assert deposit["cure"]["market"] == "13000"
    assert deposit["cure"]["surplus"] == "14000"
    assert deposit["metBy"] == ["DEPOSIT", "MARKET"]
    # 600 of the bank at 99: 600 x (99 - 65), then the railway as above.
    assert sale["cure"]["liquidation"] == "20400"
    assert sale["cure"]["surplus"] == "13400"
    assert sale["metBy"] == ["LIQUIDATION", "MARKET"]
    # 75,000 of debt against 100,000: 100,000 x 0.35 - 25,000.
    assert by_account["MARKET"]["requiredAmount"] == "10000"
    assert by_account["MARKET"]["metBy"] == ["MARKET"]
    unmet = by_account["OPEN"]
    assert (unmet["metAt"], unmet["metBy"], unmet["cure"], unmet["case"]["status"]) == (
        None,
        [],
        None,
        "OPEN",
    )


async def test_the_liquidation_report_shows_slippage_and_over_liquidation(world: World) -> None:
    desk = await a_desk_where_calls_were_met(world)
    (found,) = (await _auditor(desk, SOLD))["liquidationReport"]["nodes"]
    (leg,) = found["legs"]
    assert leg["order"] == {"status": "FILLED", "filledQuantity": "600", "averagePrice": "99"}
    assert (leg["markAtDecision"], leg["markAtSend"]) == ("100", "100")
    assert (leg["slippageAtDecision"], leg["slippageAtSend"], leg["slippageRatio"]) == ("600", "600", "0.01")
    assert found["slippage"] == "600"
    # All that was left over, 13,400, could have been saved by selling less.
    assert found["overLiquidated"] == "13400"
    assert found["secondsToCure"] == 0


async def test_open_calls_are_counted_by_age(world: World) -> None:
    desk = await a_desk_where_calls_were_met(world)
    reader = desk.caller(Permission.RISK_WARNING_READ_ONLY)
    first = (await reader.ask(AGING))["agingBuckets"]
    assert [each["cases"] for each in first] == [1, 0, 0, 0, 0]
    assert first[0]["amounts"] == [{"currency": "HKD", "amount": "10000"}]
    world.clock.advance(days=2, hours=1)
    aged = (await desk.caller(Permission.RISK_WARNING_READ_ONLY, subject="later").ask(AGING))["agingBuckets"]
    assert [(each["firstDay"], each["lastDay"], each["cases"]) for each in aged[:2]] == [(1, 1, 0), (2, 3, 1)]


async def _get(desk: Desk, path: str, *permissions: Permission, **scope: Any) -> httpx.Response:
    caller = desk.caller(*permissions, subject="exporter", **scope)
    base = caller.address.removesuffix("/graphql")
    headers = {"Authorization": f"Bearer {caller.token}"}
    async with httpx.AsyncClient(
        verify=False, base_url=f"http://{base}", headers=headers, timeout=PATIENCE_S
    ) as client:
        return await client.get(path)


PERIOD = "?from=2020-03-16&to=2020-03-16"


async def test_reports_come_as_csv_with_a_permission_to_export(world: World) -> None:
    desk = await a_desk_where_calls_were_met(world)
    answer = await _get(desk, f"/reports/margin-records.csv{PERIOD}", Permission.AUDITOR)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = {row["account"]: row for row in csv.DictReader(io.StringIO(answer.text))}
    assert rows["DEPOSIT"]["client"] == "'=SUM(A1)"
    assert (rows["DEPOSIT"]["by_deposits"], rows["DEPOSIT"]["met_by"]) == ("21000", "DEPOSIT MARKET")
    assert (rows["OPEN"]["met_at"], rows["OPEN"]["still_owed"]) == ("", "10000")
    sold = await _get(desk, f"/reports/liquidations.csv{PERIOD}", Permission.RISK_APPROVER)
    (row,) = csv.DictReader(io.StringIO(sold.text))
    assert (row["slippage_at_decision"], row["over_liquidated"], row["filled"]) == ("600", "13400", "600")
    aging = await _get(desk, f"/reports/aging.csv{PERIOD}", Permission.AUDITOR)
    assert aging.text.splitlines()[1] == "1,1,1,HKD,10000"
    code, said = await commanded(
        desk, "report", "margin-records", "--from", "2020-03-16", "--to", "2020-03-16"
    )
    assert code == 0, said
    assert said.splitlines() == answer.text.splitlines()
    exported = await desk.rows("SELECT actor FROM audit WHERE action = 'export' ORDER BY id")
    assert [row["actor"] for row in exported] == ["exporter"] * 3 + ["desk:report"]


async def test_a_report_stays_within_scope_and_rights(world: World) -> None:
    book = a_book(a_client("C1", owing("M1")), a_client("C2", owing("M2")))
    desk = await world.desk(book, report_max_cases=1)
    await world.market.says(*quotes(world.clock()))
    await desk.until(lambda: _number_of_open_cases_is(desk, 2), "two cases")
    path = f"/reports/margin-records.csv{PERIOD}"
    assert (await _get(desk, path, Permission.RISK_WARNING_FULL)).status_code == 403
    scoped = await _get(desk, path, Permission.RISK_SETTING_FULL, accounts=["M1"])
    (row,) = csv.DictReader(io.StringIO(scoped.text))
    assert (row["account"], row["name"]) == ("M1", "***")
    too_long = await _get(desk, path, Permission.AUDITOR)
    assert (too_long.status_code, too_long.json()["errors"][0]["extensions"]["code"]) == (400, "BAD_REQUEST")
    for bad in ("/reports/nothing.csv" + PERIOD, "/reports/aging.csv", "/reports/aging.csv?from=x&to=y"):
        assert (await _get(desk, bad, Permission.AUDITOR)).status_code in (400, 404)
    for other in ("x", "20200316", "2020-W12-1", "2020W121", "2020-3-16", " 2020-03-16", "2020-03-16T00:00"):
        for days in (f"from={other}&to=2020-03-31", f"from=2020-03-01&to={other}"):
            no_day = await _get(desk, f"/reports/aging.csv?{days}", Permission.AUDITOR)
            assert no_day.status_code == 400, days
            assert (
                "from and to must each be a day such as 2020-03-20" in no_day.json()["errors"][0]["message"]
            )
    for ignored in ("account=M1", "from=2020-03-16", "to=2020-03-17", "FROM=2020-03-01"):
        refused = await _get(desk, f"/reports/aging.csv{PERIOD}&{ignored}", Permission.AUDITOR)
        assert refused.status_code == 400, ignored
        assert ignored.partition("=")[0] in refused.json()["errors"][0]["message"]
    async with httpx.AsyncClient(verify=False, timeout=PATIENCE_S) as nobody:
        address = desk.caller().address.removesuffix("/graphql")
        assert (await nobody.get(f"http://{address}{path}")).status_code == 401


async def test_a_snapshot_that_cannot_be_read_costs_its_case_some_cells_and_not_the_report(
    world: World,
) -> None:
    desk = await a_desk_where_calls_were_met(world)
    await _damage_the_snapshots_of(desk, "DEPOSIT")
    found = (await _auditor(desk, RECORDS))["marginRecords"]
    cures = {each["case"]["account"]["accountNo"]: each["cure"] for each in found["nodes"]}
    assert {account for account, cure in cures.items() if cure is None} == {"DEPOSIT", "OPEN"}
    assert [each["case"]["account"]["accountNo"] for each in found["nodes"] if each["evidenceMissing"]] == [
        "DEPOSIT"
    ]
    header, *rows = await _csv(desk, "margin-records")
    assert header[-1] == "evidence_missing"
    assert {row[1]: row[-1] for row in rows} == {"DEPOSIT": "yes", "SALE": "", "MARKET": "", "OPEN": ""}


async def test_slippage_that_is_not_known_of_every_order_is_not_summed_up(world: World) -> None:
    desk = await a_desk_where_calls_were_met(world)
    await _damage_the_snapshots_of(desk, "SALE")
    (found,) = (await _auditor(desk, SOLD))["liquidationReport"]["nodes"]
    assert (found["evidenceMissing"], found["slippage"], found["overLiquidated"]) == (True, None, None)
    header, row = await _csv(desk, "liquidations")
    assert dict(zip(header, row, strict=True))["evidence_missing"] == "yes"


async def _damage_the_snapshots_of(desk: Desk, account_no: str) -> None:
    """As only a damaged disk can: the database itself refuses to change them."""
    with desk.application.resources.database.active():
        await without_guards()
    await desk.rows(
        "UPDATE snapshot SET content = '{' WHERE case_id IN (SELECT c.id FROM margin_case c"
        f" JOIN account a ON a.id = c.account_id WHERE a.account_no = '{account_no}') RETURNING 1"
    )


async def test_the_sale_of_a_position_that_arrived_after_the_call_is_no_deposit(world: World) -> None:
    """Shares of a spin-off come while the call is open, and are sold: neither snapshot has them."""
    spun_off = Symbol("9.HK")
    known = tuple(an_instrument(symbol, lot=100) for symbol in (BANK, RAIL, spun_off))
    desk = await world.desk(a_book(a_client("C1", owing("M1")), instruments=known))

    async def prices() -> None:
        now = world.clock()
        await world.market.says(*(a_quote(each.instrument.symbol, now, "100") for each in known))

    async def amount_is(amount: str) -> bool:
        return [each["amount"] for each in await cases(desk.caller())] == [amount]

    await prices()
    await desk.until(lambda: amount_is("20000"), "the call")
    await world.market.says(PositionStated("M1", spun_off, Decimal(200), world.clock()))
    await desk.until(lambda: amount_is("7000"), "the shares to count")
    (called,) = await cases(desk.caller())
    await liquidate(desk.caller(), called["id"], legs=[{"symbol": spun_off}])
    await prices()
    await desk.until(lambda: amount_is("0"), "the sale")
    world.clock.advance(seconds=desk.settings.close_hold_s)
    await prices()
    await desk.until(lambda: _number_of_open_cases_is(desk, 0), "the case to be closed")
    (record,) = (await _auditor(desk, RECORDS))["marginRecords"]["nodes"]
    # 200 shares worth 20,000 came without money, and bind 7,000 of margin until they are sold.
    parts = {"clientTrades": "-7000", "deposits": "20000", "liquidation": "7000"}
    assert record["cure"] == parts | {"market": "0", "surplus": "0"}
    assert record["metBy"] == ["DEPOSIT", "LIQUIDATION"]


async def _csv(desk: Desk, name: str) -> list[list[str]]:
    token = desk.caller(Permission.AUDITOR, subject="auditor").token
    async with httpx.AsyncClient(verify=False, timeout=PATIENCE_S) as client:
        answer = await client.get(
            f"http://127.0.0.1:{desk.port}/reports/{name}.csv",
            params={"from": "2020-03-16", "to": "2020-03-16"},
            headers={"Authorization": f"Bearer {token}"},
        )
    assert answer.status_code == 200, answer.text
    return list(csv.reader(io.StringIO(answer.text)))
