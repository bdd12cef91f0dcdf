"""The operations that are measured."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

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
    legs { symbol side quantity limitPrice estimatedReduction }
    refusal { code message }
  }
}
"""


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
    body: Mapping[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "body", {"query": self.query, "variables": self.variables})


def operations(case_id: str) -> tuple[Operation, ...]:
    """For the case with this global id, whose account has 100 positions."""
    return (
        Operation("page", PAGE, {"first": 50}, "cases"),
        Operation("details", DETAILS, {"id": case_id}, "case", without_stock=True),
        Operation("preview", PREVIEW, {"input": {"caseId": case_id}}, "liquidationPreview", desk_only=True),
    )
