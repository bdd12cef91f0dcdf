"""Bytes that no well-behaved client sends, each made by a seeded generator of chance."""

import random
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec

import orjson

Chance = random.Random
Args = ParamSpec("Args")
TLS_HELLO = (
    bytes.fromhex("16030100b0010000ac0303") + bytes(range(32)) + b"\x00\x00\x02\x13\x01\x01\x00\x00\x81"
)
HTTP_2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
_SINGLE = tuple(bytes((code,)) for code in b"\r\n\x00\xff \t:;,\x0b%")
_FRAMING = tuple(b"0\r\n\r\n|ffffffffffffffff\r\n|-1|+5|0x5|1e3|\r\n\r\n|\r\n|HTTP/1.1|HTTP/9.9".split(b"|"))
_ENCODED = (b"%00", b"%ff", b"../", b"//", b"\xc0\xaf", b"\xe2\x80\xae", b"\xed\xa0\x80")
_HEADERS = (
    b"Content-Length: 0\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Upgrade: h2c\r\n",
    b"Expect: 100-continue\r\n",
    b"Connection: close, upgrade\r\n",
    b"Host: [::1\r\n",
)
ODD_PIECES = (*_SINGLE, *_FRAMING, *_ENCODED, *_HEADERS)
_NUMBERS = (0, -1, 2**31, 2**63, -(2**63), 2**64 - 1, 1.5, 1e308)
_TEXTS = (
    "",
    " ",
    "\x00",
    "a" * 300,
    "\u202e",
    "\u200b",
    "null",
    "1e999",
    "2020-13-01",
    "\U0001f469\u200d\U0001f4bc",
)
_OTHERS: tuple[Any, ...] = (None, True, [], {}, [[]], [None], {"": None}, {"__proto__": {}})
ODD_VALUES: tuple[Any, ...] = (*_NUMBERS, *_TEXTS, *_OTHERS)
CHANGES_MAX = 4
LONGEST_REPEAT = 5_000


Kinds = Mapping[Callable[Args, bytes], int]
"""How to make bytes, with a weight for each."""


def one_of(kinds: "Kinds[Args]", chance: Chance) -> Callable[Args, bytes]:
    """By the weights."""
    return chance.choices(list(kinds), list(kinds.values()))[0]


def changed(data: bytes, chance: Chance) -> bytes:
    """The bytes with a few changes."""
    for _ in range(chance.randint(1, CHANGES_MAX)):
        data = one_of(_CHANGES, chance)(data, chance)
    return data


def _flip(data: bytes, chance: Chance) -> bytes:
    at = chance.randrange(len(data) + 1)
    return data[:at] + chance.randbytes(1) + data[at + 1 :]


def _insert(data: bytes, chance: Chance) -> bytes:
    at = chance.randrange(len(data) + 1)
    return data[:at] + chance.choice(ODD_PIECES) + data[at:]


def _insert_noise(data: bytes, chance: Chance) -> bytes:
    at = chance.randrange(len(data) + 1)
    return data[:at] + chance.randbytes(chance.randint(1, 20)) + data[at:]


def _drop(data: bytes, chance: Chance) -> bytes:
    begin, end = _slice(data, chance)
    return data[:begin] + data[end:]


def _repeat(data: bytes, chance: Chance) -> bytes:
    begin, end = _slice(data, chance)
    times = chance.choice((2, 3, 100))
    return data[:begin] + (data[begin:end] * times)[:LONGEST_REPEAT] + data[end:]


def _cut(data: bytes, chance: Chance) -> bytes:
    return data[: chance.randrange(len(data) + 1)]


def _slice(data: bytes, chance: Chance) -> tuple[int, int]:
    begin = chance.randrange(len(data) + 1)
    return begin, min(len(data), begin + chance.randint(1, 30))


_CHANGES = {_flip: 1, _insert: 2, _insert_noise: 1, _drop: 1, _repeat: 1, _cut: 1}


def odd_json(value: Any, chance: Chance) -> Any:
    """The value with one of its parts, at any depth, replaced by an odd one, removed, or moved."""
    if isinstance(value, dict) and value and chance.random() < 0.8:
        name = chance.choice(list(value))
        if chance.random() < 0.1:
            return {key: each for key, each in value.items() if key != name}
        return {**value, name: odd_json(value[name], chance)}
    if isinstance(value, list) and value and chance.random() < 0.8:
        at = chance.randrange(len(value))
        return [*value[:at], odd_json(value[at], chance), *value[at + 1 :]]
    return chance.choice(ODD_VALUES)


def odd_body(value: Any, chance: Chance) -> bytes:
    """A JSON text: changed as a value, as bytes, nested too deeply, or with a name that is there twice."""
    text = orjson.dumps(odd_json(value, chance) if chance.random() < 0.6 else value)
    kind = chance.random()
    if kind < 0.3:
        return changed(text, chance)
    if kind < 0.35:
        return b'{"query":' + b"[" * 20_000 + b"]" * 20_000 + b"}"
    if kind < 0.4:
        return text[:-1] + b',"query":"{ __typename }"}'
    return text


def split(data: bytes, chance: Chance) -> list[bytes]:
    """The same bytes in pieces: one, a few, or one for each byte of the beginning."""
    kind = chance.random()
    if kind < 0.5 or not data:
        return [data]
    if kind < 0.6:
        return [*(data[at : at + 1] for at in range(min(len(data), 200))), data[200:]]
    cuts = sorted(chance.randrange(len(data) + 1) for _ in range(chance.randint(1, 5)))
    return [data[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]
