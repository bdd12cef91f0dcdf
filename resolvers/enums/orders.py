"""Liquidations and orders."""

from domain.amount_formula import LiquidationTarget
from domain.events import OrderEventKind
from domain.liquidation_policy import LiquidationPolicy
from domain.order import OrderSide, OrderStatus, OrderType, TimeInForce, TradingSession
from domain.sellable import OrderCover
from resolvers.enums.descriptions import Descriptions

DESCRIPTIONS: Descriptions = {
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
}
