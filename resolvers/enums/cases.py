"""Cases: what opens and closes them, and their events."""

from enum import StrEnum

from domain.case import AlertType, AutoLiquidationTrigger, CaseCloseReason, CaseStatus
from domain.case_records import DeadlineChangeKind
from domain.events import CaseEventKind
from domain.phrase import FollowUpCode
from resolvers.enums.descriptions import Descriptions


class FiguresDelivery(StrEnum):
    """Which events of mere figures a subscription sends."""

    EVERY = "EVERY"
    LATEST = "LATEST"


DESCRIPTIONS: Descriptions = {
    AlertType: (
        "The rule that opened a case.",
        {
            "MAINTENANCE": "Liquid net assets of a margin account fell below the maintenance margin.",
            "OVER_FINANCING": (
                "The debt of the account exceeds its financing limit. Opens a case only if the risk "
                "setting AMOUNT_RULE says so."
            ),
            "CASH_DEBT": "A cash account owes money.",
            "INTRADAY": (
                "Liquid net assets of an intraday account fell below the maintenance margin, or the account "
                "has to be flat before the close of its market."
            ),
            "COVERED_CALL_SHORTFALL": (
                "The account holds less of a stock than its written calls need. The case asks for stock, "
                "not for money."
            ),
            "SHORT_RECALL": (
                "The lender recalled stock that the account is short of, or the stock cannot be borrowed. "
                "The case asks for stock, not for money."
            ),
        },
    ),
    CaseStatus: (
        "The status of a case. OPEN, LIQUIDATING and EXCEPTION are live; a case in any other status is "
        "closed for good.",
        {
            "OPEN": "The case is live, and none of its liquidation orders is open.",
            "LIQUIDATING": "The case is live, and liquidation orders of it are open.",
            "EXCEPTION": (
                "The case is live, and an operator marked that selling cannot end it. No liquidation and "
                "no daily message until the exception is cleared."
            ),
            "RESOLVED": "Closed: nothing is owed any longer.",
            "WRITTEN_OFF": "Closed: the remaining amount was written off as a loss.",
            "VOID": "Closed: the case was opened in error, or an exemption applies.",
        },
    ),
    CaseCloseReason: (
        "The reason why a case was closed.",
        {
            "CURED": (
                "The amount to collect was 0 without a break for the hold time (`GATEWAY_CLOSE_HOLD_S`), "
                "and no order of the case was open."
            ),
            "EXEMPTED": "An exemption rule matched the account.",
            "WRITTEN_OFF": "The remaining amount was written off with a second person's approval.",
            "VOIDED": "The case was voided as opened in error, with a second person's approval.",
        },
    ),
    AutoLiquidationTrigger: (
        "The way in which the time of an automatic liquidation is set.",
        {
            "FIXED_TIME": "A fixed time, set by an operator.",
            "DEADLINE": "The deadline of the case; the time moves with it.",
            "INTRADAY": (
                "The rules for intraday accounts: before the close of the market, or at once if the desk "
                "is configured so (`GATEWAY_INTRADAY_LIQUIDATE_AT_ONCE`)."
            ),
        },
    ),
    DeadlineChangeKind: (
        "The cause of a deadline change.",
        {
            "PERSON": "An operator moved the deadline, with a second person's approval where required.",
            "CALENDAR": "The trading days of the market changed, and the deadline moved with them.",
        },
    ),
    FollowUpCode: (
        "The subject of a follow-up record that the desk wrote.",
        {
            "ORDER_NEEDS_ATTENTION": (
                "An order of the case needs an operator's attention; the text says why."
            ),
            "ACCOUNT_NEEDS_ATTENTION": "The account needs an operator's attention; the text says why.",
            "AUTO_LIQUIDATION_PLACED": "The automatic liquidation placed orders; the text says how many.",
            "AUTO_LIQUIDATION_WAITS": "The automatic liquidation waits; the text says until when and why.",
            "AUTO_LIQUIDATION_OFF": "The automatic liquidation was switched off; the text says why.",
            "AUTO_LIQUIDATION_KEPT_AFTER_CURE": (
                "Orders of the automatic liquidation are being cancelled because the shortfall is cured; the "
                "automatic liquidation stays set."
            ),
            "AUTO_LIQUIDATION_KEPT_AFTER_EXCESS": (
                "Orders of the automatic liquidation are being cancelled because they exceeded the position; "
                "the automatic liquidation stays set."
            ),
            "AUTO_LIQUIDATION_KEPT_AFTER_COLLAR": (
                "Orders of the automatic liquidation were not sent because they were beyond the price "
                "collar; the automatic liquidation stays set."
            ),
            "DEADLINE_MOVED": (
                "The deadline moved because the trading days of the market changed; the text names both "
                "times."
            ),
            "CASH_ROSE": (
                "The cash of the account rose; the text says by how much, and what is left to collect."
            ),
        },
    ),
    FiguresDelivery: (
        "The delivery of events that change nothing but the figures of a case.",
        {
            "EVERY": "Each of them, like all other events.",
            "LATEST": (
                "Of those that wait because the client does not keep up, only the newest of each case. All "
                "other events are sent."
            ),
        },
    ),
    CaseEventKind: (
        "The kind of a case event.",
        {
            "SNAPSHOT": "A matching case, as it was when the subscription began.",
            "OPENED": "A new case was opened.",
            "UPDATED": (
                "The figures changed, or an operator changed the case, without a change of its status."
            ),
            "STATUS_CHANGED": "The status of the case changed, and the case is still live.",
            "CLOSED": (
                "The case was closed. Remove it from your list, unless the filter includes its new status."
            ),
            "REMOVED": (
                "The case no longer matches the filter: remove it from your list. No further events follow "
                "until it matches again. May be sent for a case that you never received."
            ),
        },
    ),
}
