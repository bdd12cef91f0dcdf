"""Quotes below zero are accepted only for instruments with `negativePrices`."""

from collections.abc import Iterable

from domain.market import Quote
from models.market import load_instruments


async def refused_as_negative(quotes: Iterable[Quote]) -> list[tuple[Quote, str]]:
    """Refused quotes with the reason. The database is queried only if there is a negative price."""
    negative = [quote for quote in quotes if quote.is_negative]
    if not negative:
        return []
    known = await load_instruments([quote.symbol for quote in negative])
    return [
        (quote, f"{quote.symbol}: prices of this instrument cannot be negative (negativePrices)")
        for quote in negative
        if quote.symbol not in known or not known[quote.symbol].negative_prices
    ]
