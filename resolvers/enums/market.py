"""Instruments, markets and their days."""

from domain.calendar import MarketDayKind
from domain.market import FactorSource, InstrumentKind, OptionRight, TradeStatus
from domain.market_hours import MarketState
from resolvers.enums.descriptions import Descriptions

DESCRIPTIONS: Descriptions = {
    InstrumentKind: (
        "The kind of an instrument.",
        {
            "STOCK": "Shares of a company.",
            "OPTION": "An option on another instrument, its underlying.",
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
    FactorSource: (
        "The source of a position's margin factors.",
        {
            "CLIENT": (
                "A risk setting, or a statement of the book of record, for this client. It takes "
                "precedence over that of the instrument."
            ),
            "INSTRUMENT": "A risk setting, or a statement of the book of record, for the instrument.",
            "DEFAULT": (
                "No factors are known: all four count as 1, so that nothing can be borrowed against the "
                "position."
            ),
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
                "position counts as worthless collateral."
            ),
            "DELISTED": (
                "The instrument is delisted: it cannot be traded and counts as worthless collateral."
            ),
        },
    ),
    MarketState: (
        "The state of a market at this moment, by its exchange calendar.",
        {
            "OPEN": "The market is in session.",
            "SHUT": "The market is closed: outside its sessions.",
            "UNKNOWN_CALENDAR": "The desk has no exchange calendar for the market and treats it as closed.",
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
}
