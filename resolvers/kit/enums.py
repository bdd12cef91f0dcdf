"""The enums of the API, under the names of the domain, with a description of each value."""

from collections.abc import Mapping
from enum import Enum, StrEnum
from typing import TypeVar

import strawberry

from domain.amount_formula import LiquidationTarget
from domain.approval import ApprovalKind, ApprovalStatus
from domain.calendar import MarketDayKind
from domain.case import AlertType, AutoLiquidationTrigger, CaseCloseReason, CaseStatus
from domain.case_records import DeadlineChangeKind
from domain.cure import MetBy
from domain.doubt import DoubtReason
from domain.events import CaseEventKind, OrderEventKind
from domain.exemption import ConditionField, ConditionOperator, ExemptionKind, ExemptionScope
from domain.kill_switch import KillSwitchScope
from domain.liquidation_policy import LiquidationPolicy
from domain.margin import AccountType, RiskLevel
from domain.market import FactorSource, InstrumentKind, OptionRight, TradeStatus
from domain.market_hours import MarketState
from domain.message import Channel, Language, MessageStatus, MessageTemplate
from domain.order import OrderSide, OrderStatus, OrderType, TimeInForce, TradingSession
from domain.phrase import FollowUpCode
from domain.principal import Permission
from domain.recall_allocation import AllocationRule
from domain.refusals import RefusalCode
from domain.risk_settings import ForceType, SettingKind, TradeType
from domain.sellable import OrderCover
from domain.snapshot import SnapshotKind
from domain.stock_recovery import RecallCause, RecoveryStatus
from domain.webhook import WebhookEvent, WebhookStatus

E = TypeVar("E", bound=Enum)


class CaseOrderField(StrEnum):
    """The fields by which cases can be sorted."""

    OPENED_AT = "opened_at"
    DEADLINE = "deadline"
    AMOUNT = "amount"


class OrderDirection(StrEnum):
    """The direction of a sort."""

    ASC = "ASC"
    DESC = "DESC"


DESCRIPTIONS: Mapping[type[Enum], tuple[str, Mapping[str, str]]] = {
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
    MarketDayKind: (
        "The way in which a day of a market differs from its exchange calendar.",
        {
            "CLOSED": "The market does not trade on that day, for example because of a typhoon.",
            "HALF": "The market closes early, at `closesAt`.",
            "REGULAR": "The day follows the calendar again: an earlier override of the day is withdrawn.",
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
    OrderEventKind: (
        "The kind of an order event.",
        {
            "SNAPSHOT": "The state of a matching order when the subscription began.",
            "CREATED": "A new order was recorded.",
            "STATUS_CHANGED": "The status of the order changed.",
            "FILL": "The venue executed the order in part or in full; see `fill`.",
            "CANCEL_REJECTED": "The venue rejected the request to cancel; the order is still working.",
            "LATE_FILL": "An execution arrived for an order that had already ended. It is booked.",
            "REMOVED": (
                "The order no longer matches the filter. No further events follow until it matches again."
            ),
        },
    ),
    LiquidationPolicy: (
        "The order in which the planner closes positions if the caller names none.",
        {
            "MIN_TURNOVER": (
                "The positions that relieve most per traded value first, so that the least is traded. The "
                "default."
            ),
            "LOSERS_FIRST": "The largest unrealised loss first; positions of unknown cost last.",
            "LARGEST_FIRST": "The largest market value first.",
            "MOST_LIQUID_FIRST": (
                "The most money traded on an average day first; positions of unknown volume last, ordered by "
                "displayed size."
            ),
            "PRO_RATA": "The same fraction of every position, rounded up to whole lots.",
            "ALL": "Every position that can be closed, even beyond the amount to collect.",
        },
    ),
    LiquidationTarget: (
        "The level up to which a liquidation sells.",
        {
            "MARGIN_CALL": "Until nothing is left to collect.",
            "INITIAL_MARGIN": (
                "Until nothing is left to collect and liquid net assets also reach the initial margin, "
                "counting accrued interest and what else is owed as in the amount."
            ),
        },
    ),
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
    FactorSource: (
        "The source of a position's margin factors.",
        {
            "CLIENT": "A setting or statement for this client; it replaces that of the instrument.",
            "INSTRUMENT": "A setting or statement for the instrument.",
            "DEFAULT": "No factors are known: all four count as 1, so the position backs no loan.",
        },
    ),
    InstrumentKind: (
        "The kind of an instrument.",
        {
            "STOCK": "Stock: a share.",
            "OPTION": "An option; its value is quantity times multiplier times price.",
            "FUND": "Units of a fund.",
        },
    ),
    OptionRight: (
        "The right of an option's holder.",
        {
            "CALL": "The right to buy the underlying at the strike.",
            "PUT": "The right to sell the underlying at the strike.",
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
    RecoveryStatus: (
        "The status of a stock recovery.",
        {
            "OPEN": "Some of the stock is still outstanding.",
            "RECOVERED": "Nothing was outstanding at some time after the opening. This status is final.",
            "CANCELED": "The case of the recovery was voided or written off.",
        },
    ),
    RecallCause: (
        "The reason why stock that was sold short has to be returned.",
        {
            "RECALLED": "The lender recalled the stock.",
            "UNBORROWED": "The stock could not be borrowed, or cannot be borrowed any longer.",
        },
    ),
    AllocationRule: (
        "The rule that divides a recall among the accounts that are short of the stock.",
        {
            "PRO_RATA": "All accounts that are short, in proportion to their short quantity, in whole lots.",
            "FIFO": "The accounts that have been short longest first.",
            "LARGEST_FIRST": "The accounts that are short of most first.",
        },
    ),
    TradeStatus: (
        "The trading status of an instrument, as the price feed reports it.",
        {
            "TRADING": "Continuous trading is on.",
            "AUCTION": "The instrument trades in an auction.",
            "CLOSED": "The market is outside its trading hours.",
            "HALTED": "Trading is stopped for a short time.",
            "SUSPENDED": (
                "Trading is stopped until further notice. After `GATEWAY_SUSPENDED_DEAD_AFTER_DAYS` the "
                "position backs no loan."
            ),
            "DELISTED": "The instrument is delisted: it cannot be traded and backs no loan.",
        },
    ),
    MarketState: (
        "The state of a market at this moment, by its exchange calendar.",
        {
            "OPEN": "The market is in session.",
            "SHUT": "The market is outside its sessions.",
            "UNKNOWN_CALENDAR": "The desk has no exchange calendar for the market and treats it as shut.",
        },
    ),
    OrderCover: (
        "Whether an open order counts as money on its way, so that less has to be sold.",
        {
            "COUNTS": (
                "The order counts: its limit reaches the market, or it was placed only a short time ago."
            ),
            "CALLED_OFF": "The order does not count: the desk has asked the venue to cancel it.",
            "WAITS_FOR_MARKET": "The order does not count: its market is shut.",
            "RESTS": (
                "The order does not count: its limit has been away from the market for longer than "
                "`GATEWAY_RESTING_ORDER_COUNTS_S`."
            ),
        },
    ),
    OrderSide: (
        "The side of an order.",
        {
            "BUY": "A purchase, which covers a short position.",
            "SELL": "A sale, which closes a long position.",
        },
    ),
    OrderType: (
        "The way in which an order is priced (FIX OrdType).",
        {"MARKET": "At the best price that the market offers.", "LIMIT": "At the limit price or better."},
    ),
    TimeInForce: (
        "The time for which an order stays working (FIX TimeInForce).",
        {
            "DAY": "Until the end of the trading day.",
            "GTC": "Until the order is filled or cancelled.",
            "IOC": "Immediate or cancel: what cannot be executed at once is cancelled.",
        },
    ),
    TradingSession: (
        "The sessions in which an order may trade.",
        {"REGULAR": "In regular trading hours only.", "ANY": "In any session that the market has."},
    ),
    OrderStatus: (
        "The status of an order: FIX OrdStatus, and the desk's own states before the order reaches the "
        "venue.",
        {
            "PENDING_APPROVAL": "A second person has to approve the order.",
            "QUEUED": "The order is recorded and waits to be sent.",
            "PENDING_NEW": "The order was sent; the venue has not answered yet.",
            "NEW": "The venue accepted the order and works it.",
            "PARTIALLY_FILLED": "A part of the order is executed and the rest is working.",
            "PENDING_CANCEL": "A cancel was requested. The order may still be filled.",
            "FILLED": "The order was executed in full.",
            "CANCELED": "The order was cancelled. A part of it may have been executed.",
            "REJECTED": "The venue, or a check of the desk before sending, rejected the order.",
            "EXPIRED": "The order's time in force ended. A part of it may have been executed.",
            "UNKNOWN": (
                "The venue does not answer and the desk is asking for the status. The order may still be "
                "filled."
            ),
        },
    ),
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
    RefusalCode: (
        "The reason why the desk refuses a request.",
        {
            "FORBIDDEN": "Your token does not grant the permission for this.",
            "NOT_FOUND": "No such object exists within your scope.",
            "VERSION_CONFLICT": (
                "The object changed since you read it, or another transaction is changing it now. Read it "
                "again and repeat the request."
            ),
            "IDEMPOTENCY_KEY_REUSED": (
                "The idempotency key was used before with different content. Choose a new key."
            ),
            "CASE_CLOSED": "The case is closed. A new breach opens a new case.",
            "CASE_IN_EXCEPTION": "The case is in exception. Clear the exception first.",
            "CASE_HAS_OPEN_ORDERS": (
                "Liquidation orders of the case are open. Cancel them or wait until they have ended."
            ),
            "CASE_CLAIMED": (
                "Another operator has claimed the case. The message names the operator and the end of the "
                "claim."
            ),
            "NOT_IN_EXCEPTION": "Only a case in exception can be written off. Mark the exception first.",
            "NOTHING_TO_COLLECT": "The amount is 0, or open orders will bring it to 0.",
            "NOTHING_SELLABLE": "No position, or not the named one, can be closed now.",
            "QUANTITY_EXCEEDS_SELLABLE": (
                "The quantity is larger than the position less its open closing orders."
            ),
            "OFF_LOT": "The quantity is not a whole number of lots above zero.",
            "CAPPED": (
                "The order would exceed a cap: a share of the average daily volume, or a notional per order."
            ),
            "PRICE_OUTSIDE_BAND": (
                "The price band is wider than the desk allows, a market order has a limit price, or the "
                "limit price is not above 0."
            ),
            "PRICE_COLLAR": (
                "The price is too far from the mark or the previous close, to the client's disadvantage."
            ),
            "OFF_TICK": (
                "The price is not a multiple of the exchange's tick size. The message names the nearest "
                "valid prices."
            ),
            "NO_QUOTE": "There is no price on the side that is needed, or no FX rate.",
            "STALE_QUOTE": "The last price or FX rate is too old.",
            "ACCOUNT_IN_DOUBT": (
                "The desk cannot judge the account and does not liquidate it automatically; see `unwatched`."
            ),
            "MARKET_CLOSED": "The market does not accept such an order now.",
            "UNKNOWN_MARKET": (
                "No exchange calendar of the market is known, so the desk does not sell there automatically."
            ),
            "INSTRUMENT_SUSPENDED": "The instrument is suspended or delisted.",
            "INCREASES_EXPOSURE": "The order would open or enlarge a position.",
            "INSTRUMENT_EXPIRED": "The option is past its last day.",
            "COVERS_WRITTEN_CALLS": "The stock covers written calls. Buy these back first.",
            "CANNOT_CURE": "Closing the position would not reduce the amount to collect.",
            "EXPECTATION_EXCEEDED": (
                "The plan at this moment exceeds `expected`. Nothing was placed; the answer contains the "
                "plan."
            ),
            "ORDERS_RESTING": (
                "Open orders of the case rest away from the market, and the desk has asked the venue to "
                "cancel them. Liquidate again when they have ended."
            ),
            "SWITCH_OFF": "This kind of liquidation is switched off in the risk settings.",
            "FROZEN": "A kill switch is on for the account, its client or the whole desk.",
            "TOO_LATE": "The order has already ended, or the requested time has passed.",
            "APPROVAL_REQUIRED": (
                "A second person has to approve this first. Nothing was done yet; the answer contains the "
                "approval request."
            ),
            "APPROVAL_PENDING": (
                "The same was requested before and is not decided yet. The answer contains that approval "
                "request, if you may see it."
            ),
            "APPROVAL_DECIDED": (
                "The approval request was already approved, declined or withdrawn, or has expired."
            ),
            "SAME_PERSON": "The requester cannot decide their own request. Another person has to decide it.",
            "NOT_CURED": "The message template says that the case is cured, and it is not.",
            "TEMPLATE_UNFIT": (
                "The message template says something that has not happened: a trade, or the voiding of the "
                "case."
            ),
            "SAME_SHORTFALL": (
                "Another case of the account covers the same shortfall, and its messages count for both."
            ),
            "FIGURES_TOO_OLD": (
                "The amount is too old to be stated in a message. Wait for newer prices, or write a free "
                "text."
            ),
            "NOT_INCOMPLETE": (
                "None of the account's INCOMPLETE doubts has one of the named subjects; see `Account.doubts`."
            ),
            "NO_ADDRESS": "The client has no address for this channel. Choose another channel.",
            "CHANNEL_OFF": "No service is configured for this channel. Choose another channel.",
            "URL_REFUSED": "Webhooks may not be posted to this URL: it needs https:// and a public address.",
            "TOO_MANY": "A limit was reached: too many exist, or the request covers too many.",
            "CURSOR_REFUSED": (
                "The cursor is not one of this webhook, or the events after it were pruned. Replay with "
                "`fromNow` and query the current state."
            ),
            "UNREADABLE": (
                "Stored data that this depends on is damaged. The operator finds the details in the log and "
                "has to restore the data."
            ),
            "TOO_LARGE": "The figures are larger than the desk can store.",
            "DESK_FAULT": (
                "An internal fault of the desk; in `AutoLiquidation.held` also damaged data. Automatic "
                "liquidation tries again by itself."
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
    KillSwitchScope: (
        "The accounts that a kill switch freezes.",
        {
            "DESK": "The whole desk: every account.",
            "CLIENT": "All accounts of one client.",
            "ACCOUNT": "One single account.",
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
    SettingKind: (
        "The kind of a risk setting.",
        {
            "AMOUNT_RULE": "The parts of the amount to collect, per account type.",
            "LIQUIDATION_SWITCH": "Whether one kind of liquidation is allowed.",
            "EXEMPTION": "A rule that keeps accounts from margin calls.",
            "INSTRUMENT_FACTORS": "The margin factors of an instrument.",
            "CLIENT_FACTORS": "The margin factors of an instrument for one client.",
            "COVERED_OPTION": "Whether and when shortfalls of written calls are collected.",
            "APPROVAL_LIMITS": "The size above which a liquidation needs a second person.",
            "TRADING_LIMIT_EXPIRY": "Whether a margin call ends the client's trading limit.",
        },
    ),
    TradeType: (
        "The accounts that a liquidation switch applies to.",
        {"MARGIN": "Margin accounts and cash accounts.", "INTRADAY": "Intraday accounts only."},
    ),
    ForceType: (
        "The initiator of a liquidation.",
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
    CaseOrderField: (
        "The field by which cases are sorted. Ties are sorted by id.",
        {
            "OPENED_AT": "The time when the case was opened.",
            "DEADLINE": "The deadline of the case.",
            "AMOUNT": (
                "The reportingAmount; cases without one come last. A case whose amount changes between two "
                "pages may move."
            ),
        },
    ),
    MetBy: (
        "The cause that met a margin call.",
        {
            "DEPOSIT": "Money was paid in.",
            "CLIENT_TRADE": "The client traded, or transferred positions.",
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
            "FORCE": "When the desk became entitled to sell, or when a liquidation was accepted.",
            "NOTICE": "When a notice was sent to the client.",
            "DAILY": "After the close of a trading day while the case was open.",
            "END": "When the case was closed.",
        },
    ),
    Channel: (
        "The channel by which a client receives messages.",
        {
            "PUSH": "A push notification on the client's device.",
            "SMS": "A text message to the client's phone.",
            "EMAIL": "An e-mail to the client's address.",
            "VOICE": "A voice call to the client's phone.",
        },
    ),
    Language: (
        "The language of messages to a client, and of follow-up records by the desk.",
        {
            "ENGLISH": "English (en); also used where a text in another language is missing.",
            "SIMPLIFIED_CHINESE": "Simplified Chinese, 简体中文 (zh-Hans).",
            "TRADITIONAL_CHINESE": "Traditional Chinese, 繁體中文 (zh-Hant).",
        },
    ),
    MessageTemplate: (
        "The template of a message, which determines its text.",
        {
            "MARGIN_CALL": "The first notice: the money or stock that is demanded, and the deadline.",
            "REMINDER": "A reminder that the demand still stands.",
            "FORCE_CLOSE_WARNING": "The last notice before the desk may trade.",
            "SOLD": (
                "A report of the orders that the desk has executed for the case so far. Refused if nothing "
                "was traded."
            ),
            "CURED": "A notice that nothing is owed any longer. Only for a case that is RESOLVED.",
            "WITHDRAWN": "A notice that the call is withdrawn. Only for a case that is VOID.",
            "FREE_TEXT": "A free text written by an operator.",
        },
    ),
    MessageStatus: (
        "The status of a message.",
        {
            "QUEUED": (
                "The message waits for its turn, for the end of the quiet hours, or for another attempt."
            ),
            "SENT": (
                "The service of the channel accepted the message. Whether the client received it is not "
                "known."
            ),
            "FAILED": "Every attempt failed, or the client had no address.",
            "EXPIRED": "The latest time to send passed, or the case no longer called for the message.",
        },
    ),
    WebhookStatus: (
        "The delivery status of a webhook.",
        {
            "ACTIVE": "Events are delivered to the endpoint.",
            "DISABLED": "Deliveries have stopped until the owner calls replayWebhook.",
        },
    ),
    WebhookEvent: (
        "The kind of event that a webhook receives.",
        {
            "CASE_OPENED": "A case was opened.",
            "CASE_UPDATED": "Figures or details of a case changed; at most once a second for each case.",
            "CASE_STATUS_CHANGED": "The status of a case changed.",
            "CASE_CLOSED": "A case was closed.",
            "ORDER_CREATED": "A liquidation order was recorded.",
            "ORDER_STATUS_CHANGED": "The status of an order changed.",
            "ORDER_FILL": "An order was executed in part or in full.",
            "ORDER_CANCEL_REJECTED": "The venue rejected the request to cancel an order.",
            "ORDER_LATE_FILL": "An order that had already ended was executed.",
        },
    ),
    OrderDirection: (
        "The direction of a sort.",
        {"ASC": "Ascending, smallest or earliest first.", "DESC": "Descending, largest or latest first."},
    ),
}


def register(enum: type[E], description: str, values: Mapping[str, str]) -> type[E]:
    """Make a Python enum an enum of the schema. Every value must have a description."""
    missing = {member.name for member in enum} ^ values.keys()
    assert not missing, f"{enum.__name__}: {sorted(missing)}"
    described = strawberry.enum(enum, description=description)
    for value in described.__strawberry_definition__.values:  # type: ignore[attr-defined]
        value.description = values[value.name]
    return described


for _enum, (_description, _values) in DESCRIPTIONS.items():
    register(_enum, _description, _values)
