"""Permissions, approvals by a second person and the kill switch."""

from domain.approval import ApprovalKind, ApprovalStatus
from domain.kill_switch import KillSwitchScope
from domain.principal import Permission
from resolvers.enums.descriptions import Descriptions

DESCRIPTIONS: Descriptions = {
    Permission: (
        "A permission that a token can grant.",
        {
            "RISK_WARNING_READ_ONLY": "Read everything without personal data, and preview.",
            "RISK_WARNING_OPERATOR": (
                "Read everything, and do everything on a case except liquidate: annotate, message, mark "
                "exceptions, set deadlines and automatic liquidation, record recalls, cancel, freeze."
            ),
            "RISK_WARNING_FULL": (
                "Everything that RISK_WARNING_OPERATOR grants; also liquidate, recover stock, request "
                "write-offs and voids, set market days and accept incomplete accounts."
            ),
            "RISK_APPROVER": (
                "Read everything including settings, approve requests of others, cancel, freeze, and export "
                "records."
            ),
            "RISK_SETTING_FULL": (
                "Read everything without personal data, request changes of settings, set market days, manage "
                "webhooks, freeze, and export records."
            ),
            "AUDITOR": (
                "Read and export everything, including personal data, and change nothing. Every read of "
                "personal data is recorded in the audit trail."
            ),
            "SERVICE": (
                "For other systems: read without personal data, send messages, manage webhooks, freeze."
            ),
        },
    ),
    ApprovalKind: (
        "The kind of action that needs a second person's approval.",
        {
            "LIQUIDATION": "A liquidation beyond what one person may do alone.",
            "SETTING": "A change of a risk setting.",
            "WRITE_OFF": "The write-off of a case as a loss.",
            "VOID": "The voiding of a case that was opened in error.",
            "DEADLINE": "A deadline later than one person may set alone.",
            "KILL_SWITCH_OFF": "Switching a kill switch off.",
        },
    ),
    ApprovalStatus: (
        "The status of an approval request.",
        {
            "PENDING": "The request is not decided yet.",
            "APPROVED": "A second person approved the request, and the action was carried out.",
            "DECLINED": "A second person declined the request.",
            "WITHDRAWN": "The requester withdrew the request.",
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
}
