"""The wire format of feed messages: everything survives the trip, nothing else is let in."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.book_changes import CashStated, ContactStated, PositionStated, TradeStatusStated
from domain.currencies import CURRENCIES
from domain.ids import Symbol
from domain.market import FxRate, Quote, TradeStatus
from domain.money import Currency
from feeds.base import FeedMessage
from feeds.messages import MAX_MESSAGE_BYTES, BadMessage, decode, encode

DOCUMENT = Path(__file__).parents[2] / "docs" / "feeds.md"
AT = datetime(2020, 3, 9, 14, 30, 0, 250_000, tzinfo=UTC)

codes = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,39}", fullmatch=True)
currencies = st.sampled_from(sorted(CURRENCIES)).map(Currency)
amounts = st.decimals(min_value=-(10**15), max_value=10**15, places=10)
prices = st.decimals(min_value="0.0000000001", max_value=10**15, places=10)
sizes = st.decimals(min_value=0, max_value=10**15, places=10)
times = st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
symbols = codes.map(Symbol)
messages: st.SearchStrategy[FeedMessage] = st.one_of(
    st.builds(
        Quote,
        symbol=symbols,
        at=times,
        bid=st.none() | prices,
        ask=st.none() | prices,
        last=prices,
        previous_close=st.none() | prices,
        bid_size=st.none() | sizes,
        ask_size=st.none() | sizes,
    ),
    st.builds(FxRate, currencies, currencies, prices, times).filter(
        lambda fx: fx.base_currency != fx.quote_currency
    ),
    st.builds(PositionStated, codes, symbols, amounts, times, st.none() | sizes),
    st.builds(CashStated, codes, currencies, amounts, times, st.none() | sizes),
    st.builds(TradeStatusStated, symbols, st.sampled_from(TradeStatus), times),
)


def a_message(kind: str = "quote", **changes: object) -> bytes:
    """A good message of the kind, with fields changed; None leaves one out."""
    good: dict[str, dict[str, Any]] = {
        "quote": {"symbol": "AAPL.US", "at": "2020-03-09T14:30:00Z", "last": "266.17", "bidSize": "300"},
        "fx": {"baseCurrency": "USD", "quoteCurrency": "HKD", "rate": "7.77", "at": "2020-03-09T14:30:00Z"},
        "cash": {"accountNo": "M1", "currency": "USD", "balance": "-5", "asOf": "2020-03-09T14:30:00Z"},
        "position": {
            "accountNo": "M1",
            "symbol": "AAPL.US",
            "quantity": "0",
            "asOf": "2020-03-09T14:30:00Z",
        },
        "tradeStatus": {"symbol": "AAPL.US", "status": "HALTED", "at": "2020-03-09T14:30:00Z"},
    }
    body = {"v": 1, "type": kind} | good[kind] | changes
    return orjson.dumps({name: value for name, value in body.items() if value is not None})


@given(messages)
def test_every_message_decodes_to_itself(message: FeedMessage) -> None:
    assert decode(encode(message)) == message


def documented_examples() -> list[str]:
    return re.findall(r"```json\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)


@pytest.mark.parametrize("example", documented_examples())
def test_every_documented_example_is_a_message_that_is_encoded_as_documented(example: str) -> None:
    raw = example.encode()
    assert orjson.loads(encode(decode(raw))) == orjson.loads(raw)


def test_every_message_type_is_documented() -> None:
    documented = {type(decode(example.encode())) for example in documented_examples()}
    assert documented == {Quote, FxRate, PositionStated, CashStated, TradeStatusStated, ContactStated}


def test_times_become_utc() -> None:
    quote = decode(a_message(at="2020-03-09T10:30:00.250-04:00"))
    assert isinstance(quote, Quote)
    assert (quote.at, quote.at.tzinfo) == (AT, UTC)


def test_null_means_left_out() -> None:
    assert decode(b'{"v":1,"type":"quote","symbol":"A.US","at":"2020-03-09T14:30:00Z","last":"1","bid":null}')


@pytest.mark.parametrize("kind", ["quote", "fx", "cash", "position", "tradeStatus"])
def test_the_examples_below_start_from_good_messages(kind: str) -> None:
    assert decode(a_message(kind))


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff", "not JSON"),
        (b"NaN", "not JSON"),
        (b"[" * 10_000, "not JSON"),
        (b"[]", "must be an object"),
        (a_message(v=None), r"\$\.v"),
        (a_message(v=2), r"\$\.v"),
        (a_message(v=True), r"\$\.v"),
        (a_message(v="1"), r"\$\.v"),
        (a_message(type=None), r"\$\.type"),
        (a_message(type="rumour"), r"\$\.type"),
        (a_message(type=["quote"]), r"\$\.type"),
        (a_message(symbol=None), r"\$\.symbol: missing"),
        (a_message(symbol=""), r"\$\.symbol"),
        (a_message(symbol="A\u0000"), r"\$\.symbol"),
        (a_message(symbol="A" * 41), r"\$\.symbol"),
        (a_message(symbol=7), r"\$\.symbol"),
        (a_message(lastt="1"), r"\$\.lastt: unknown field"),
        (a_message(last=266.17), r"\$\.last: must be a decimal in a string"),
        (a_message(last=266), r"\$\.last"),
        (a_message(last="NaN"), r"\$\.last"),
        (a_message(last="Infinity"), r"\$\.last"),
        (a_message(last="1e5"), r"\$\.last"),
        (a_message(last="1_000"), r"\$\.last"),
        (a_message(last="\u0661"), r"\$\.last"),
        (a_message(last=" 1"), r"\$\.last"),
        (
            a_message(last=None, bid="1", ask="0"),
            "a quote needs a last price, or a previous close that is not 0, or both",
        ),
        (
            a_message(last=None, previousClose="0"),
            "a quote needs a last price, or a previous close that is not 0",
        ),
        (a_message(last=None), "a quote needs a last price, or a previous close that is not 0, or both"),
        (a_message(last="0.00000000001"), "that can be stored"),
        (a_message(last="1" + "0" * 20), "that can be stored"),
        (a_message(last="9" * 100), r"\$\.last"),
        (a_message(bidSize="-1"), r"\$\.bidSize: must be zero or more"),
        (a_message(last=None), "a quote needs"),
        (a_message(at="2020-03-09T14:30:00"), r"\$\.at: must be an RFC 3339 time"),
        (a_message(at="2020-03-09"), r"\$\.at"),
        (a_message(at="yesterday"), r"\$\.at"),
        (a_message(at=1583764200), r"\$\.at"),
        (a_message(at="0001-01-01T00:00:00+14:00"), r"\$\.at"),
        (a_message("fx", rate="0"), r"\$\.rate"),
        (a_message("fx", baseCurrency="usd"), r"\$\.baseCurrency"),
        (a_message("fx", baseCurrency="HKD"), r"\$\.quoteCurrency"),
        (a_message("cash", balance=None), r"\$\.balance: missing"),
        (a_message("cash", accruedInterest="-1"), r"\$\.accruedInterest"),
        (a_message("position", quantity="many"), r"\$\.quantity"),
        (a_message("position", averageCost="-1e3"), r"\$\.averageCost"),
        (a_message("tradeStatus", status="OPEN"), "must be one of TRADING"),
        (a_message("tradeStatus", status=5), "must be one of TRADING"),
        (a_message(symbol="A" * MAX_MESSAGE_BYTES), "bytes, more than"),
        (a_message()[:-1] + b',"last":"1"}', "the field 'last' occurs twice in one object"),
        (a_message()[:-1] + b',"l\\u0061st":"1"}', "the field 'last' occurs twice"),
        (a_message()[:-1] + b',"at":null}', "the field 'at' occurs twice"),
        (a_message()[:-1] + b',"v":1}', "the field 'v' occurs twice"),
        (a_message()[:-1] + b',"x":{"y":1,"y":2}}', "the field 'y' occurs twice"),
        (a_message(**{"\x1b[31m\n": "1"}), r"\$\.\\x1b\[31m\\n: unknown field"),
    ],
)
def test_anything_else_is_refused_with_the_reason(raw: bytes, reason: str) -> None:
    with pytest.raises(BadMessage, match=reason):
        decode(raw)


def test_every_problem_of_a_message_is_named() -> None:
    with pytest.raises(BadMessage, match=r"\$\.symbol: missing.*\$\.last: must be"):
        decode(a_message(symbol=None, last="x"))


@given(
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    ).map(orjson.dumps)
)
def test_arbitrary_input_is_refused_and_nothing_worse(raw: bytes) -> None:
    with pytest.raises(BadMessage):
        decode(raw)


def test_a_time_beyond_the_latest_allowed_is_refused() -> None:
    assert decode(a_message(), latest=AT)
    with pytest.raises(BadMessage, match=r"\$\.at: must not be in the future"):
        decode(a_message(), latest=AT - timedelta(seconds=1))
    with pytest.raises(BadMessage, match=r"\$\.asOf: must not be in the future"):
        decode(a_message("cash"), latest=AT - timedelta(seconds=1))


def test_a_decimal_is_written_without_exponent() -> None:
    cash = CashStated("M1", Currency("USD"), Decimal("1E+3"), AT)
    assert orjson.loads(encode(cash))["balance"] == "1000"
