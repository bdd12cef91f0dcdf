"""Doubts about accounts: noted as the desk's own rounds note them, and seen through the API."""

import asyncio
from typing import Any

from desk.assessment.doubts import note_doubts
from domain.doubt import Doubt, DoubtReason
from domain.ids import AccountId
from resolvers.kit.node import global_id
from tests.kit.desk_client import Caller
from tests.kit.desk_server import Desk
from tests.kit.patience import PATIENCE_S

DOUBTS = "doubts { reason subject detail since lastSeenAt attempts }"
UNWATCHED = f"""query ($filter: UnwatchedFilter, $first: Int! = 50, $after: String) {{
  unwatched(filter: $filter, first: $first, after: $after) {{
    totalCount pageInfo {{ hasNextPage endCursor }}
    nodes {{ since account {{ accountNo }} {DOUBTS} }} }} }}"""


async def noted(desk: Desk, account_no: str, reason: DoubtReason, subject: str = "") -> str:
    """Note a doubt about the account; the account's id in the API."""
    resources = desk.application.resources
    ((row),) = await desk.rows(f"SELECT id FROM account WHERE account_no = '{account_no}'")
    doubt = Doubt(reason, subject, f"{subject or 'the account'} is in doubt", desk.clock())
    with resources.database.active():
        await note_doubts(AccountId(row["id"]), [doubt], desk.clock())
    return global_id("Account", row["id"])


async def unwatched(caller: Caller, **filter: Any) -> dict[str, list[tuple[str, str]]]:
    """Reason and subject of every doubt, by account number, in the order of the list."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            page = (await caller.ask(UNWATCHED, filter=filter or None))["unwatched"]
            # They are two reads: a doubt may begin or end in between.
            if page["totalCount"] == len(page["nodes"]):
                break
    return {
        node["account"]["accountNo"]: [(doubt["reason"], doubt["subject"]) for doubt in node["doubts"]]
        for node in page["nodes"]
    }
