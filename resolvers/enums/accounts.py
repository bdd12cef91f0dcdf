"""Accounts: their kinds, their risk and what the desk cannot judge."""

from domain.doubt import DoubtReason
from domain.margin import AccountType, RiskLevel
from resolvers.enums.descriptions import Descriptions

DESCRIPTIONS: Descriptions = {
    AccountType: (
        "The type of an account, which decides how long it may borrow.",
        {
            "MARGIN": "The account may borrow against its positions.",
            "INTRADAY": (
                "The account may borrow within the day only, and has to be flat (owe neither money nor "
                "stock) before the close."
            ),
            "CASH": "The account may not borrow.",
        },
    ),
    RiskLevel: (
        "The risk level of an account, as the client sees it.",
        {
            "SAFE": "The account has no debt and no short positions.",
            "MEDIUM": "Liquid net assets are above the initial margin.",
            "WARNING": (
                "Liquid net assets are above the maintenance margin and at most the initial margin: the "
                "account may borrow no more."
            ),
            "DANGER": "Liquid net assets are at or below the maintenance margin.",
        },
    ),
    DoubtReason: (
        "The reason why the desk cannot judge an account by itself.",
        {
            "NO_PRICE": (
                "A position has no price, and the decision depends on its value. Ends with a price."
            ),
            "NO_FX_RATE": (
                "A currency has no FX rate into the base currency, and the decision depends on it. Ends "
                "with a rate."
            ),
            "INCOMPLETE": (
                "A statement of the book of record could not be stored, such as a position in an unknown "
                "instrument. Ends when it can be stored, or with acceptIncomplete."
            ),
            "UNKNOWN_CALENDAR": (
                "The desk has no exchange calendar for a market, so it sells nothing automatically there; "
                "or the deadline lies after the last day of the calendar and follows the usual weekdays."
            ),
            "FAULT": (
                "The desk failed at the account, because of an internal fault. It tries again after "
                "growing pauses."
            ),
            "LOCKED": "Another transaction has locked the account for long. The desk tries again.",
            "TOO_LARGE": "The figures of the account have more digits than the desk can store.",
        },
    ),
}
