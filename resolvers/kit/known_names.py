"""Names in an input that must exist.

Without this check a misspelled symbol in `keep` would be sold, and a scenario with a misspelled market would
show that nothing happens, both without notice. So a name that the desk does not know is refused.
"""

from collections.abc import Iterable

from domain.ids import Symbol
from domain.what_if import Scenario
from models.book import load_fx_rates
from models.market import known_markets, known_symbols
from resolvers.kit.errors import BAD_USER_INPUT, ApiError


async def check_symbols(symbols: Iterable[Symbol]) -> None:
    """Check that every symbol is an instrument of the desk, held or not."""
    names = sorted(set(symbols))
    known = await known_symbols(names)
    for symbol in names:
        if symbol not in known:
            raise _unknown("instrument", symbol)


async def check_scenario(scenario: Scenario) -> None:
    """Check that the desk knows every instrument, market and currency in the scenario."""
    await check_symbols(scenario.symbols)
    for market in scenario.markets.keys() - await known_markets(list(scenario.markets)):
        raise _unknown("instrument of a market", market)
    if not scenario.currencies:
        return
    rates = await load_fx_rates()
    currencies = {each for rate in rates for each in (rate.base_currency, rate.quote_currency)}
    for currency in scenario.currencies.keys() - currencies:
        raise _unknown("rate of a currency", currency)


def _unknown(what: str, name: str) -> ApiError:
    return ApiError(BAD_USER_INPUT, f"The desk knows no {what} called {name[:40]!r}.")
