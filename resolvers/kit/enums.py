"""The enums of the API: the domain's own, under the domain's names, with what each value means."""

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
    """What cases are sorted by."""

    OPENED_AT = "opened_at"
    DEADLINE = "deadline"
    AMOUNT = "amount"


class OrderDirection(StrEnum):
    """Up or down."""

    ASC = "ASC"
    DESC = "DESC"


DESCRIPTIONS: Mapping[type[Enum], tuple[str, Mapping[str, str]]] = {
    AlertType: (
        "Why a case was opened.",
        {
            "MAINTENANCE": "Liquid net assets fell below the maintenance margin.",
            "OVER_FINANCING": "More is borrowed than the financing limit allows.",
            "CASH_DEBT": "A cash account owes money.",
            "INTRADAY": "An intraday account fell below the maintenance margin.",
            "COVERED_CALL_SHORTFALL": "The underlying of written calls is short of what they need.",
            "SHORT_RECALL": "A short position was recalled by its lender.",
        },
    ),
    CaseStatus: (
        "Where a case stands.",
        {
            "OPEN": "Something is to be collected and nothing is being sold.",
            "LIQUIDATING": "Liquidation orders are open.",
            "EXCEPTION": "Selling cannot end it: a person follows up.",
            "RESOLVED": "Closed: cured.",
            "WRITTEN_OFF": "Closed: the rest is a loss.",
            "VOID": "Closed: it should not have been opened, or an exemption applies.",
        },
    ),
    CaseCloseReason: (
        "How a case ended.",
        {
            "CURED": "The amount was 0 for long enough.",
            "EXEMPTED": "An exemption rule matches.",
            "WRITTEN_OFF": "The rest was written off.",
            "VOIDED": "It was opened in error.",
        },
    ),
    AutoLiquidationTrigger: (
        "When the desk sells by itself.",
        {
            "FIXED_TIME": "At a time set by a person.",
            "DEADLINE": "At the case's deadline.",
            "INTRADAY": "By the rules of intraday accounts: at once, or flat before the close.",
        },
    ),
    DeadlineChangeKind: (
        "What moved a deadline.",
        {"PERSON": "Somebody moved it.", "CALENDAR": "The market's trading days changed."},
    ),
    MarketDayKind: (
        "How a day of a market differs from its calendar.",
        {
            "CLOSED": "The market does not trade, for a typhoon for example.",
            "HALF": "It closes early.",
            "REGULAR": "It does not differ: an earlier word on the day is taken back.",
        },
    ),
    CaseEventKind: (
        "What a case event tells.",
        {
            "SNAPSHOT": "How the case stands at the beginning of the subscription.",
            "OPENED": "A new margin call.",
            "UPDATED": "New figures or a person's change; the status is as before.",
            "STATUS_CHANGED": "The status changed.",
            "CLOSED": "The case ended; unless the filter asks for that status it is off the list.",
            "REMOVED": "The case no longer matches the filter; nothing more is told of it until it does. It "
            "may come for a case that was never told of.",
        },
    ),
    OrderEventKind: (
        "What an order event tells.",
        {
            "SNAPSHOT": "How the order stands at the beginning of the subscription.",
            "CREATED": "A new order.",
            "STATUS_CHANGED": "The status changed.",
            "FILL": "A part, or the rest, was executed.",
            "CANCEL_REJECTED": "The venue refused the cancel; the order works on.",
            "LATE_FILL": "An execution arrived for an order that had ended; it is booked.",
            "REMOVED": "The order no longer matches the filter.",
        },
    ),
    LiquidationPolicy: (
        "Which positions are closed first when the caller names none.",
        {
            "MIN_TURNOVER": "Those that relieve most for the money traded: the least is sold.",
            "LOSERS_FIRST": "The largest losses first.",
            "LARGEST_FIRST": "The largest positions first.",
            "MOST_LIQUID_FIRST": "The most money traded on an average day first; of unknown volume last, by "
            "the size displayed.",
            "PRO_RATA": "The same fraction of each.",
            "ALL": "Everything that can be closed.",
        },
    ),
    LiquidationTarget: (
        "Up to where a liquidation brings an account.",
        {
            "MARGIN_CALL": "Until nothing is left to collect.",
            "INITIAL_MARGIN": "Until, besides, liquid net assets reach the initial margin, interest accrued "
            "and what else is owed counted as in the amount.",
        },
    ),
    AccountType: (
        "What an account may borrow.",
        {
            "MARGIN": "It borrows against its positions.",
            "INTRADAY": "It borrows within the day only.",
            "CASH": "It does not borrow.",
        },
    ),
    RiskLevel: (
        "The client-facing level of risk.",
        {
            "SAFE": "Nothing is borrowed and nothing is short.",
            "MEDIUM": "Liquid net assets above the initial margin.",
            "WARNING": "Above maintenance, not above initial margin: no new positions.",
            "DANGER": "At or below the maintenance margin.",
        },
    ),
    FactorSource: (
        "Where a position's margin factors come from.",
        {
            "CLIENT": "Set for this client; wins over the instrument's.",
            "INSTRUMENT": "Set for the instrument.",
            "DEFAULT": "None is set: the position backs no loan.",
        },
    ),
    InstrumentKind: (
        "What is held.",
        {"STOCK": "A share.", "OPTION": "An option; mind the multiplier.", "FUND": "A fund."},
    ),
    OptionRight: (
        "What the holder of an option may do.",
        {"CALL": "Buy the underlying at the strike.", "PUT": "Sell the underlying at the strike."},
    ),
    DoubtReason: (
        "Why the desk cannot judge an account by itself.",
        {
            "NO_PRICE": "A position has no price, and the decision depends on its value.",
            "NO_FX_RATE": "A currency has no rate, and the decision depends on it.",
            "INCOMPLETE": "A statement could not be stored, such as a position in an unknown instrument.",
            "UNKNOWN_CALENDAR": "A market has no calendar, or its calendar has ended.",
            "FAULT": "The desk failed at the account, and tries again after a growing wait.",
            "LOCKED": "The row of the account stayed locked by another transaction.",
            "TOO_LARGE": "The figures are too large to be stored.",
        },
    ),
    RecoveryStatus: (
        "Where the recovery of a stock stands.",
        {
            "OPEN": "Something is outstanding.",
            "RECOVERED": "All of it was there at some time since; that ended it for good.",
            "CANCELED": "Its case was voided or written off.",
        },
    ),
    RecallCause: (
        "Why stock that was sold short has to come back.",
        {
            "RECALLED": "The lender wants it back.",
            "UNBORROWED": "It could not be borrowed.",
        },
    ),
    AllocationRule: (
        "Which of the clients that are short of a recalled stock have to give it back.",
        {
            "PRO_RATA": "All, in proportion to what they are short of, in whole lots.",
            "FIFO": "Those who have been short for longest.",
            "LARGEST_FIRST": "Those who are short of most.",
        },
    ),
    TradeStatus: (
        "Whether and how an instrument trades now.",
        {
            "TRADING": "Continuous trading.",
            "AUCTION": "An auction.",
            "CLOSED": "Outside of trading hours.",
            "HALTED": "Stopped for a short time.",
            "SUSPENDED": "Stopped until further notice; after a while it backs no loan.",
            "DELISTED": "Trades no more; it backs no loan.",
        },
    ),
    MarketState: (
        "What the calendar of a market says at this moment.",
        {
            "OPEN": "In session.",
            "SHUT": "Outside of its sessions.",
            "UNKNOWN_CALENDAR": "The desk knows no calendar of it, and takes it for shut.",
        },
    ),
    OrderCover: (
        "Whether an open order counts as money on its way.",
        {
            "COUNTS": "It will trade: the market reaches its limit, or it is young.",
            "CALLED_OFF": "The desk has asked for its cancel.",
            "WAITS_FOR_MARKET": "Its market is shut.",
            "RESTS": "Its limit has been away from the market for a while.",
        },
    ),
    OrderSide: ("Buy or sell.", {"BUY": "Covers a short position.", "SELL": "Closes a long position."}),
    OrderType: (
        "How an order is priced (FIX OrdType).",
        {"MARKET": "At any price.", "LIMIT": "At the limit price or better."},
    ),
    TimeInForce: (
        "How long an order lives (FIX TimeInForce).",
        {
            "DAY": "Until the end of the day.",
            "GTC": "Until cancelled.",
            "IOC": "What can be executed at once; the rest is cancelled.",
        },
    ),
    TradingSession: (
        "In which sessions an order may trade.",
        {"REGULAR": "Regular hours only.", "ANY": "Any session that the market has."},
    ),
    OrderStatus: (
        "Where an order stands (FIX OrdStatus, and the desk's own states before it).",
        {
            "PENDING_APPROVAL": "A second person has to approve it.",
            "QUEUED": "Recorded, to be sent.",
            "PENDING_NEW": "Sent; the venue has not answered yet.",
            "NEW": "The venue works it.",
            "PARTIALLY_FILLED": "A part is executed, the rest works.",
            "PENDING_CANCEL": "Its cancel was asked for; it may still fill.",
            "FILLED": "Executed in full.",
            "CANCELED": "Cancelled; a part may be executed.",
            "REJECTED": "The venue, or a check before, refused it.",
            "EXPIRED": "Its time ran out.",
            "UNKNOWN": "The venue is silent: the desk is asking. It may still fill.",
        },
    ),
    Permission: (
        "What a token grants.",
        {
            "RISK_WARNING_READ_ONLY": "See without personal data.",
            "RISK_WARNING_OPERATOR": "See all, and everything a desk does but selling: annotate, message, "
            "cancel, freeze.",
            "RISK_WARNING_FULL": "As RISK_WARNING_OPERATOR, and liquidate.",
            "RISK_APPROVER": "See all, approve what others ask for, cancel, freeze, export.",
            "RISK_SETTING_FULL": "See without personal data, ask for changes of settings, freeze, export.",
            "AUDITOR": "See and export everything, change nothing.",
            "SERVICE": "A machine: see without personal data, send messages, freeze.",
        },
    ),
    RefusalCode: (
        "Why the desk does not do what it was asked to do.",
        {
            "FORBIDDEN": "Your token does not allow it.",
            "NOT_FOUND": "There is no such thing within your scope.",
            "VERSION_CONFLICT": "It changed since you looked, or somebody is changing it now.",
            "IDEMPOTENCY_KEY_REUSED": "The key belongs to another request.",
            "CASE_CLOSED": "The case has ended.",
            "CASE_IN_EXCEPTION": "The case is in exception: clear it first.",
            "CASE_HAS_OPEN_ORDERS": "Liquidation orders of the case are open.",
            "CASE_CLAIMED": "Somebody else is on the case.",
            "NOT_IN_EXCEPTION": "Only a case in exception can be written off.",
            "NOTHING_TO_COLLECT": "The amount is 0, or open orders will bring it to 0.",
            "NOTHING_SELLABLE": "No position can be closed.",
            "QUANTITY_EXCEEDS_SELLABLE": "More than the position less the open closing orders.",
            "OFF_LOT": "Not a whole number of lots above zero.",
            "CAPPED": "One order may not be larger: a share of the daily volume, or a slice of the notional.",
            "PRICE_OUTSIDE_BAND": "The price band is wider than the desk's, or the limit is no price.",
            "PRICE_COLLAR": "The price is too far from the mark or the previous close, on the side that is "
            "bad for the client.",
            "OFF_TICK": "The exchange takes no such price: the message names the nearest that it takes.",
            "NO_QUOTE": "There is no price to close at.",
            "STALE_QUOTE": "The last price, or the last FX rate, is too old.",
            "ACCOUNT_IN_DOUBT": "The desk cannot judge the account and sells nothing by itself (unwatched).",
            "MARKET_CLOSED": "The market does not trade now.",
            "UNKNOWN_MARKET": "No exchange calendar is known: the desk itself sells nothing there.",
            "INSTRUMENT_SUSPENDED": "The instrument is suspended or delisted.",
            "INCREASES_EXPOSURE": "It would open or enlarge a position.",
            "INSTRUMENT_EXPIRED": "An option behind its last day.",
            "COVERS_WRITTEN_CALLS": "The stock covers written calls: buy these back first.",
            "CANNOT_CURE": "Closing it would not reduce the amount.",
            "EXPECTATION_EXCEEDED": "The plan of this moment goes beyond what the request expects.",
            "ORDERS_RESTING": "Open orders away from the market are called off first: liquidate again then.",
            "SWITCH_OFF": "This kind of liquidation is switched off.",
            "FROZEN": "The kill switch is on.",
            "TOO_LATE": "The order has ended, or the time has passed.",
            "APPROVAL_REQUIRED": "A second person has to approve it first: the answer names the request.",
            "APPROVAL_PENDING": "It was asked for before, and nobody has decided yet.",
            "APPROVAL_DECIDED": "The request was decided, withdrawn, or has expired.",
            "SAME_PERSON": "Who asked for it cannot approve or decline it.",
            "NOT_CURED": "The message says that the case is cured, and it is not.",
            "TEMPLATE_UNFIT": "The template says what has not happened: a trade, or the end of a void case.",
            "SAME_SHORTFALL": "Another case of the account asks for the same money and writes for both.",
            "FIGURES_TOO_OLD": "The amount is older than a letter may tell: prices have traded on since.",
            "NOT_INCOMPLETE": "The account is not incomplete because of one of the named subjects.",
            "NO_ADDRESS": "The client has no address for this channel.",
            "CHANNEL_OFF": "No service is set for this channel.",
            "URL_REFUSED": "Webhooks are not posted to such a URL.",
            "TOO_MANY": "There are as many as there may be, or more than one request may change.",
            "CURSOR_REFUSED": "The events behind this cursor are no longer held, or it is no cursor.",
            "UNREADABLE": "Stored data that this depends on is damaged. The operator finds it in the log.",
            "TOO_LARGE": "The figures are larger than the desk can store.",
            "DESK_FAULT": "A fault of the desk, or, of automatic liquidation, damaged data: it tries again.",
        },
    ),
    ApprovalKind: (
        "What takes a second person.",
        {
            "LIQUIDATION": "A liquidation above what one person may do alone.",
            "SETTING": "A change of the desk's settings.",
            "WRITE_OFF": "Closing a case as a loss.",
            "VOID": "Closing a case as opened in error.",
            "DEADLINE": "A deadline later than one person may set alone.",
            "KILL_SWITCH_OFF": "The end of a kill switch.",
        },
    ),
    KillSwitchScope: (
        "What a kill switch freezes.",
        {"DESK": "Everything.", "CLIENT": "All accounts of a client.", "ACCOUNT": "One account."},
    ),
    ApprovalStatus: (
        "Where a request stands.",
        {
            "PENDING": "Nobody has decided.",
            "APPROVED": "Another person approved it, and it was done.",
            "DECLINED": "Another person said no.",
            "WITHDRAWN": "Who asked took it back.",
            "EXPIRED": "Nobody decided in time.",
        },
    ),
    SettingKind: (
        "What the risk back office sets.",
        {
            "AMOUNT_RULE": "Which parts the amount to collect has, per account type.",
            "LIQUIDATION_SWITCH": "Whether one kind of liquidation may happen.",
            "EXEMPTION": "Who gets no margin call.",
            "INSTRUMENT_FACTORS": "The margin factors of an instrument.",
            "CLIENT_FACTORS": "The margin factors of an instrument for one client.",
            "COVERED_OPTION": "When covered options are collected.",
            "APPROVAL_LIMITS": "Above which size a liquidation takes two people.",
            "TRADING_LIMIT_EXPIRY": "Whether a margin call ends the client's trading limit.",
        },
    ),
    TradeType: (
        "Which accounts a liquidation switch is for.",
        {"MARGIN": "Margin accounts, and cash accounts.", "INTRADAY": "Intraday accounts."},
    ),
    ForceType: (
        "Who liquidates.",
        {"MANUAL": "A person asks for it.", "AUTOMATIC": "The desk does it by itself."},
    ),
    ExemptionKind: (
        "Which calls an exemption suppresses.",
        {
            "MARGIN_CALL": "Of alert types MAINTENANCE, INTRADAY and CASH_DEBT.",
            "OVER_FINANCING": "Of alert type OVER_FINANCING.",
        },
    ),
    ExemptionScope: (
        "Whom an exemption is for.",
        {
            "GLOBAL": "Every account.",
            "ACCOUNT": "One account.",
            "CLIENT_GROUP": "Every account of the clients of a group.",
        },
    ),
    ConditionField: (
        "What of an account a condition looks at. A figure that is stale satisfies no condition.",
        {
            "ACCOUNT_TYPE": "MARGIN, INTRADAY or CASH.",
            "BASE_CURRENCY": "ISO 4217.",
            "CLIENT_GROUP": "The group of its client.",
            "FINANCING_LIMIT": "A number, in base currency.",
            "TRADING_LIMIT": "A number, in base currency.",
            "OUTSTANDING_MARGIN": "A number, in base currency.",
            "EQUITY": "A figure, in base currency.",
            "DEBT": "A figure, in base currency.",
            "AMOUNT": "The amount to collect, in base currency.",
        },
    ),
    ConditionOperator: (
        "How a condition compares.",
        {"EQUALS": "The same, numbers by value.", "GREATER_THAN": "Above; for numbers only."},
    ),
    CaseOrderField: (
        "What cases are sorted by; ties by id.",
        {
            "OPENED_AT": "When the case was opened.",
            "DEADLINE": "When the client's time ends.",
            "AMOUNT": "By reportingAmount, where it is unknown last; a case whose amount changes between two "
            "pages may move.",
        },
    ),
    MetBy: (
        "What met a margin call.",
        {
            "DEPOSIT": "Money came in.",
            "CLIENT_TRADE": "The client traded, or moved positions.",
            "LIQUIDATION": "The desk sold or covered.",
            "MARKET": "Prices, rates, factors, interest, limits or rules moved.",
            "EXEMPTED": "An exemption rule ended it.",
            "WRITTEN_OFF": "It was written off.",
            "VOIDED": "It was voided.",
        },
    ),
    SnapshotKind: (
        "At which moment of a case's life a snapshot was taken.",
        {
            "TRIGGER": "The case was opened.",
            "FORCE": "The desk might sell from then on, or a liquidation was accepted.",
            "NOTICE": "A notice was sent to the client.",
            "DAILY": "After the close of a trading day, while the case was open.",
            "END": "The case was closed.",
        },
    ),
    Channel: (
        "How a client is reached.",
        {
            "PUSH": "A notification on the client's device.",
            "SMS": "A text message.",
            "EMAIL": "An e-mail.",
            "VOICE": "A voice call.",
        },
    ),
    Language: (
        "What the templates are written in.",
        {
            "ENGLISH": "English (en); in the place of any that is missing.",
            "SIMPLIFIED_CHINESE": "简体中文 (zh-Hans).",
            "TRADITIONAL_CHINESE": "繁體中文 (zh-Hant).",
        },
    ),
    MessageTemplate: (
        "What a message says.",
        {
            "MARGIN_CALL": "The first notice: the money, or the stock, that is asked for, and until when.",
            "REMINDER": "A notice that it is still asked for.",
            "FORCE_CLOSE_WARNING": "The last notice before the desk may trade.",
            "SOLD": "What the desk has traded for the case so far; only where something was traded.",
            "CURED": "A notice that nothing is owed any more; only of a case that is RESOLVED.",
            "WITHDRAWN": "A notice that the call is withdrawn; only of a case that is VOID.",
            "FREE_TEXT": "What a person wrote.",
        },
    ),
    MessageStatus: (
        "Where a message stands.",
        {
            "QUEUED": "It waits: for its turn, for the end of quiet hours, or for another attempt.",
            "SENT": "The channel's service took it. Whether it arrived, nobody says.",
            "FAILED": "Every attempt failed, or there was no address.",
            "EXPIRED": "Its time was over, or the case no longer called for it.",
        },
    ),
    WebhookStatus: (
        "Whether a webhook is delivered to.",
        {"ACTIVE": "Events are delivered.", "DISABLED": "Nothing is tried until its owner replays it."},
    ),
    WebhookEvent: (
        "What a webhook may be told.",
        {
            "CASE_OPENED": "A case was opened.",
            "CASE_UPDATED": "Figures or details of a case changed: up to once a second and case.",
            "CASE_STATUS_CHANGED": "A case has another status.",
            "CASE_CLOSED": "A case has ended.",
            "ORDER_CREATED": "A liquidation order was recorded.",
            "ORDER_STATUS_CHANGED": "An order has another status.",
            "ORDER_FILL": "An order was filled, or part of it.",
            "ORDER_CANCEL_REJECTED": "The venue did not cancel.",
            "ORDER_LATE_FILL": "An order that had ended was filled.",
        },
    ),
    OrderDirection: ("The direction of a sort.", {"ASC": "Smallest first.", "DESC": "Largest first."}),
}


def register(enum: type[E], description: str, values: Mapping[str, str]) -> type[E]:
    """Make a Python enum an enum of the schema; every value must be described."""
    missing = {member.name for member in enum} ^ values.keys()
    assert not missing, f"{enum.__name__}: {sorted(missing)}"
    described = strawberry.enum(enum, description=description)
    for value in described.__strawberry_definition__.values:  # type: ignore[attr-defined]
        value.description = values[value.name]
    return described


for _enum, (_description, _values) in DESCRIPTIONS.items():
    register(_enum, _description, _values)
