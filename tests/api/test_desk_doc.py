"""docs/desk.md, as it stands there: every block of GraphQL is run, in order, by whom the page says.

The chapters below are those of the page. Each asserts what its text promises.
"""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from domain.margin import AccountType
from domain.message import Contact, Language
from domain.principal import Permission
from feeds.book import BookAccount, BookClient, BookFile
from tests.api.test_evidence import commanded
from tests.api.test_stock_recovery import CALL, a_call
from tests.kit.book_files import BANK, TENCENT, a_book, a_client, a_quote, an_account, an_instrument
from tests.kit.desk_client import Caller, Operation
from tests.kit.desk_server import Desk, World
from tests.kit.receiver import Receiver, a_receiver

pytestmark = pytest.mark.faults

PAGE = (Path(__file__).parents[2] / "docs/desk.md").read_text()
BLOCKS = {
    name: (role.replace(" ", "-"), document)
    for name, document, role in re.findall(r"```graphql ([\w-]+)\n(.*?  # ([\w ]+)\n.*?)```", PAGE, re.DOTALL)
}
"""By name: who runs it, as its first line says, and the document."""
ROLES = {
    "reader": Permission.RISK_WARNING_READ_ONLY,
    "operator": Permission.RISK_WARNING_OPERATOR,
    "trader": Permission.RISK_WARNING_FULL,
    "approver": Permission.RISK_APPROVER,
    "risk-admin": Permission.RISK_SETTING_FULL,
    "auditor": Permission.AUDITOR,
}
LIQUID = 1_000_000


@dataclass(slots=True)
class Day:
    """The desk, its callers, and the blocks that were run."""

    desk: Desk
    receiver: Receiver
    run: list[str] = field(default_factory=list)
    callers: dict[str, Caller] = field(default_factory=dict)
    watching: dict[str, Operation] = field(default_factory=dict)
    """Subscriptions that later chapters look at, by their block."""

    async def ask(self, block: str, by: str | None = None, **variables: object) -> Any:
        """The data of a block; by the role that the page names unless said otherwise."""
        role, document, variables = self._prepared(block, variables)
        return await self._caller(by or role).ask(document, **variables)

    async def listen(self, block: str, **variables: object) -> Operation:
        """A block that is a subscription."""
        role, document, variables = self._prepared(block, variables)
        return await self._caller(role).subscribe(document, **variables)

    def _prepared(self, block: str, variables: dict[str, object]) -> tuple[str, str, dict[str, object]]:
        """Every variable that the block requires is given, and a key of its own."""
        self.run.append(block)
        role, document = BLOCKS[block]
        required = set(re.findall(r"\$(\w+): [^,)]*!(?=[,)])", document))
        if "key" in required:
            variables = {"key": uuid4().hex, **variables}
        assert required <= set(variables)
        return role, document, variables

    def _caller(self, role: str) -> Caller:
        if role not in self.callers:
            self.callers[role] = self.desk.caller(ROLES[role], subject=f"the {role}")
        return self.callers[role]

    async def prices(self, size: int = 0, later: timedelta = timedelta()) -> None:
        """What the market says now; of size 0 nothing trades."""
        at = self.desk.clock() + later
        await self.desk.market.says(
            a_quote(TENCENT, at, "400", size=size),
            a_quote(BANK, at, "100", size=size),
            a_quote(CALL, at, "5", size=size),
        )

    async def goes_on_to(self, hour: int, minute: int, size: int = 0) -> None:
        """In Hong Kong. The prices are there when the time comes: a look in between would find them old."""
        now = self.desk.clock()
        later = now.replace(hour=hour - 8, minute=minute, second=0) - now
        await self.prices(size, later)
        self.desk.clock.advance(seconds=later.total_seconds())

    async def case_of(self, account_no: str) -> Any:
        """Its newest case, with the version that a command needs."""
        document = """query ($of: String!) { cases(filter: {accountNo: $of}) { nodes {
          id caseNo status closeReason version amount account { id } reopenedFrom { id } } } }"""
        live = (await self._caller("reader").ask(document, of=account_no))["cases"]["nodes"]
        return live[0] if live else None

    async def closed_case_of(self, account_no: str) -> Any:
        document = "query ($f: CaseFilter) { cases(filter: $f) { nodes { id } } }"
        asked = {"accountNo": account_no, "closed": True}
        return (await self._caller("reader").ask(document, f=asked))["cases"]["nodes"][0]

    async def state(self, case_id: str) -> Any:
        document = "query ($id: ID!) { case(id: $id) { status closeReason amount } }"
        return (await self._caller("reader").ask(document, id=case_id))["case"]

    async def is_sold_and_resolved(self, case_id: str) -> None:
        """As soon as its orders are at the venue and prices let them fill, and the hold has passed."""

        async def owes_nothing() -> bool:
            await self.prices(LIQUID)
            found = await self.state(case_id)
            return bool(found["status"] == "OPEN" and found["amount"] == "0")

        async def is_resolved() -> bool:
            found = await self.state(case_id)
            return bool(found["status"] == "RESOLVED" and found["closeReason"] == "CURED")

        await self.desk.until(owes_nothing, "the fills")
        self.desk.clock.advance(seconds=self.desk.settings.close_hold_s)
        await self.desk.until(is_resolved, "the case to be closed")

    async def approved(self, request: Any, by: str = "approver") -> Any:
        (result,) = (await self.ask("approve", by, request=request["id"]))["approve"]["results"]
        assert result["approval"]["status"] == "APPROVED", result
        return result["approval"]


def owing(account_no: str, cash: str = "-150000", kind: AccountType = AccountType.MARGIN) -> BookAccount:
    """With 200,000 in stock: 20,000 is to be collected."""
    return an_account(account_no, cash, {TENCENT: 500}, account_type=kind)


def the_book() -> BookFile:
    """M1 owes 30,000, four others and an intraday account 20,000; W has written calls, A and B are short."""
    contact = Contact("c1@example.org", None, None, Language.ENGLISH, "Asia/Hong_Kong")
    first = a_client("C1", owing("M1", "-160000"))
    others = [a_client(f"C{n}", owing(f"M{n}")) for n in range(2, 6)]
    rich = {"W": {TENCENT: 500, CALL: -7}, "A": {BANK: -500}, "B": {BANK: -300}}
    return a_book(
        BookClient(first.client_no, first.name, first.group, first.accounts, first.factors, contact),
        *others,
        a_client("C6", owing("I1", kind=AccountType.INTRADAY)),
        *(a_client(name, an_account(name, "90000000", held)) for name, held in rich.items()),
        instruments=(an_instrument(TENCENT, lot=100), an_instrument(BANK, lot=100), a_call()),
    )


@pytest.fixture
async def day(world: World) -> AsyncIterator[Day]:
    """Monday, 10:00 in Hong Kong."""
    async with a_receiver() as receiver:
        desk = await world.desk(
            the_book(),
            approval_notional=150_000,
            auto_liquidation_poll_s=0.05,
            market_day_poll_interval_s=0.05,
            covered_options_check_interval_s=0.05,
            message_poll_interval_s=0.02,
            message_email_url=receiver.url("/mail?:to={to}", "json"),
            webhook_allow_http=True,
            webhook_allow_private=True,
            audit_chain_interval_s=0.05,
        )
        yield Day(desk, receiver)


async def before_the_open(day: Day) -> None:
    found = await day.ask("before-the-open")
    assert found["viewer"]["permissions"] == ["RISK_WARNING_FULL"]
    assert found["killSwitches"]["nodes"] == found["marketDays"]["nodes"] == []
    assert found["approvalRequests"]["totalCount"] == 0
    market_day = (await day.ask("market-day"))["setMarketDay"]["result"]["marketDay"]
    assert market_day == {"day": "2020-03-20", "kind": "CLOSED"}


async def the_morning_list(day: Day) -> None:
    await day.prices()

    async def six_are_open() -> bool:
        document = "{ cases { totalCount } }"
        return bool((await day.callers["trader"].ask(document))["cases"]["totalCount"] == 6)

    await day.desk.until(six_are_open, "the calls of the morning")
    shown = await day.ask("list")
    totals, listed = shown["caseSummary"], shown["cases"]
    assert (totals["openCases"], totals["totalAmount"], totals["longTermUnsettledAmount"]) == (
        6,
        "130000",
        "0",
    )
    assert (listed["totalCount"], listed["nodes"][0]["amount"]) == (5, "30000")
    assert {row["client"]["name"] for row in listed["nodes"]} == {"***"}
    assert {row["elapsedHours"] for row in listed["nodes"]} == {1}
    others = await day.ask("other-lists")
    assert [row["amount"] for row in others["intraday"]["nodes"]] == ["20000"]
    assert others["exceptions"]["nodes"] == others["history"]["nodes"] == []
    cases = await day.listen("watch")
    assert [(await cases.next())["kind"] for _ in range(6)] == ["SNAPSHOT"] * 6
    await day.listen("watch-orders")
    assert (await (await day.listen("watch-totals")).next())["openCases"] == 6
    day.watching = {block: await day.listen(block) for block in ("watch-switches", "watch-requests")}


async def one_case(day: Day) -> None:
    m1 = (await day.case_of("M1"))["id"]
    case = (await day.ask("case", case=m1))["case"]
    assert (case["client"]["name"], case["figures"]["liquidNetAssets"]) == ("Client C1", "40000")
    assert case["account"]["cashBalances"][0]["balance"] == "-160000"
    assert case["account"]["positions"]["nodes"][0]["sellableQuantity"] == "500"
    assert case["account"]["closeOnly"]
    claimed = (await day.ask("claim", case=m1))["claimCase"]["result"]["case"]
    assert claimed["claim"]["by"] == "the operator"
    taken = (await day.ask("claim", "trader", case=m1))["claimCase"]["result"]
    assert taken["code"] == "CASE_CLAIMED"
    assert "the operator" in taken["message"]
    noted = (await day.ask("follow-up", case=m1))["addFollowUp"]["result"]["case"]
    assert noted["followUpCount"] == 1
    remark = (await day.ask("remark", case=m1, version=noted["version"]))["updateRemark"]["result"]
    assert remark["case"]["remark"] == "pays at noon"
    late = (await day.ask("remark", case=m1, version=noted["version"] - 1))["updateRemark"]["result"]
    assert late["code"] == "VERSION_CONFLICT"


async def tell_the_client(day: Day) -> None:
    m1 = (await day.case_of("M1"))["id"]
    (result,) = (await day.ask("message", case=m1))["sendMessage"]["results"]
    assert result["queuedMessage"]["status"] == "QUEUED"
    assert result["queuedMessage"]["recipient"] == "c1@example.org"
    await day.receiver.until(1, "/mail")

    async def sent() -> bool:
        (message,) = (await day.ask("case", case=m1))["case"]["messages"]["nodes"]
        return bool(message["status"] == "SENT")

    await day.desk.until(sent, "the message to be taken")


async def liquidate(day: Day) -> None:
    m1 = await day.case_of("M1")
    shown = await day.ask("preview", case=m1["id"])
    plan = shown["liquidationPreview"]
    assert shown["quote"]["bid"] == "400"
    # 30,000 / (400 x 0.35) is 214.3: three lots.
    assert (plan["cures"], [leg["quantity"] for leg in plan["legs"]]) == (True, ["300"])
    first = await _liquidated(day, m1)
    assert first["case"]["status"] == "LIQUIDATING"
    (order,) = first["orders"]
    listed = (await day.ask("orders"))["orders"]["nodes"]
    assert [row["id"] for row in listed] == [order["id"]]
    await day.desk.until(lambda: _order_is(day, order["id"], "NEW"), "the order to rest")
    (cancelled,) = (await day.ask("cancel", order=order["id"]))["cancel"]["results"]
    assert cancelled["order"]["status"] == "PENDING_CANCEL"
    await day.desk.until(lambda: _order_is(day, order["id"], "CANCELED"), "the venue's word")
    assert (await day.state(m1["id"]))["status"] == "OPEN"
    (again,) = (await _liquidated(day, await day.case_of("M1")))["orders"]
    all_of_it = (await day.ask("cancel-all", case=m1["id"]))["cancelAll"]["result"]
    assert (len(all_of_it["results"]), all_of_it["remaining"]) == (1, 0)
    await day.desk.until(lambda: _order_is(day, again["id"], "CANCELED"), "the venue's word")
    await _liquidated(day, await day.case_of("M1"))
    await day.is_sold_and_resolved(m1["id"])


async def _liquidated(day: Day, case: Any) -> Any:
    answer = await day.ask("liquidate", case=case["id"], version=case["version"])
    (result,) = answer["liquidate"]["results"]
    assert "orders" in result, result
    return result


async def _order_is(day: Day, order_id: str, status: str) -> bool:
    document = "query ($id: ID!) { order(id: $id) { status } }"
    return bool((await day.callers["reader"].ask(document, id=order_id))["order"]["status"] == status)


async def what_takes_two_people(day: Day) -> None:
    m2 = await day.case_of("M2")
    await day.prices(LIQUID)
    (refused,) = (await day.ask("liquidate-all", case=m2["id"]))["liquidate"]["results"]
    assert refused["code"] == "APPROVAL_REQUIRED"
    assert {"field": "notional", "after": "200000"} in refused["approval"]["changes"]
    (waiting,) = (await day.ask("requests"))["approvalRequests"]["nodes"]
    assert (waiting["id"], waiting["maker"]) == (refused["approval"]["id"], "the trader")
    assert waiting["mayDecide"]
    badge = day.watching["watch-requests"]
    told = (await badge.until(lambda event: bool(event["request"]["id"] == waiting["id"])))[-1]
    assert (told["kind"], told["request"]["neededCapabilities"]) == ("REQUESTED", ["APPROVE_CASE_ACTION"])
    done = await day.approved(refused["approval"])
    assert (done["decidedBy"], done["differences"]) == ("the approver", [])
    assert (await badge.next())["kind"] == "REMOVED"
    await day.is_sold_and_resolved(m2["id"])


async def stop_everything(day: Day) -> None:
    m3 = await day.case_of("M3")
    account = m3["account"]["id"]
    frozen = (await day.ask("freeze", account=account))["setKillSwitch"]["result"]
    assert frozen["killSwitch"]["scope"] == "ACCOUNT"
    banner = day.watching["watch-switches"]
    assert (await banner.next())["kind"] == "SWITCHED_ON"
    await day.prices()
    answer = await day.ask("liquidate", case=m3["id"], version=m3["version"])
    assert answer["liquidate"]["results"][0]["code"] == "FROZEN"
    wish = (await day.ask("unfreeze", account=account))["setKillSwitch"]["result"]
    assert wish["code"] == "APPROVAL_REQUIRED"
    await day.approved(wish["approval"], "risk-admin")
    assert (await banner.next())["kind"] == "REMOVED"


async def deadlines_and_automatic_liquidation(day: Day) -> None:
    m5 = await day.case_of("M5")
    answer = await day.ask("deadline", case=m5["id"], version=m5["version"])
    moved = answer["adjustDeadline"]["result"]["case"]
    assert (moved["deadline"], moved["originalDeadline"]) == ("2020-03-16T06:00:00Z", "2020-03-18T06:00:00Z")
    (auto,) = (await day.ask("automatic", cases=[m5["id"]]))["setAutoLiquidation"]["results"]
    assert auto["case"]["autoLiquidation"] == {
        **{"at": moved["deadline"], "trigger": "DEADLINE", "held": None, "heldUntil": None}
    }
    await day.goes_on_to(14, 0)
    await day.desk.until(lambda: _is_being_sold(day, m5["id"]), "the desk to sell")
    await day.is_sold_and_resolved(m5["id"])


async def _is_being_sold(day: Day, case_id: str) -> bool:
    return bool((await day.state(case_id))["status"] == "LIQUIDATING")


async def exception_void_write_off(day: Day) -> None:
    m3, m4 = await day.case_of("M3"), await day.case_of("M4")
    answer = await day.ask("exception", case=m3["id"], version=m3["version"])
    marked = answer["markException"]["result"]["case"]
    assert (marked["status"], marked["messagesMuted"]) == ("EXCEPTION", True)
    refused = await day.ask("liquidate", case=m3["id"], version=marked["version"])
    assert refused["liquidate"]["results"][0]["code"] == "CASE_IN_EXCEPTION"
    wish = (await day.ask("write-off", case=m3["id"], version=marked["version"]))["writeOff"]["result"]
    assert wish["code"] == "APPROVAL_REQUIRED"
    await day.approved(wish["approval"])
    wish = (await day.ask("void", case=m4["id"], version=m4["version"]))["voidCase"]["result"]
    await day.approved(wish["approval"])
    lists = await day.ask("other-lists")
    assert [row["caseNo"] for row in lists["badCredit"]["nodes"]] == [m3["caseNo"]]
    ended = {row["caseNo"]: row for row in lists["history"]["nodes"]}
    assert ended[m4["caseNo"]]["closeReason"] == "VOIDED"
    assert ended[m4["caseNo"]]["figuresAtOpen"]["amount"] == "20000"


async def settings(day: Day) -> None:
    answer = await day.ask("change-setting")
    await day.approved(answer["requestSettingChange"]["result"]["approval"])
    found = await day.ask("settings")
    (rule,) = [row for row in found["settings"]["settings"] if row["kind"] == "COVERED_OPTION"]
    assert (rule["value"]["triggerTime"], rule["setting"]["approvedBy"]) == ("14:30", "the approver")
    assert found["settingHistory"]["nodes"][0]["requestedBy"] == "the risk-admin"
    registered = (await day.ask("webhook", url=day.receiver.url("/alerts")))["registerWebhook"]["result"]
    assert registered["webhook"]["status"] == "ACTIVE"
    assert registered["secret"]


async def stock_that_has_to_come_back(day: Day) -> None:
    await day.goes_on_to(14, 30)

    async def found() -> bool:
        return bool((await day.ask("stock"))["coveredOptionShortfalls"]["nodes"])

    await day.desk.until(found, "the shortfall")

    async def told() -> bool:
        return any(b"CASE_OPENED" in posted.body for posted in day.receiver.at("/alerts"))

    await day.desk.until(told, "the webhook")
    shown = await day.ask("stock")
    (shortfall,) = shown["coveredOptionShortfalls"]["nodes"]
    assert (shortfall["account"]["accountNo"], shortfall["outstandingQuantity"]) == ("W", "200")
    assert shortfall["writtenCalls"][0]["contractsToBuyBack"] == "2"
    (stock,) = shown["stockBorrow"]["nodes"]
    assert (stock["totalShort"], stock["accountsShort"], stock["recalled"]) == ("800", 2, "0")
    recalled = (await day.ask("recall"))["recallStock"]["result"]
    assert (recalled["allocated"], recalled["unallocated"]) == ("400", "0")
    recoveries = (await day.ask("stock"))["shortRecoveries"]["nodes"]
    assert {row["account"]["accountNo"] for row in recoveries} == {"A", "B"}
    assert sum(int(row["quantity"]) for row in recoveries) == 400
    for record, symbol in ((shortfall, CALL), (recoveries[0], BANK)):
        (result,) = (await day.ask("recover", recovery=record["id"]))["recoverStock"]["results"]
        assert [(order["side"], order["instrument"]["symbol"]) for order in result["orders"]] == [
            ("BUY", symbol)
        ]


async def what_if(day: Day) -> None:
    m4 = await day.case_of("M4")
    assert m4["reopenedFrom"] is not None
    shown = await day.ask("what-if", case=m4["id"], account=m4["account"]["id"])
    shocked = shown["whatIf"]
    # 160,000 in stock against 150,000 of debt: 56,000 less 10,000.
    assert (shocked["before"]["amount"], shocked["after"]["amount"]) == ("20000", "46000")
    book = shown["bookWhatIf"]
    assert (book["accountsValued"], book["accounts"]["nodes"][0]["amountAfter"]) == (9, "46000")
    ahead = shown["account"]["lookAhead"]
    assert (ahead["closesAt"], ahead["calls"]) == ("2020-03-17T08:00:00Z", ["MAINTENANCE"])


async def the_evening(day: Day) -> None:
    intraday = (await day.case_of("I1"))["id"]
    await day.goes_on_to(15, 45)
    await day.desk.until(lambda: _is_being_sold(day, intraday), "the intraday account to be sold")
    await day.is_sold_and_resolved(intraday)
    found = await day.ask("reports")
    records = {row["case"]["account"]["accountNo"]: row for row in found["marginRecords"]["nodes"]}
    assert records["M1"]["metBy"] == ["LIQUIDATION"]
    assert records["M1"]["requiredAmount"] == "30000"
    assert found["liquidationReport"]["nodes"]
    assert sum(row["cases"] for row in found["agingBuckets"]) >= 1
    await day.goes_on_to(16, 5)
    case_id = (await day.case_of("M4"))["id"]

    async def daily() -> bool:
        return "DAILY" in [row["kind"] for row in await _snapshots(day, case_id)]

    await day.desk.until(daily, "the snapshot of the day")
    taken = await _snapshots(day, case_id)
    assert taken[-1]["kind"] == "TRIGGER"
    sold = (await day.closed_case_of("M1"))["id"]
    assert {row["kind"] for row in await _snapshots(day, sold)} == {"TRIGGER", "FORCE", "NOTICE", "END"}
    assert TENCENT in taken[-1]["content"]

    async def chained() -> bool:
        entries = (await day.ask("evidence", case=case_id))["auditTrail"]["nodes"]
        return bool(entries) and all(entry["sequence"] for entry in entries)

    await day.desk.until(chained, "the chain")
    entries = (await day.ask("evidence", case=case_id))["auditTrail"]["nodes"]
    assert {"the trader", "the approver", "system"} >= {entry["actor"] for entry in entries} > set()
    code, said = await commanded(day.desk, "recompute", taken[-1]["id"])
    assert code == 0, said
    code, said = await commanded(day.desk, "verify-audit")
    assert code == 0, said


async def _snapshots(day: Day, case_id: str) -> list[Any]:
    nodes: list[Any] = (await day.ask("evidence", case=case_id))["case"]["snapshots"]["nodes"]
    return nodes


CHAPTERS = (
    before_the_open,
    the_morning_list,
    one_case,
    tell_the_client,
    liquidate,
    what_takes_two_people,
    stop_everything,
    deadlines_and_automatic_liquidation,
    exception_void_write_off,
    settings,
    stock_that_has_to_come_back,
    what_if,
    the_evening,
)


async def test_the_blocks_of_the_page_show_their_answers(day: Day) -> None:
    for chapter in CHAPTERS:
        await chapter(day)
    assert list(dict.fromkeys(day.run)) == list(BLOCKS), "every block, in the order of the page"


def test_every_block_of_the_page_names_its_caller() -> None:
    assert len(BLOCKS) == PAGE.count("```graphql")
    assert all("  # " in document.partition("\n")[0] for _, document in BLOCKS.values())
    assert {role for role, _ in BLOCKS.values()} <= set(ROLES)


def test_the_roles_of_the_page_are_those_of_the_test() -> None:
    rows = re.findall(r"^\| ([\w ]+) \| `(\w+)` \|", PAGE, re.MULTILINE)
    assert {role.replace(" ", "-"): name for role, name in rows} == ROLES
