"""Makes the demo's book: 500 invented clients whose loans the market of 2020 will test.

`python -m demo.make_book` writes demo/book.json, the same bytes every time; `--report` plays the closing
prices over the book instead and tells which margin calls they open.

How an account is made: choose positions, then choose how far above maintenance its liquid net assets shall
stand at the first close (`_cushion`), and let cash be what makes it so. Most accounts get a thick cushion,
some a thin one; none starts with a margin call. A few are made so that the days before the fall open the
first calls: short sellers, and clients concentrated in a stock that fell early.
"""

import argparse
import json
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any

from demo.cast import (
    CALL,
    CONTRACTS,
    EXPIRY,
    GIVEN_NAMES,
    GROUPS,
    INSTRUMENTS,
    LADDER,
    PREMIUM,
    STRIKE,
    SURNAMES,
    UNDERLYING,
    WILD,
    WRITER,
    Factors,
)
from demo.draw import Draw
from demo.report import report
from feeds.book_file import parse_book
from feeds.closes import Closes, on_tick, parse_closes

HERE = Path(__file__).parent
SEED = 20_200_203
CLIENTS, CASH_ACCOUNTS = 500, 20
EARLY_FALLERS = ("MRK.US", "XOM.US")
FEE_RATE = "0.0003"
CENT, THOUSAND = Decimal("0.01"), Decimal(1000)
USD_HKD, HKD_USD = Decimal("7.78"), Decimal("0.128535")
SIZES = (20_000, 40_000, 80_000, 150_000, 300_000, 600_000, 1_200_000)
"""Sum of the absolute position values of an account in USD, before a random factor."""


class Temper(StrEnum):
    """What kind of investor a client is."""

    SHORT_SELLER = "SHORT_SELLER"
    CONCENTRATED = "CONCENTRATED"
    GEARED = "GEARED"
    CAREFUL = "CAREFUL"


Json = dict[str, Any]
Prices = dict[str, Decimal]


def make_book(closes: Closes) -> Json:
    """The book as JSON values, sized on the first closing prices."""
    draw = Draw(SEED)
    prices: Prices = {
        symbol: on_tick(price)
        for symbol, price in zip(closes.symbols, closes.prices[0], strict=True)
        if symbol != CALL
    }
    names = draw.sample([f"{given} {surname}" for given in GIVEN_NAMES for surname in SURNAMES], CLIENTS)
    clients = [_client(draw, number, name, prices) for number, name in enumerate(names, start=1)]
    for client in draw.sample(clients, CASH_ACCOUNTS):
        client["accounts"].append(_cash_account(draw, client["clientNo"], prices))
    _write_calls(clients)
    return {
        "version": 1,
        "instruments": [*(_instrument(symbol, name, rung) for symbol, name, rung in INSTRUMENTS), _call()],
        "fx": [
            {"baseCurrency": "USD", "quoteCurrency": "HKD", "rate": str(USD_HKD)},
            {"baseCurrency": "HKD", "quoteCurrency": "USD", "rate": str(HKD_USD)},
        ],
        "clients": clients,
    }


def _instrument(symbol: str, name: str, rung: int) -> Json:
    return {
        "symbol": symbol,
        "name": name,
        "market": "XNYS",
        "currency": "USD",
        "kind": "STOCK",
        "lotSize": "1",
        "multiplier": "1",
        "feeRate": FEE_RATE,
        "tradeStatus": "TRADING",
        "factors": _written(LADDER[rung]),
    }


def _call() -> Json:
    option = {"underlying": UNDERLYING, "right": "CALL", "strike": STRIKE, "expiry": EXPIRY}
    plain = _instrument(CALL, f"{UNDERLYING} call at {STRIKE}", WILD)
    return plain | {"kind": "OPTION", "multiplier": "100", "option": option}


def _write_calls(clients: list[Json]) -> None:
    """In one cash account, which borrows nothing: so no margin call comes of it."""
    (writer,) = (
        account for client in clients for account in client["accounts"] if account["accountNo"] == WRITER
    )
    assert any(position["symbol"] == UNDERLYING for position in writer["positions"])
    writer["positions"].append({"symbol": CALL, "quantity": CONTRACTS, "averageCost": PREMIUM})


def _written(factors: Factors) -> Json:
    return {
        "initial": str(factors.initial),
        "maintenance": str(factors.maintenance),
        "marginCall": str(factors.margin_call),
        "forceClose": str(factors.force_close),
    }


def _client(draw: Draw, number: int, name: str, prices: Prices) -> Json:
    temper = _temper(draw)
    quantities = _quantities(draw, prices, temper)
    rungs = {symbol: rung for symbol, _, rung in INSTRUMENTS}
    own = _own_rungs(draw, list(quantities), rungs)
    maintenance = sum(
        abs(quantity) * prices[symbol] * LADDER[(rungs | own)[symbol]].maintenance
        for symbol, quantity in quantities.items()
    )
    value = sum(quantity * prices[symbol] for symbol, quantity in quantities.items())
    cash = maintenance * (1 + _cushion(draw, temper)) - value
    base = "HKD" if draw.chance(15) else "USD"
    return {
        "clientNo": f"CL{number:04}",
        "name": name,
        "group": draw.pick(GROUPS),
        "accounts": [
            {
                "accountNo": f"M{100_000 + number}",
                "type": "MARGIN",
                "baseCurrency": base,
                "financingLimit": _financing_limit(draw, cash, base),
                "tradingLimit": "0",
                "outstandingMargin": str(draw.between(1, 20) * 100) if draw.chance(3) else "0",
                "cash": _cash(draw, cash, base),
                "positions": _positions(draw, quantities, prices),
            }
        ],
        "factors": [{"symbol": symbol} | _written(LADDER[rung]) for symbol, rung in own.items()],
    }


def _temper(draw: Draw) -> Temper:
    percent = draw.between(1, 100)
    if percent <= 2:
        return Temper.SHORT_SELLER
    if percent <= 4:
        return Temper.CONCENTRATED
    return Temper.GEARED if percent <= 30 else Temper.CAREFUL


def _cushion(draw: Draw, temper: Temper) -> Decimal:
    """Liquid net assets over maintenance at the first close, less 1: what the market eats first."""
    match temper:
        case Temper.SHORT_SELLER:
            return draw.fraction(30, 150)
        case Temper.CONCENTRATED:
            return draw.fraction(8, 60)
        case Temper.GEARED:
            return draw.fraction(150, 800)
        case Temper.CAREFUL:
            return draw.fraction(900, 2500)


def _quantities(draw: Draw, prices: Prices, temper: Temper) -> dict[str, Decimal]:
    """Symbol -> signed quantity of 3 to 12 positions."""
    symbols = draw.sample(list(prices), draw.between(3, 12))
    weights = [draw.between(1, 10) for _ in symbols]
    if temper is Temper.CONCENTRATED:
        favourite = draw.pick(EARLY_FALLERS)
        symbols = [favourite, *(symbol for symbol in symbols[:3] if symbol != favourite)]
        weights = [60, *weights[: len(symbols) - 1]]
    size = draw.pick(SIZES) * draw.fraction(600, 1500)
    shorts = _shorts(draw, len(symbols), temper)
    quantities: dict[str, Decimal] = {}
    for place, (symbol, weight) in enumerate(zip(symbols, weights, strict=True)):
        units = max(1, int(size * weight / sum(weights) / prices[symbol] / 5)) * 5
        quantities[symbol] = Decimal(-units if place < shorts else units)
    return quantities


def _shorts(draw: Draw, positions: int, temper: Temper) -> int:
    """In how many positions the client is short."""
    if temper is Temper.SHORT_SELLER:
        return positions - 1
    return draw.between(1, 2) if temper is not Temper.CONCENTRATED and draw.chance(15) else 0


def _own_rungs(draw: Draw, symbols: list[str], rungs: dict[str, int]) -> dict[str, int]:
    """Client-specific places on the ladder: stricter for some clients, for a few a step milder."""
    if not draw.chance(10):
        return {}
    step = 1 if draw.chance(75) else -1
    chosen = draw.sample(symbols, draw.between(1, 2))
    return {symbol: min(WILD, max(0, rungs[symbol] + step)) for symbol in chosen}


def _financing_limit(draw: Draw, cash: Decimal, base: str) -> str:
    debit = max(Decimal(0), -cash) * (USD_HKD if base == "HKD" else 1)
    limit = max(Decimal(10_000), debit * draw.fraction(1200, 2000))
    return str((limit / THOUSAND).to_integral_value(ROUND_CEILING) * THOUSAND)


def _cash(draw: Draw, usd: Decimal, base: str) -> list[Json]:
    """The amount, stated in USD, as balances: for some in two currencies, where one may be a credit."""
    hkd_share = Decimal(1 if base == "HKD" and draw.chance(40) else 0)
    if draw.chance(25):
        hkd_share = draw.pick((-1, 1)) * draw.fraction(100, 400)
    parts = (("USD", usd * (1 - hkd_share)), ("HKD", usd * hkd_share * USD_HKD))
    return [_balance(draw, currency, amount) for currency, amount in parts if amount]


def _balance(draw: Draw, currency: str, amount: Decimal) -> Json:
    balance = amount.quantize(CENT, ROUND_HALF_UP)
    interest = max(Decimal(0), -balance) * draw.fraction(5, 40, parts=10_000)
    return {
        "currency": currency,
        "balance": str(balance),
        "accruedInterest": str(interest.quantize(CENT, ROUND_HALF_UP)),
    }


def _positions(draw: Draw, quantities: dict[str, Decimal], prices: Prices) -> list[Json]:
    return [
        {
            "symbol": symbol,
            "quantity": str(quantity),
            "averageCost": str(on_tick(prices[symbol] * draw.fraction(700, 1150))),
        }
        for symbol, quantity in quantities.items()
    ]


def _cash_account(draw: Draw, client_no: str, prices: Prices) -> Json:
    """An account that borrows nothing."""
    symbols = draw.sample(list(prices), draw.between(1, 4))
    quantities = {symbol: Decimal(draw.between(2, 40) * 5) for symbol in symbols}
    return {
        "accountNo": f"K{client_no.removeprefix('CL'):0>6}",
        "type": "CASH",
        "baseCurrency": "USD",
        "financingLimit": "0",
        "tradingLimit": str(draw.between(0, 5) * 1000),
        "outstandingMargin": "0",
        "cash": [_balance(draw, "USD", Decimal(draw.between(100_000, 2_000_000)) / 100)],
        "positions": _positions(draw, quantities, prices),
    }


def written(book: Json) -> bytes:
    """The file: one instrument and one client per line, so that a change shows as the lines it touches."""
    lists = (f'"{key}": [\n{_lines(book[key])}\n]' for key in ("instruments", "fx", "clients"))
    return ("{\n" + f'"version": {book["version"]},\n' + ",\n".join(lists) + "\n}\n").encode()


def _lines(items: list[Json]) -> str:
    return ",\n".join(json.dumps(item, ensure_ascii=False, separators=(",", ":")) for item in items)


def read_closes() -> Closes:
    """The demo's market."""
    return parse_closes((HERE / "prices.csv").read_text().splitlines())


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m demo.make_book", description="The demo's book.")
    parser.add_argument("--report", action="store_true", help="tell which margin calls the prices open")
    closes = read_closes()
    if parser.parse_args().report:
        print(report(parse_book((HERE / "book.json").read_bytes()), closes))
        return
    book = written(make_book(closes))
    (HERE / "book.json").write_bytes(book)
    print(f"demo/book.json: {len(book):,} bytes")


if __name__ == "__main__":
    main()
