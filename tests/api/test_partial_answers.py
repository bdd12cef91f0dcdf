"""A root field that fails alone is null, and the rest of the request is answered."""

from collections.abc import Mapping

import pytest
import pytest_asyncio

from domain.principal import Permission
from tests.kit.book_files import a_book
from tests.kit.desk_server import Desk, World

pytestmark = pytest.mark.asyncio(loop_scope="module")

READER, AUDITOR = Permission.RISK_WARNING_READ_ONLY, Permission.AUDITOR
PERIOD = 'from: "2020-03-16T00:00:00Z", to: "2020-03-17T00:00:00Z"'
FAILING: Mapping[str, tuple[Permission, str, str]] = {
    "auditTrail": (READER, "auditTrail { totalCount }", "FORBIDDEN"),
    "approvalRequests": (READER, "approvalRequests { totalCount }", "FORBIDDEN"),
    "settings": (READER, "settings { at }", "FORBIDDEN"),
    "settingHistory": (READER, "settingHistory { totalCount }", "FORBIDDEN"),
    "webhooks": (READER, "webhooks { totalCount }", "FORBIDDEN"),
    "marginRecords": (READER, f"marginRecords({PERIOD}) {{ totalCount }}", "FORBIDDEN"),
    "liquidationReport": (READER, f"liquidationReport({PERIOD}) {{ totalCount }}", "FORBIDDEN"),
    "liquidationPreview": (AUDITOR, 'liquidationPreview(input: {caseId: "x"}) { cures }', "FORBIDDEN"),
    "bookWhatIf": (
        READER,
        'bookWhatIf(input: {prices: [{symbols: ["NOPE.HK"], factor: "-0.1"}]}) { asOf }',
        "BAD_USER_INPUT",
    ),
    "caseSummary": (READER, 'caseSummary(filter: {amountCurrency: "NOP"}) { openCases }', "BAD_USER_INPUT"),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(shared_world: World) -> Desk:
    return await shared_world.desk(a_book())


@pytest.mark.parametrize("name", FAILING)
async def test_a_root_that_fails_leaves_the_others_answered(desk: Desk, name: str) -> None:
    by, failing, code = FAILING[name]
    body = (await desk.caller(by).answer(f"{{ cases {{ totalCount }} {failing} viewer {{ subject }} }}")).body
    assert body["data"] == {"cases": {"totalCount": 0}, name: None, "viewer": {"subject": "trader"}}
    assert [(each["path"], each["extensions"]["code"]) for each in body["errors"]] == [([name], code)]
