"""A login service for tests: real keys of every kind, tokens that they sign, and a server of the key set."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import get_default_algorithms

from tests.kit.patience import PATIENCE_S

ISSUER, AUDIENCE = "https://login.example", "https://desk.example"
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key of the service, and its algorithm."""

    key_id: str
    algorithm: str
    private: PrivateKey

    def public(self, **changes: Any) -> dict[str, Any]:
        """As the key set states it; what is changed to `...` is left out."""
        named: dict[str, Any] = {"kid": self.key_id, "use": "sig", "alg": self.algorithm}
        return _without(self._jwk(self.private.public_key()) | named | changes)

    def secret(self) -> dict[str, Any]:
        """With the private part, which no service may publish."""
        return self._jwk(self.private) | {"kid": self.key_id}

    def _jwk(self, key: Any) -> dict[str, Any]:
        to_jwk: Any = get_default_algorithms()[self.algorithm].to_jwk
        stated: dict[str, Any] = to_jwk(key, as_dict=True)
        return {name: value for name, value in stated.items() if name != "key_ops"}

    def token(self, now: datetime, headers: dict[str, Any] | None = None, **changes: Any) -> str:
        """A good token except for the changes; a claim or header changed to `...` is left out."""
        return signed(
            claims(now, **changes), self.private, self.algorithm, {"kid": self.key_id} | (headers or {})
        )


def claims(now: datetime, **changes: Any) -> dict[str, Any]:
    """Good ones, except for the changes."""
    good = {
        "iss": ISSUER,
        "aud": [AUDIENCE, "account"],
        "sub": "trader",
        "iat": int(now.timestamp()),
        "exp": int((now + timedelta(hours=1)).timestamp()),
        "permissions": ["RISK_WARNING_FULL"],
    }
    return _without(good | changes)


def signed(payload: dict[str, Any], key: Any, algorithm: str, headers: dict[str, Any]) -> str:
    """Signed whatever it states."""
    return jwt.PyJWS().encode(json.dumps(payload).encode(), key, algorithm, _without(headers))


def _without(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not ...}


@cache
def signing_key(algorithm: str = "ES256", key_id: str = "first") -> SigningKey:
    """One key for each name and algorithm in a run."""
    private: PrivateKey
    match algorithm:
        case "RS256":
            private = rsa.generate_private_key(65537, 2048)
        case "ES256":
            private = ec.generate_private_key(ec.SECP256R1())
        case _:
            private = ed25519.Ed25519PrivateKey.generate()
    return SigningKey(key_id, algorithm, private)


def key_set(*keys: dict[str, Any]) -> bytes:
    """The text of a key set."""
    return json.dumps({"keys": keys}).encode()


@dataclass(slots=True)
class KeyServer:
    """Serves `content` at every path; with `hangs` it accepts requests and does not answer."""

    content: bytes = b""
    status: int = 200
    hangs: bool = False
    requests: int = 0
    port: int = 0
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)
    _serving: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/keys"

    def publish(self, *keys: SigningKey) -> None:
        """From now on these are the keys."""
        self.content = key_set(*(key.public() for key in keys))

    async def until(self, requests: int) -> None:
        """Wait for so many requests."""
        async with asyncio.timeout(PATIENCE_S), self._news:
            await self._news.wait_for(lambda: self.requests >= requests)

    def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a connection until `stop`."""
        self._serving.add(asyncio.create_task(self._serve(reader, writer)))

    async def stop(self) -> None:
        """End every connection, so that none is left to the next test."""
        for serving in self._serving:
            serving.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            async with self._news:
                self.requests += 1
                self._news.notify_all()
            if self.hangs:
                await reader.read()
                return
            head = (
                f"HTTP/1.1 {self.status} x\r\nlocation: /other\r\ncontent-length: {len(self.content)}\r\n\r\n"
            )
            writer.write(head.encode() + self.content)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


@asynccontextmanager
async def a_key_server(*keys: SigningKey) -> AsyncIterator[KeyServer]:
    """On a free port, with these keys, until the block ends."""
    server = KeyServer()
    server.publish(*keys)
    listening = await asyncio.start_server(server.connected, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        await server.stop()
