"""Risk settings: two people change them, they count from their time on, everywhere, and are kept."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from domain.margin import AccountType
from domain.principal import Permission
from tests.api.moments import all_accounts_assessed, prices_call
from tests.api.risk_desk import (
    AMOUNT_RULE,
    REQUEST,
    SETTING,
    SETTINGS,
    approve,
    ask_for,
    checker,
    history,
    in_force,
    maker,
    put_in_force,
)
from tests.api.trading import CASE, case, cases, liquidate, preview
from tests.kit.book_files import BANK, RAIL, a_book, a_client, an_account, owing, quotes
from tests.kit.desk_client import Caller
from tests.kit.desk_server import Desk, World

DOUBLE = {"amountRule": AMOUNT_RULE | {"coefficient": "2"}}
MANUAL_OFF = {"liquidationSwitch": {"tradeType": "MARGIN", "forceType": "MANUAL", "on": False}}
FACTORS = {"initial": "0.6", "maintenance": "0.5", "marginCall": "0.55", "forceClose": "0.4"}
EXEMPTED = f"query ($id: ID!) {{ case(id: $id) {{ exemptedBy {CASE} }} }}"
POSITIONS = """query ($no: String!) { clients(filter: {search: $no}) { nodes { id accounts {
  positions { nodes { instrument { symbol } factors { initial source } } } } } } }"""


@pytest.fixture
async def desk(world: World) -> Desk:
    """M1, of the group gold, M2 and the intraday account I owe 20,000 each; nothing trades."""
    intraday = owing("I", AccountType.INTRADAY)
    book = a_book(
        a_client("C1", owing("M1"), group="gold"), a_client("C2", owing("M2")), a_client("C3", intraday)
    )
    desk = await world.desk(book)
    await desk.until(desk.leads, "the desk to lead")
    await prices_call(desk, 3)
    return desk


async def until_amount(desk: Desk, amount: str, account_no: str = "M1") -> None:
    async def holds() -> bool:
        return [found["amount"] for found in await cases(desk.caller(), accountNo=account_no)] == [amount]

    await desk.until(holds, f"{amount} to be collected of {account_no}")


async def until_no_case(desk: Desk, account_no: str = "M1") -> None:
    async def holds() -> bool:
        return not await cases(desk.caller(), accountNo=account_no)

    await desk.until(holds, f"the case of {account_no} to end")


def exemption(**changes: object) -> dict[str, Any]:
    return {"exemption": {"kind": "MARGIN_CALL", "scope": "ACCOUNT", "accountNo": "M1"} | changes}


async def test_a_change_needs_two_people_and_is_then_in_force_and_in_the_history(desk: Desk) -> None:
    mary = maker(desk)
    requested = await ask_for(mary, DOUBLE)
    approval = requested["approval"]
    assert (approval["status"], approval["maker"], approval["reason"]) == ("PENDING", "mary", "as agreed")
    changes = {change["field"]: (change["before"], change["after"]) for change in approval["changes"]}
    assert changes["coefficient"] == ("1", "2")
    assert changes["withInterest"] == ("true", "true")
    assert changes["effectiveAt"] == (None, "on approval")
    assert await history(mary) == []
    await all_accounts_assessed(desk, witness="M1", prices=("98", "99", "100"))
    await until_amount(desk, "20000")

    both = desk.caller(Permission.RISK_SETTING_FULL, Permission.RISK_APPROVER, subject="mary")
    assert (await approve(both, approval["id"]))["code"] == "SAME_PERSON"
    assert (await approve(mary, approval["id"]))["__typename"] == "ApprovalRefused"
    desk.clock.advance(seconds=1)
    decided = await approve(checker(desk), approval["id"])
    assert decided["approval"] == {"status": "APPROVED", "decidedBy": "carl", "differences": []}
    # 2 x 70,000 of margin-call margin less 50,000 of net assets.
    await until_amount(desk, "90000")

    (version,) = await history(desk.caller(Permission.AUDITOR))
    assert (version["requestedBy"], version["approvedBy"]) == ("mary", "carl")
    assert version["effectiveAt"] == version["approvedAt"] == "2020-03-16T02:00:01Z"
    assert version["requestedAt"] == "2020-03-16T02:00:00Z"
    assert (version["before"]["coefficient"], version["value"]["coefficient"]) == ("1", "2")
    rules = {rule["value"]["accountType"]: rule for rule in await in_force(mary, "AMOUNT_RULE")}
    assert rules["MARGIN"]["setting"]["id"] == version["id"]
    assert rules["CASH"]["setting"] is rules["INTRADAY"]["setting"] is None
    before = await in_force(mary, "AMOUNT_RULE", at="2020-03-16T02:00:00Z")
    assert {each["value"]["coefficient"] for each in before} == {"1"}
    node = f"query ($id: ID!) {{ node(id: $id) {{ ... on RiskSetting {{ {SETTING} }} }} }}"
    assert (await mary.ask(node, id=version["id"]))["node"] == version
    assert (await desk.caller().ask(node, id=version["id"]))["node"] is None


async def test_a_change_counts_from_its_effective_time_and_not_before(desk: Desk) -> None:
    begins = desk.clock() + timedelta(seconds=30)
    version = await put_in_force(desk, DOUBLE, effectiveAt=begins.isoformat())
    assert version["effectiveAt"] == "2020-03-16T02:00:30Z"
    desk.clock.advance(seconds=29)
    await all_accounts_assessed(desk, witness="M1")
    await until_amount(desk, "20650")
    desk.clock.advance(seconds=1)
    await until_amount(desk, "90300")


async def test_a_change_approved_late_counts_from_the_approval(desk: Desk) -> None:
    begins = desk.clock() + timedelta(seconds=5)
    requested = await ask_for(maker(desk), DOUBLE, effectiveAt=begins.isoformat())
    desk.clock.advance(seconds=20)
    decided = await approve(checker(desk), requested["approval"]["id"])
    (difference,) = decided["approval"]["differences"]
    assert difference["field"] == "effectiveAt"
    (version,) = await history(maker(desk))
    assert version["effectiveAt"] == version["approvedAt"] == "2020-03-16T02:00:20Z"


async def test_the_same_key_at_once_makes_one_request_and_a_second_one_waits(desk: Desk) -> None:
    mary = maker(desk)
    answers = await asyncio.gather(*(ask_for(mary, DOUBLE, key="k") for _ in range(50)))
    (approval,) = {answer["approval"]["id"] for answer in answers}
    assert (await ask_for(mary, MANUAL_OFF, key="k"))["code"] == "IDEMPOTENCY_KEY_REUSED"
    again = await ask_for(mary, {"amountRule": AMOUNT_RULE | {"coefficient": "3"}})
    assert (again["code"], again["pending"]) == ("APPROVAL_PENDING", {"id": approval})
    decided = await asyncio.gather(*(approve(checker(desk), approval, key="a") for _ in range(50)))
    assert {each["__typename"] for each in decided} == {"ApprovalDecided"}
    assert len(await history(mary)) == 1


async def test_a_switch_stops_liquidation_by_people(desk: Desk) -> None:
    (called,) = await cases(desk.caller(), accountNo="M1")
    await put_in_force(desk, MANUAL_OFF)
    refused = await liquidate(desk.caller(), called["id"])
    assert refused["code"] == "SWITCH_OFF"
    assert (await preview(desk.caller(), called["id"]))["refusal"] == {"code": "SWITCH_OFF"}
    switches = await in_force(maker(desk), "LIQUIDATION_SWITCH")
    assert [each["value"]["on"] for each in switches].count(False) == 1
    on = {"liquidationSwitch": MANUAL_OFF["liquidationSwitch"] | {"on": True}}
    await put_in_force(desk, on)
    assert (await liquidate(desk.caller(), called["id"]))["__typename"] == "LiquidationStarted"


@pytest.mark.parametrize("scope", ["ACCOUNT", "CLIENT_GROUP", "GLOBAL"])
async def test_an_exemption_voids_the_case_and_prevents_another(desk: Desk, scope: str) -> None:
    named: dict[str, Any] = {"accountNo": "M1" if scope == "ACCOUNT" else None}
    named["clientGroup"] = "gold" if scope == "CLIENT_GROUP" else None
    if scope == "GLOBAL":
        # The intraday account keeps its case, and shows when the desk has looked at all.
        named["conditions"] = [{"field": "ACCOUNT_TYPE", "operator": "EQUALS", "value": "MARGIN"}]
    (called,) = await cases(desk.caller(), accountNo="M1")
    ends = desk.clock() + timedelta(seconds=40)
    version = await put_in_force(desk, exemption(scope=scope, until=ends.isoformat(), **named))
    await until_no_case(desk)
    ended = (await desk.caller().ask(EXEMPTED, id=called["id"]))["case"]
    assert (ended["status"], ended["closeReason"]) == ("VOID", "EXEMPTED")
    assert ended["exemptedBy"] == version["value"]["ruleId"]
    await all_accounts_assessed(desk, witness="I")
    assert len(await cases(desk.caller(), accountNo="M2")) == (0 if scope == "GLOBAL" else 1)
    assert await cases(desk.caller(), accountNo="M1") == []
    desk.clock.advance(seconds=40)
    await desk.market.says(*quotes(desk.clock(), size=0))
    await until_amount(desk, "20000")
    (again,) = await cases(desk.caller(), accountNo="M1")
    assert again["id"] != called["id"]


EVERYWHERE = """{
  caseSummary { openCases totalAmount byStatus { status count } }
  agingBuckets { cases amounts { amount } }
  bookWhatIf(input: {}) { callsBefore callsAfter newCalls totalBefore totalAfter
    accounts { nodes { alerts amountBefore amountAfter } } }
}"""
RECORDS = """{ marginRecords(from: "2020-03-16T00:00:00Z", to: "2020-03-17T00:00:00Z") { nodes {
  case { alertType closeReason } requiredAmount countedAmount metBy } } }"""


async def everywhere(caller: Caller) -> dict[str, Any]:
    """Open cases and what they ask for, as each total of the desk says."""
    found = await caller.ask(EVERYWHERE)
    summary, whole = found["caseSummary"], found["bookWhatIf"]
    return {
        "cases": summary["openCases"],
        "counted cases": sum(each["cases"] for each in found["agingBuckets"]),
        "calls": (whole["callsBefore"], whole["callsAfter"], whole["newCalls"]),
        "amounts": {
            summary["totalAmount"],
            whole["totalBefore"],
            whole["totalAfter"],
            str(sum(Decimal(sum_["amount"]) for each in found["agingBuckets"] for sum_ in each["amounts"])),
            *(each["amountAfter"] for each in whole["accounts"]["nodes"]),
        },
    }


async def test_an_exempt_call_counts_in_no_total_beside_an_over_financing_call(world: World) -> None:
    """M1 lacks 20,000, of which the financing limit asks for 5,000: two cases, and one shortfall."""
    account = an_account("M1", "-150000", {BANK: 1000, RAIL: 1000}, financing_limit="145000")
    desk = await world.desk(a_book(a_client("C1", account)))
    await desk.until(desk.leads, "the desk to lead")
    await prices_call(desk, 1)
    desk.clock.advance(seconds=1)
    await put_in_force(desk, {"amountRule": AMOUNT_RULE | {"overFinancingTriggers": True}})

    async def cases_are(*kinds: str) -> None:
        async def holds() -> bool:
            return sorted(each["alertType"] for each in await cases(desk.caller())) == sorted(kinds)

        await desk.until(holds, f"the cases to be {kinds}")

    await cases_are("MAINTENANCE", "OVER_FINANCING")
    trader = desk.caller()
    both = await everywhere(trader)
    assert both == {"cases": 2, "counted cases": 2, "calls": (1, 1, 0), "amounts": {"20000"}}
    desk.clock.advance(seconds=1)
    await put_in_force(desk, exemption())
    await cases_are("OVER_FINANCING")
    over = await everywhere(trader)
    assert over == {"cases": 1, "counted cases": 1, "calls": (1, 1, 0), "amounts": {"5000"}}
    await put_in_force(desk, exemption(kind="OVER_FINANCING"))
    await cases_are()
    none = await everywhere(trader)
    assert none == {"cases": 0, "counted cases": 0, "calls": (0, 0, 0), "amounts": {"0"}}
    auditor = desk.caller(Permission.AUDITOR, subject="auditor")
    records = (await auditor.ask(RECORDS))["marginRecords"]["nodes"]
    assert {row["case"]["alertType"]: (row["requiredAmount"], row["countedAmount"]) for row in records} == {
        "MAINTENANCE": ("20000", "20000"),
        "OVER_FINANCING": ("5000", "0"),
    }
    assert [(row["case"]["closeReason"], row["metBy"]) for row in records] == [("EXEMPTED", ["EXEMPTED"])] * 2


async def test_an_exemption_that_would_be_over_before_it_begins_is_refused(desk: Desk) -> None:
    now = desk.clock()
    past, soon = (now - timedelta(seconds=1)).isoformat(), (now + timedelta(hours=1)).isoformat()
    for until, effective in ((past, None), (soon, soon), (soon, (now + timedelta(hours=2)).isoformat())):
        answer = await ask_for(maker(desk), exemption(until=until), effectiveAt=effective)
        assert (answer["code"], answer["pending"]) == ("TOO_LATE", None)
        assert "must be in the future and after" in answer["message"]
    switched_off = await ask_for(maker(desk), exemption(until=past, enabled=False))
    assert switched_off["__typename"] == "SettingChangeRequested", "what exempts nobody may end whenever"


async def test_an_exemption_that_ended_while_it_waited_cannot_be_approved(desk: Desk) -> None:
    ends = desk.clock() + timedelta(seconds=30)
    asked = await ask_for(maker(desk), exemption(until=ends.isoformat()))
    desk.clock.advance(seconds=30)
    decided = await approve(checker(desk), asked["approval"]["id"])
    assert decided["code"] == "TOO_LATE"
    assert await history(maker(desk)) == []


async def test_an_exemption_is_changed_by_its_next_version(desk: Desk) -> None:
    version = await put_in_force(desk, exemption())
    await until_no_case(desk)
    rule = version["value"]["ruleId"]
    (kept,) = await in_force(maker(desk), "EXEMPTION")
    assert kept["setting"]["before"] is None
    changed = await put_in_force(desk, exemption(ruleId=rule, enabled=False))
    assert (changed["before"]["enabled"], changed["value"]["enabled"]) == (True, False)
    await until_amount(desk, "20000")
    assert [each["value"]["ruleId"] for each in await history(maker(desk), "EXEMPTION")] == [rule, rule]


async def test_a_condition_narrows_an_exemption(desk: Desk) -> None:
    """Both owe 150,000: more than 150,000 exempts neither, more than 149,999.99 exempts both."""
    debt = {"field": "DEBT", "operator": "GREATER_THAN", "value": "150000"}
    wide = {"kind": "MARGIN_CALL", "scope": "GLOBAL", "conditions": [debt]}
    version = await put_in_force(desk, {"exemption": wide})
    await all_accounts_assessed(desk, witness="M1")
    await until_amount(desk, "20650")
    await until_amount(desk, "20650", "M2")
    debt["value"] = "149999.99"
    await put_in_force(desk, {"exemption": wide | {"ruleId": version["value"]["ruleId"]}})
    await until_no_case(desk, "M1")
    await until_no_case(desk, "M2")


async def test_factors_of_a_client_win_over_those_of_the_instrument(desk: Desk) -> None:
    mary = maker(desk)
    client = (await mary.ask(POSITIONS, no="C1"))["clients"]["nodes"][0]["id"]
    await put_in_force(desk, {"instrumentFactors": {"symbol": BANK, "factors": FACTORS}})
    # The bank's 100,000 at .55 and the railway's at .35.
    await until_amount(desk, "40000")
    await until_amount(desk, "40000", "M2")
    own = {name: "1" for name in FACTORS}
    await put_in_force(desk, {"clientFactors": {"clientId": client, "symbol": BANK, "factors": own}})
    await until_amount(desk, "85000")
    assert await _sources(mary) == {BANK: ("1", "CLIENT"), RAIL: ("0.4", "INSTRUMENT")}
    nodes = (await mary.ask(SETTINGS))["settings"]["factors"]["nodes"]
    assert [node["value"]["symbol"] for node in nodes] == [BANK, BANK]
    assert nodes[0]["value"]["client"] == {"clientNo": "C1"}
    assert nodes[1]["before"]["factors"]["initial"] == "0.4"
    withdrawn = {"symbol": BANK, "factors": None}
    await put_in_force(desk, {"clientFactors": withdrawn | {"clientId": client}})
    await put_in_force(desk, {"instrumentFactors": withdrawn})
    await until_amount(desk, "20000")


async def _sources(caller: Caller) -> dict[str, tuple[str, str]]:
    account = (await caller.ask(POSITIONS, no="C1"))["clients"]["nodes"][0]["accounts"][0]
    return {
        node["instrument"]["symbol"]: (node["factors"]["initial"], node["factors"]["source"])
        for node in account["positions"]["nodes"]
    }


async def test_factors_count_from_their_effective_date(desk: Desk) -> None:
    begins = desk.clock() + timedelta(seconds=30)
    change = {"instrumentFactors": {"symbol": BANK, "factors": FACTORS}}
    await put_in_force(desk, change, effectiveAt=begins.isoformat())
    assert (await maker(desk).ask(SETTINGS))["settings"]["factors"]["nodes"] == []
    assert (await _sources(maker(desk)))[BANK] == ("0.4", "INSTRUMENT")
    desk.clock.advance(seconds=30)
    await until_amount(desk, "40000")


async def test_the_other_rules_are_kept_as_they_are_set(desk: Desk) -> None:
    covered = {"enabled": True, "triggerTime": "15:30", "skipShort": True}
    await put_in_force(desk, {"coveredOption": covered})
    await put_in_force(desk, {"approvalLimits": {"notional": "1000000.5", "cases": 3}})
    await put_in_force(desk, {"tradingLimitExpiry": {"expires": True}})
    values = {
        kind: (await in_force(maker(desk), kind))[0]["value"]
        for kind in ("COVERED_OPTION", "APPROVAL_LIMITS", "TRADING_LIMIT_EXPIRY")
    }
    assert values["COVERED_OPTION"] == {"__typename": "CoveredOptionSetting"} | covered
    assert values["APPROVAL_LIMITS"] == {
        "__typename": "ApprovalLimitsSetting",
        "notional": "1000000.5",
        "cases": 3,
    }
    assert values["TRADING_LIMIT_EXPIRY"] == {"__typename": "TradingLimitExpirySetting", "expires": True}


async def test_history_is_read_in_pages(desk: Desk) -> None:
    for coefficient in ("2", "3", "4"):
        await put_in_force(desk, {"amountRule": AMOUNT_RULE | {"coefficient": coefficient}})
    document = """query ($after: String) { settingHistory(first: 2, after: $after) {
      totalCount pageInfo { hasNextPage endCursor }
      nodes { value { ... on AmountRuleSetting { coefficient } } } } }"""
    first = (await maker(desk).ask(document))["settingHistory"]
    assert (first["totalCount"], first["pageInfo"]["hasNextPage"]) == (3, True)
    last = (await maker(desk).ask(document, after=first["pageInfo"]["endCursor"]))["settingHistory"]
    assert [node["value"]["coefficient"] for node in first["nodes"] + last["nodes"]] == ["4", "3", "2"]
    assert not last["pageInfo"]["hasNextPage"]


async def test_a_caller_without_the_permission_neither_reads_nor_requests_settings(desk: Desk) -> None:
    for permission in (Permission.RISK_WARNING_FULL, Permission.RISK_WARNING_READ_ONLY, Permission.SERVICE):
        caller = desk.caller(permission)
        assert (await caller.answer(SETTINGS)).codes == ["FORBIDDEN"]
        assert (await ask_for(caller, DOUBLE))["code"] == "FORBIDDEN"
    for permission in (Permission.RISK_APPROVER, Permission.AUDITOR):
        assert (await ask_for(desk.caller(permission), DOUBLE))["code"] == "FORBIDDEN"
        await desk.caller(permission).ask(SETTINGS)


async def test_a_limited_scope_requests_changes_of_its_accounts_only(desk: Desk) -> None:
    of_m1 = maker(desk, ["M1"])
    assert (await ask_for(of_m1, DOUBLE))["code"] == "FORBIDDEN"
    assert (await ask_for(of_m1, exemption(accountNo="M2")))["code"] == "NOT_FOUND"
    wide = {"kind": "MARGIN_CALL", "scope": "GLOBAL"}
    assert (await ask_for(of_m1, {"exemption": wide}))["code"] == "FORBIDDEN"
    requested = await ask_for(of_m1, exemption())
    await approve(checker(desk), requested["approval"]["id"])
    theirs = await put_in_force(desk, exemption(accountNo="M2"))
    assert {each["value"]["accountNo"] for each in await history(of_m1)} == {"M1"}
    assert [each["value"]["accountNo"] for each in await in_force(of_m1, "EXEMPTION")] == ["M1"]
    rule = theirs["value"]["ruleId"]
    assert (await ask_for(of_m1, exemption(ruleId=rule)))["code"] == "NOT_FOUND"
    node = "query ($id: ID!) { node(id: $id) { id } }"
    assert (await of_m1.ask(node, id=theirs["id"]))["node"] is None


@pytest.mark.parametrize(
    "setting",
    [
        {"amountRule": AMOUNT_RULE | {"coefficient": "0"}},
        {"amountRule": AMOUNT_RULE | {"coefficient": "10.1"}},
        {"instrumentFactors": {"symbol": BANK, "factors": FACTORS | {"maintenance": "0.7"}}},
        {"instrumentFactors": {"symbol": BANK, "factors": FACTORS | {"initial": "11"}}},
        {"coveredOption": {"enabled": True}},
        {"coveredOption": {"enabled": True, "triggerTime": "25:00"}},
        {"coveredOption": {"enabled": True, "triggerTime": "9:30"}},
        {"approvalLimits": {"notional": "-1"}},
        {"approvalLimits": {"cases": 0}},
        {"exemption": {"kind": "MARGIN_CALL", "scope": "GLOBAL", "accountNo": "M1"}},
        {"exemption": {"kind": "MARGIN_CALL", "scope": "ACCOUNT"}},
        exemption(conditions=[{"field": "DEBT", "operator": "EQUALS", "value": "much"}]),
        exemption(conditions=[{"field": "ACCOUNT_TYPE", "operator": "EQUALS", "value": "margin"}]),
        exemption(conditions=[{"field": "BASE_CURRENCY", "operator": "EQUALS", "value": "HDK"}]),
        exemption(conditions=[{"field": "DEBT", "operator": "EQUALS", "value": "1"}] * 11),
        exemption(clientGroup="gold"),
    ],
)
async def test_invalid_input_is_an_error(desk: Desk, setting: dict[str, Any]) -> None:
    asked = {"idempotencyKey": "k", "setting": setting, "reason": "r"}
    assert (await maker(desk).answer(REQUEST, input=asked)).codes == ["BAD_USER_INPUT"]


@pytest.mark.parametrize("setting", [{}, DOUBLE | MANUAL_OFF, {"amountRule": None}])
async def test_exactly_one_setting_is_asked_for(desk: Desk, setting: dict[str, Any]) -> None:
    asked = {"idempotencyKey": "k", "setting": setting, "reason": "r"}
    (code,) = (await maker(desk).answer(REQUEST, input=asked)).codes
    assert code in ("BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED")


@pytest.mark.parametrize(
    "setting",
    [
        {"instrumentFactors": {"symbol": "NOPE.HK", "factors": FACTORS}},
        {"clientFactors": {"clientId": "bm9wZQ", "symbol": BANK, "factors": FACTORS}},
        exemption(accountNo="M9"),
        exemption(scope="CLIENT_GROUP", accountNo=None, clientGroup="lead"),
        exemption(ruleId="bm9wZQ"),
    ],
)
async def test_a_missing_object_is_not_found(desk: Desk, setting: dict[str, Any]) -> None:
    assert (await ask_for(maker(desk), setting))["code"] == "NOT_FOUND"


@pytest.mark.parametrize("world", ["postgres-redis"], indirect=True)
async def test_a_change_at_one_process_counts_at_the_other(world: World, desk: Desk) -> None:
    """Requested and approved at a process without the monitor: the leader and every decision follow."""
    other = await world.desk()
    (called,) = await cases(other.caller(), accountNo="M1")
    await put_in_force(other, DOUBLE)
    await until_amount(desk, "90000")
    assert (await preview(desk.caller(), called["id"]))["amountBefore"] == "90000"
    await put_in_force(other, MANUAL_OFF)
    assert (await liquidate(desk.caller(), called["id"]))["code"] == "SWITCH_OFF"
    assert (await liquidate(other.caller(), called["id"]))["code"] == "SWITCH_OFF"
    await put_in_force(other, exemption())
    await until_no_case(desk)
    assert (await case(other.caller(), called["id"]))["closeReason"] == "EXEMPTED"
