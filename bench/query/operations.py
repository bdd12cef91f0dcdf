"""The operations that are measured."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any
from uuid import uuid4

from bench.liquidate import MUTATION
from bench.query.load import request_of

PAGE = """
query RiskWarnings($first: Int!) {
  cases(first: $first) {
    nodes {
      id caseNo alertType status amount amountAtOpen uncoveredAmount openedAt deadline overdue forceEligible
      elapsedHours longTermUnsettled followUpCount version
      client { id clientNo name group }
      figures {
        asOf stale equity liquidNetAssets maintenanceMargin marginCallMargin forceCloseMargin riskLevel
      }
    }
    pageInfo { hasNextPage endCursor }
  }
}
"""
DETAILS = """
query CaseDetails($id: ID!) {
  case(id: $id) {
    id caseNo status amount deadline version
    figures { equity liquidNetAssets maintenanceMargin marginCallMargin forceCloseMargin riskLevel }
    client { id clientNo name group }
    account {
      id accountNo type baseCurrency
      cashBalances { currency balance fxRate baseValue }
      positions(first: 100) {
        nodes { id quantity mark marketValue baseMarketValue instrument { symbol name currency lotSize } }
      }
    }
    orders(first: 50) {
      nodes { id clientOrderId symbol side quantity limitPrice filledQuantity status createdAt }
    }
    snapshots(first: 20) { nodes { id kind occasion takenAt hash } }
  }
}
"""
PREVIEW = """
query Preview($input: LiquidationPreviewInput!) {
  liquidationPreview(input: $input) {
    amountBefore amountAfter estimatedReduction notional cures
    legs { instrument { symbol } side quantity limitPrice reduction }
    refusal { code message }
  }
}
"""


CASES_OF_A_WINDOW = 80


@dataclass(frozen=True, slots=True)
class Operation:
    """A document with its variables. `desk_only`: the peers have no planner."""

    name: str
    query: str
    variables: Mapping[str, Any]
    root: str
    desk_only: bool = False
    without_stock: bool = False
    """Stock Strawberry is measured with the page alone."""
    at_most: int | None = None
    """Requests of one window; a case is liquidated once."""

    def body(self, server: str) -> Mapping[str, Any]:
        """A request to this server."""
        return {"query": self.query, "variables": self.variables}

    def requests(self, server: str, token: str) -> Iterator[bytes]:
        """Any number of them."""
        return repeat(request_of(self.body(server), token))


@dataclass(frozen=True, slots=True)
class Liquidation(Operation):
    """`liquidate` of one case after another; servers with one database share its cases."""

    cases: Mapping[str, Iterator[str]] = field(default_factory=dict)
    """Global ids, by server."""

    def body(self, server: str) -> Mapping[str, Any]:
        case = {"caseId": next(self.cases[server]), "expectedVersion": 1}
        return {"query": self.query, "variables": {"input": {"idempotencyKey": uuid4().hex, "cases": [case]}}}

    def requests(self, server: str, token: str) -> Iterator[bytes]:
        while True:
            yield request_of(self.body(server), token)


def operations(case_id: str, cases: Mapping[str, Iterator[str]]) -> tuple[Operation, ...]:
    """For the case with this global id, whose account has 100 positions, and for those to be liquidated."""
    return (
        Operation("page", PAGE, {"first": 50}, "cases"),
        Operation("details", DETAILS, {"id": case_id}, "case", without_stock=True),
        Operation("preview", PREVIEW, {"input": {"caseId": case_id}}, "liquidationPreview", desk_only=True),
        Liquidation(
            "liquidate", MUTATION, {}, "liquidate", desk_only=True, at_most=CASES_OF_A_WINDOW, cases=cases
        ),
    )
