"""Cases: what opens and closes them, and their events."""

from domain.case import AlertType, AutoLiquidationTrigger, CaseCloseReason, CaseStatus
from domain.case_records import DeadlineChangeKind
from domain.events import CaseEventKind
from domain.phrase import FollowUpCode
from resolvers.enums.descriptions import Descriptions

DESCRIPTIONS: Descriptions = {
    AlertType: (
        "The rule that opened a case.",
        {
            "MAINTENANCE": "Liquid net assets of a margin account fell below the maintenance margin.",
            "OVER_FINANCING": "The debt of an account exceeds its financing limit.",
            "CASH_DEBT": "A cash account owes money.",
            "INTRADAY": (
                "Liquid net assets of an intraday account fell below the maintenance margin, or the account "
                "has to be flat before the close of its market."
            ),
            "COVERED_CALL_SHORTFALL": (
                "The account holds less of an underlying than its written calls need. The case asks for "
                "stock, not for money."
            ),
            "SHORT_RECALL": (
                "The lender recalled stock that the account is short of, or the stock can no longer be "
                "borrowed. The case asks for stock, not for money."
            ),
        },
    ),
    CaseStatus: (
        "The status of a case. OPEN, LIQUIDATING and EXCEPTION are live; a case in any other status is "
        "closed for good.",
        {
            "OPEN": "The case is live and no liquidation order of it is open.",
            "LIQUIDATING": "Liquidation orders of the case are open.",
            "EXCEPTION": (
                "An operator marked the case: selling cannot end it. No liquidation and no daily message "
                "until the exception is cleared."
            ),
            "RESOLVED": "Closed: the shortfall was cured.",
            "WRITTEN_OFF": "Closed: the remaining amount was written off as a loss.",
            "VOID": "Closed: the case was opened in error, or an exemption applies.",
        },
    ),
    CaseCloseReason: (
        "The reason why a case was closed.",
        {
            "CURED": "Nothing was left to collect for the whole hold time (`GATEWAY_CLOSE_HOLD_S`).",
            "EXEMPTED": "An exemption rule matched the account.",
            "WRITTEN_OFF": "The remaining amount was written off with a second person's approval.",
            "VOIDED": "The case was voided as opened in error, with a second person's approval.",
        },
    ),
    AutoLiquidationTrigger: (
        "The event that sets the time of an automatic liquidation.",
        {
            "FIXED_TIME": "An operator set a fixed time.",
            "DEADLINE": "The deadline of the case, also after it was moved.",
            "INTRADAY": (
                "The rules for intraday accounts: the account has to be flat before the close, or is "
                "liquidated at once where so configured."
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
            "ORDER_NEEDS_ATTENTION": "Something about an order of the case needs an operator.",
            "ACCOUNT_NEEDS_ATTENTION": "Something about the account needs an operator.",
            "AUTO_LIQUIDATION_PLACED": "The automatic liquidation placed orders.",
            "AUTO_LIQUIDATION_WAITS": "The automatic liquidation waits until a time, with the reason.",
            "AUTO_LIQUIDATION_OFF": "The automatic liquidation was switched off, with the reason.",
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
            "DEADLINE_MOVED": "The deadline moved because the trading days of the market changed.",
            "CASH_ROSE": "Cash of the account rose, with the effect on the amount to collect.",
        },
    ),
    CaseEventKind: (
        "The kind of a case event.",
        {
            "SNAPSHOT": "The state of a matching case when the subscription began.",
            "OPENED": "A new case was opened.",
            "UPDATED": (
                "The figures changed, or an operator changed the case; the status is the same as before."
            ),
            "STATUS_CHANGED": "The status of the case changed and the case is still live.",
            "CLOSED": "The case was closed. It leaves the list unless the filter includes its new status.",
            "REMOVED": (
                "The case no longer matches the filter. No further events follow until it matches again. May "
                "be sent for a case that you never received."
            ),
        },
    ),
}
