"""Risk settings."""

from domain.exemption import ConditionField, ConditionOperator, ExemptionKind, ExemptionScope
from domain.risk_settings import ForceType, SettingKind, TradeType
from resolvers.enums.descriptions import Descriptions

DESCRIPTIONS: Descriptions = {
    SettingKind: (
        "The kind of a risk setting.",
        {
            "AMOUNT_RULE": "The rule that computes the amount to collect, for one account type.",
            "LIQUIDATION_SWITCH": (
                "Whether liquidations of one kind are allowed: on which accounts, and by operators or "
                "automatically."
            ),
            "EXEMPTION": "A rule that keeps accounts from margin calls.",
            "INSTRUMENT_FACTORS": "The margin factors of an instrument.",
            "CLIENT_FACTORS": "The margin factors of an instrument for one client.",
            "COVERED_OPTION": "Whether and when shortfalls of written calls are collected.",
            "APPROVAL_LIMITS": "The limits above which a liquidation needs a second person.",
            "TRADING_LIMIT_EXPIRY": "Whether a margin call ends the client's trading limit.",
        },
    ),
    TradeType: (
        "The accounts that a liquidation switch applies to.",
        {"MARGIN": "Margin accounts and cash accounts.", "INTRADAY": "Intraday accounts only."},
    ),
    ForceType: (
        "The way in which a liquidation is started.",
        {
            "MANUAL": "An operator requests the liquidation.",
            "AUTOMATIC": "The desk liquidates automatically.",
        },
    ),
    ExemptionKind: (
        "The margin calls that an exemption suppresses.",
        {
            "MARGIN_CALL": "Calls of the alert types MAINTENANCE, INTRADAY and CASH_DEBT.",
            "OVER_FINANCING": "Calls of the alert type OVER_FINANCING.",
        },
    ),
    ExemptionScope: (
        "The accounts that an exemption applies to.",
        {
            "GLOBAL": "All accounts of the desk.",
            "ACCOUNT": "One account, named by `accountNo`.",
            "CLIENT_GROUP": "Every account of the clients in `clientGroup`.",
        },
    ),
    ConditionField: (
        "The property of an account that a condition compares. A stale figure satisfies no condition.",
        {
            "ACCOUNT_TYPE": "The account type: MARGIN, INTRADAY or CASH.",
            "BASE_CURRENCY": "The base currency, as an ISO 4217 code.",
            "CLIENT_GROUP": "The group of the account's client.",
            "FINANCING_LIMIT": "The financing limit, a number in base currency.",
            "TRADING_LIMIT": "The trading limit, a number in base currency.",
            "OUTSTANDING_MARGIN": "The margin owed from earlier calls, a number in base currency.",
            "EQUITY": "The equity, a computed figure in base currency.",
            "DEBT": "The debt, a computed figure in base currency.",
            "AMOUNT": "The amount to collect, a computed figure in base currency.",
        },
    ),
    ConditionOperator: (
        "The comparison of a condition.",
        {
            "EQUALS": "Equal to the value; numbers are compared by value.",
            "GREATER_THAN": "Greater than the value; for numbers only.",
        },
    ),
}
