"""Accounts: their kinds, their risk and what the desk cannot judge."""

from domain.doubt import DoubtReason
from domain.margin import AccountType, RiskLevel
from resolvers.enums.descriptions import Descriptions

DESCRIPTIONS: Descriptions = {
    AccountType: (
        "The kind of an account: how long it may borrow.",
        {
            "MARGIN": "The account borrows against its positions.",
            "INTRADAY": "The account borrows within the day only and has to be flat before the close.",
            "CASH": "The account does not borrow.",
        },
    ),
    RiskLevel: (
        "The risk level of an account, as the client sees it.",
        {
            "SAFE": "The account has no debt and no short positions.",
            "MEDIUM": "Liquid net assets are above the initial margin.",
            "WARNING": (
                "Liquid net assets are above the maintenance margin and at most the initial margin: no new "
                "positions."
            ),
            "DANGER": "Liquid net assets are at or below the maintenance margin.",
        },
    ),
    DoubtReason: (
        "The reason why the desk cannot judge an account by itself.",
        {
            "NO_PRICE": "A position has no price, and the decision depends on its value.",
            "NO_FX_RATE": "A currency has no rate into the base currency, and the decision depends on it.",
            "INCOMPLETE": (
                "A statement could not be stored, such as a position in an unknown instrument. Ends when it "
                "can be stored, or with acceptIncomplete."
            ),
            "UNKNOWN_CALENDAR": "The desk has no exchange calendar for a market, or the calendar has ended.",
            "FAULT": "The desk failed to process the account. It tries again after a growing pause.",
            "LOCKED": "The account stayed locked by another transaction. The desk tries again.",
            "TOO_LARGE": "The figures are too large to be stored.",
        },
    ),
}
