"""WebSocket bytes: handshakes, frames of every opcode and length, and odd messages of the protocol."""

from base64 import b64encode

import orjson

from tests.kit.raw_websocket import BINARY, CLOSE, CONTINUATION, PING, TEXT
from tests.security.odd_bytes import Chance, changed, odd_body, one_of
from tests.security.raw_requests import DOCUMENTS, Target

LENGTHS = (0, 1, 2, 124, 125, 126, 127, 65_535, 65_536, 65_537, 200_000)
FRAMES_MAX = 12
_FINAL, _MASKED = 0x80, 0x80
_PROTOCOLS = (
    "graphql-transport-ws",
    "graphql-transport-ws",
    "graphql-transport-ws",
    "graphql-ws",
    "soap",
    "",
)


def raw_handshake(target: Target, chance: Chance) -> bytes:
    """A valid one in most cases."""
    lines = [
        "GET /graphql HTTP/1.1",
        f"Host: 127.0.0.1:{target.port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {b64encode(chance.randbytes(16)).decode()}",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Protocol: {chance.choice(_PROTOCOLS)}",
    ]
    if chance.random() < 0.3:
        lines.append("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=9")
    handshake = "\r\n".join([*lines, "", ""]).encode()
    return changed(handshake, chance) if chance.random() < 0.15 else handshake


def raw_frames(target: Target, chance: Chance) -> bytes:
    """What follows a handshake: in most cases a valid `connection_init`, then anything."""
    begin = b""
    if chance.random() < 0.8:
        payload = {"authorization": target.token}
        begin = frame(TEXT, orjson.dumps({"type": "connection_init", "payload": payload}), chance)
    return begin + b"".join(one_of(_KINDS, chance)(chance) for _ in range(chance.randint(1, FRAMES_MAX)))


def frame(opcode: int, payload: bytes, chance: Chance, *, flags: int = _FINAL) -> bytes:
    """Masked, with the length written in the shortest form."""
    length, mask = len(payload), chance.randbytes(4)
    if length < 126:
        size = bytes((_MASKED | length,))
    elif length < 2**16:
        size = bytes((_MASKED | 126,)) + length.to_bytes(2)
    else:
        size = bytes((_MASKED | 127,)) + length.to_bytes(8)
    repeated = (mask * (length // 4 + 1))[:length]
    masked = (int.from_bytes(payload) ^ int.from_bytes(repeated)).to_bytes(length)
    return bytes((opcode | flags,)) + size + mask + masked


def _message(chance: Chance) -> bytes:
    """Of the protocol, and odd."""
    payload = {
        "query": chance.choice(DOCUMENTS),
        "variables": {"n": 3},
        "operationName": None,
        "extensions": {},
    }
    messages = (
        {"type": "subscribe", "id": chance.choice(("1", "2", "")), "payload": payload},
        {"type": "complete", "id": "1"},
        {"type": "ping", "payload": {"a": 1}},
        {"type": "pong"},
        {"type": "connection_init", "payload": {}},
        {"type": "next", "id": "1", "payload": {}},
    )
    message = chance.choice(messages)
    text = odd_body(message, chance) if chance.random() < 0.6 else orjson.dumps(message)
    return frame(TEXT, text, chance)


def _any_opcode(chance: Chance) -> bytes:
    flags = chance.choice((_FINAL, _FINAL, 0, 0x40, 0xC0, 0xF0))
    return frame(chance.randrange(16), chance.randbytes(chance.choice(LENGTHS)), chance, flags=flags)


def _fragments(chance: Chance) -> bytes:
    count = chance.choice((1, 2, 5, 300))
    first = frame(chance.choice((TEXT, BINARY)), b'{"type":', chance, flags=0)
    rest = b"".join(
        frame(CONTINUATION, chance.randbytes(chance.choice((0, 1, 50))), chance, flags=0)
        for _ in range(count)
    )
    return first + rest + (frame(CONTINUATION, b'"ping"}', chance) if chance.random() < 0.5 else b"")


def _control(chance: Chance) -> bytes:
    codes = (
        b"",
        b"\x03",
        b"\x03\xe8",
        b"\x03\xed",
        b"\x00\x00",
        b"\xff\xff",
        b"\x03\xe8\xff\xfe",
        b"\x0f\xa0bye",
    )
    if chance.random() < 0.2:
        return frame(CLOSE, chance.choice(codes), chance)
    return frame(PING, chance.randbytes(chance.choice((0, 1, 125, 126))), chance) * chance.choice((1, 1, 200))


def _false_length(chance: Chance) -> bytes:
    """A length that is not the shortest, is never reached, or has the highest bit; or no mask."""
    return chance.choice(
        (
            b"\x81\xfe\x00\x05" + chance.randbytes(9),
            b"\x81\xff\x00\x00\x00\x00\x00\x00\x00\x05" + chance.randbytes(9),
            b"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff" + chance.randbytes(20),
            b"\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff" + chance.randbytes(20),
            b"\x81\x05hello",
            b"\x81",
        )
    )


def _noise(chance: Chance) -> bytes:
    return chance.randbytes(chance.randint(1, 200))


_KINDS = {_message: 4, _any_opcode: 1, _fragments: 1, _control: 1, _false_length: 1, _noise: 1}
