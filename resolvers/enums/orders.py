"""Liquidations and orders."""

from domain.amount_formula import LiquidationTarget
from domain.events import OrderEventKind
from domain.liquidation_policy import LiquidationPolicy
from domain.order import OrderSide, OrderStatus, OrderType, TimeInForce, TradingSession
from domain.sellable import OrderCover
from resolvers.enums.descriptions import Descriptions

DESCRIPTIONS: Descriptions = {
    LiquidationPolicy: (
        "The order in which the planner selects positions if the caller names no legs.",
        {
            "MIN_TURNOVER": (
                "First the positions that reduce the amount most for each traded value, so that the least "
                "is traded."
            ),
            "LOSERS_FIRST": "First the largest unrealised loss; positions of unknown cost last.",
            "LARGEST_FIRST": "First the positions of the largest market value.",
            "MOST_LIQUID_FIRST": (
                "First the instruments with the most money traded on an average day; positions of unknown "
                "volume last, ordered by the size that the quote displays."
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
                "Until nothing is left to collect, and liquid net assets, less accrued interest and "
                "outstanding margin and plus the trading limit, also reach the initial margin."
            ),
        },
    ),
    OrderCover: (
        "Whether the planner counts on an open order, so that less has to be sold.",
        {
            "COUNTS": (
                "The order counts: its limit reaches the market, or it was placed within the last "
                "`GATEWAY_RESTING_ORDER_COUNTS_S` seconds."
            ),
            "CALLED_OFF": "The order does not count: the desk has asked the venue to cancel it.",
            "WAITS_FOR_MARKET": "The order does not count while its market is closed.",
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
        {
            "MARKET": "At the best price that the market offers, whatever it is.",
            "LIMIT": "At the limit price or better.",
        },
    ),
    TimeInForce: (
        "The time for which an order stays working (FIX TimeInForce).",
        {
            "DAY": "Until the end of the trading day of the market.",
            "GTC": "Good till cancelled: until the order is filled or cancelled.",
            "IOC": "Immediate or cancel: what cannot be executed at once is cancelled.",
        },
    ),
    TradingSession: (
        "The sessions in which an order may trade.",
        {
            "REGULAR": "In the regular trading hours of the market only.",
            "ANY": ("In any session of the market, also before and after regular trading hours."),
        },
    ),
    OrderStatus: (
        "The status of an order: FIX OrdStatus, and the desk's own states before the order reaches the "
        "venue.",
        {
            "PENDING_APPROVAL": "A second person has to approve the order.",
            "QUEUED": "The order is recorded, and the desk has not sent it yet.",
            "PENDING_NEW": "The order was sent; the venue has not answered yet.",
            "NEW": "The venue accepted the order and works it.",
            "PARTIALLY_FILLED": "A part of the order is executed, and the rest is working.",
            "PENDING_CANCEL": (
                "A cancel was requested, and the venue has not confirmed it. The order may still be filled."
            ),
            "FILLED": "The order was executed in full.",
            "CANCELED": "The order was cancelled. A part of it may have been executed.",
            "REJECTED": "The venue, or a check of the desk before sending, rejected the order.",
            "EXPIRED": "The time in force of the order has ended. A part of it may have been executed.",
            "UNKNOWN": (
                "The venue has not answered in time, and the desk asks it for the status. The order may "
                "still be filled."
            ),
        },
    ),
    OrderEventKind: (
        "The kind of an order event.",
        {
            "SNAPSHOT": "A matching order, as it was when the subscription began.",
            "CREATED": "A new order was recorded.",
            "STATUS_CHANGED": "The status of the order changed.",
            "FILL": "The venue executed the order in part or in full; see `fill`.",
            "CANCEL_REJECTED": "The venue rejected the cancel; the order is still working.",
            "LATE_FILL": (
                "The venue reported an execution of an order that had already ended; see `fill`. It is "
                "booked."
            ),
            "REMOVED": (
                "The order no longer matches the filter: remove it from your list. No further events "
                "follow until it matches again."
            ),
        },
    ),
}
