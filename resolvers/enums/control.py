"""Permissions, approvals by a second person and the kill switch."""

from domain.approval import ApprovalKind, ApprovalStatus
from domain.events import ApprovalEventKind, KillSwitchEventKind
from domain.kill_switch import KillSwitchScope
from domain.principal import Capability, Permission
from resolvers.enums.descriptions import Descriptions

DESCRIPTIONS: Descriptions = {
    Permission: (
        "A permission that a token can grant. A token may have several.",
        {
            "RISK_WARNING_READ_ONLY": (
                "Read cases, clients, accounts, orders and quotes, without personal data; preview "
                "liquidations and what-ifs."
            ),
            "RISK_WARNING_OPERATOR": (
                "What RISK_WARNING_READ_ONLY grants; also see personal data and approval requests, "
                "annotate and claim cases, send messages, mark exceptions, set deadlines and automatic "
                "liquidation, record recalls, cancel orders, and switch kill switches on."
            ),
            "RISK_WARNING_FULL": (
                "What RISK_WARNING_OPERATOR grants; also liquidate, recover stock, request write-offs and "
                "voids, set market days, and accept incomplete accounts."
            ),
            "RISK_APPROVER": (
                "What RISK_WARNING_READ_ONLY grants; also see personal data, approval requests and "
                "settings, decide requests of other operators, cancel orders, switch kill switches on, and "
                "export records."
            ),
            "RISK_SETTING_FULL": (
                "What RISK_WARNING_READ_ONLY grants; also see approval requests and settings, request "
                "changes of settings, set market days, manage webhooks, switch kill switches on, and "
                "export records."
            ),
            "AUDITOR": (
                "Read and export everything, including personal data, and change nothing; no previews. "
                "Every request that shows personal data is recorded in the audit trail."
            ),
            "SERVICE": (
                "For other systems. What RISK_WARNING_READ_ONLY grants; also send messages, manage "
                "webhooks, and switch kill switches on."
            ),
        },
    ),
    Capability: (
        "A single right. Each permission grants several.",
        {
            "READ": "Read cases, clients, accounts, orders and quotes, and subscribe to their events.",
            "SEE_PERSONAL_DATA": "See names, phone numbers and e-mail addresses of clients.",
            "PREVIEW": "Preview liquidations and what-ifs. They change nothing.",
            "ANNOTATE": "Edit remarks, add follow-up records, and claim cases.",
            "SEND_MESSAGE": "Send messages to clients.",
            "MARK_EXCEPTION": "Mark cases as exceptions, and clear the mark.",
            "SET_AUTO_LIQUIDATION": "Set when a case is liquidated automatically.",
            "ADJUST_DEADLINE": (
                "Set the deadline of a case. A deadline later than one person may set is requested, and a "
                "second person approves it."
            ),
            "CANCEL_ORDER": "Cancel orders of the desk that are not final.",
            "LIQUIDATE": (
                "Liquidate cases. A liquidation beyond the limits of one person is requested, and a second "
                "person approves it."
            ),
            "CLOSE_CASE": "Request the write-off or the voiding of a case.",
            "HANDLE_STOCK": "Record recalls and allocations of borrowed stock.",
            "READ_APPROVALS": "See approval requests.",
            "APPROVE_CASE_ACTION": (
                "Decide requests of other persons about cases: liquidations, deadlines, write-offs, voids."
            ),
            "READ_SETTINGS": "See risk settings and their history.",
            "CHANGE_SETTINGS": "Request changes of risk settings.",
            "APPROVE_SETTINGS": "Decide requests of other persons about risk settings.",
            "FREEZE": "Switch a kill switch on.",
            "UNFREEZE_AS_APPROVER": (
                "Take part in switching a kill switch off, as the person who approves actions on cases."
            ),
            "UNFREEZE_AS_RISK_ADMIN": (
                "Take part in switching a kill switch off, as the person who changes settings. Both parts "
                "are needed, from two different persons."
            ),
            "EXPORT_RECORDS": "See and export the audit trail, snapshots, margin records and reports.",
            "SET_MARKET_DAY": "Override the exchange calendar of a market for a day.",
            "ACCEPT_INCOMPLETE": (
                "Let the desk judge an account although some statements about it could not be stored."
            ),
            "MANAGE_WEBHOOKS": "Register, change and remove webhooks.",
        },
    ),
    ApprovalKind: (
        "The kind of action that needs a second person's approval.",
        {
            "LIQUIDATION": "A liquidation beyond the limits of one person.",
            "SETTING": "A change of a risk setting.",
            "WRITE_OFF": "The write-off of a case as a loss.",
            "VOID": "The voiding of a case that was opened in error.",
            "DEADLINE": "A deadline later than one person may set.",
            "KILL_SWITCH_OFF": "Switching a kill switch off.",
        },
    ),
    ApprovalStatus: (
        "The status of an approval request.",
        {
            "PENDING": "The request is not decided yet.",
            "APPROVED": "A second person approved the request, and the desk carried out the action.",
            "DECLINED": "A second person declined the request.",
            "WITHDRAWN": "The maker withdrew the request.",
            "EXPIRED": "The request was not decided before `expiresAt`.",
        },
    ),
    KillSwitchScope: (
        "The accounts that a kill switch freezes.",
        {
            "DESK": "The whole desk: every account.",
            "CLIENT": "All accounts of one client.",
            "ACCOUNT": "One single account.",
        },
    ),
    ApprovalEventKind: (
        "The kind of an event of an approval request.",
        {
            "SNAPSHOT": "A matching request, as it was when the subscription began.",
            "REQUESTED": "A new request was made.",
            "APPROVED": "A second person approved the request, and the desk carried out the action.",
            "DECLINED": "A second person declined the request.",
            "WITHDRAWN": "The maker withdrew the request.",
            "EXPIRED": "The request was not decided before `expiresAt`.",
            "REMOVED": (
                "The request no longer matches the filter: remove it from your list. No further events "
                "follow."
            ),
        },
    ),
    KillSwitchEventKind: (
        "The kind of an event of a kill switch.",
        {
            "SNAPSHOT": "A matching switch, as it was when the subscription began.",
            "SWITCHED_ON": "The switch was switched on.",
            "SWITCHED_OFF": "Two persons switched the switch off.",
            "REMOVED": (
                "The switch was switched off and no longer matches `on: true`: remove it from your list. "
                "Switched on again it is another switch, with another id."
            ),
        },
    ),
}
