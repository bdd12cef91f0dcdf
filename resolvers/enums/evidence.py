"""Reports and snapshots."""

from domain.cure import MetBy
from domain.snapshot import SnapshotKind
from resolvers.enums.descriptions import Descriptions

DESCRIPTIONS: Descriptions = {
    MetBy: (
        "The cause that met a margin call.",
        {
            "DEPOSIT": "Money was paid in.",
            "CLIENT_TRADE": "The client traded, or moved positions in or out.",
            "LIQUIDATION": "The desk sold positions or covered shorts.",
            "MARKET": "Prices, FX rates, margin factors, interest, limits or rules changed.",
            "EXEMPTED": "An exemption rule closed the case.",
            "WRITTEN_OFF": "The case was written off.",
            "VOIDED": "The case was voided.",
        },
    ),
    SnapshotKind: (
        "The moment in a case's life at which a snapshot was taken.",
        {
            "TRIGGER": "When the case was opened.",
            "FORCE": ("When the case became `forceEligible`, or when a liquidation was accepted."),
            "NOTICE": "When a notice was sent to the client.",
            "DAILY": "After the close of a trading day while the case was open.",
            "END": "When the case was closed.",
        },
    ),
}
