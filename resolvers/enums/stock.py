"""Recalled and recovered stock."""

from domain.recall_allocation import AllocationRule
from domain.stock_recovery import RecallCause, RecoveryStatus
from resolvers.enums.descriptions import Descriptions

DESCRIPTIONS: Descriptions = {
    RecoveryStatus: (
        "The status of a stock recovery.",
        {
            "OPEN": "Some of the stock is still outstanding.",
            "RECOVERED": "Nothing was outstanding at some time since the opening. This status is final.",
            "CANCELED": "The case of the recovery was voided or written off.",
        },
    ),
    RecallCause: (
        "The reason why stock that was sold short has to be returned.",
        {
            "RECALLED": "The lender recalled the stock.",
            "UNBORROWED": "The stock could not be borrowed, or can no longer be borrowed.",
        },
    ),
    AllocationRule: (
        "The rule that divides a recall among the accounts that are short of the stock.",
        {
            "PRO_RATA": "All accounts, in proportion to their short quantity, in whole lots.",
            "FIFO": "First the accounts that have been short for the longest time.",
            "LARGEST_FIRST": "First the accounts with the largest short quantity.",
        },
    ),
}
