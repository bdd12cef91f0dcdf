"""Resume cursors: a position in the stream that a client may keep, but can neither forge nor use elsewhere.

A cursor is base64url of: version, key id, offset (8 bytes), epoch, and the first 16 bytes of an HMAC-SHA256
over all that and a scope. The scope is the purpose of the cursor (field, filter, audience); it is not part of
the cursor, so a cursor used for another purpose does not verify. A cursor only names a position and grants no
access: the resumed operation is authorised again.
"""

import hmac
from base64 import b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Mapping
from hashlib import sha256

from subscriptions.stream.bus import Position

VERSION = 1
MAC_BYTES = 16
SCOPE_BYTES = 32
CURSOR_CHARACTERS_MAX = 200
_EPOCH_STARTS_AT = 10


class CursorInvalid(Exception):
    """Not a cursor of this desk, or of another operation; the message does not say which."""

    def __init__(self) -> None:
        super().__init__("the cursor does not belong to this operation")


def scope_of(*parts: str) -> bytes:
    """The scope of an operation from the texts that define it; their order and boundaries matter."""
    digest = sha256()
    for part in parts:
        encoded = part.encode()
        digest.update(len(encoded).to_bytes(8))
        digest.update(encoded)
    return digest.digest()


def key_id_of(secret: bytes) -> int:
    """Distinguishes secrets, almost always: of two with one id only the current one is used."""
    return hmac.digest(secret, b"key id", "sha256")[0]


class CursorSigner:
    """Signs with one key; verifies with that and with older ones, so that a secret can be replaced.

    Key ids are 0 to 255, scopes are created by `scope_of`. The secrets may serve other purposes too: the keys
    used here are derived from them.
    """

    def __init__(self, key_id: int, secret: bytes, older_keys: Mapping[int, bytes] | None = None) -> None:
        self._prefix = bytes((VERSION, key_id))
        self._keys = {number: _derived(old) for number, old in (older_keys or {}).items()}
        self._keys[key_id] = self._key = _derived(secret)

    def sign(self, position: Position, scope: bytes) -> str:
        """The cursor of a position; equal for equal arguments."""
        body = self._prefix + position.offset.to_bytes(8) + position.epoch.encode()
        return urlsafe_b64encode(body + _mac(self._key, scope, body)).rstrip(b"=").decode()

    def verify(self, cursor: str, scope: bytes) -> Position:
        """The position that was signed for this scope; raises CursorInvalid."""
        body, mac = _split(cursor)
        key = self._keys.get(body[1])
        if body[0] != VERSION or key is None or not hmac.compare_digest(mac, _mac(key, scope, body)):
            raise CursorInvalid
        return Position(body[_EPOCH_STARTS_AT:].decode(), int.from_bytes(body[2:_EPOCH_STARTS_AT]))


def _derived(secret: bytes) -> bytes:
    return hmac.digest(secret, b"resume cursor", "sha256")


def _mac(key: bytes, scope: bytes, body: bytes) -> bytes:
    assert len(scope) == SCOPE_BYTES, "made by scope_of"
    return hmac.digest(key, scope + body, "sha256")[:MAC_BYTES]


def _split(cursor: str) -> tuple[bytes, bytes]:
    if len(cursor) > CURSOR_CHARACTERS_MAX:
        raise CursorInvalid
    try:
        decoded = b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (NotBase64, ValueError) as malformed:
        raise CursorInvalid from malformed
    if len(decoded) < _EPOCH_STARTS_AT + MAC_BYTES:
        raise CursorInvalid
    return decoded[:-MAC_BYTES], decoded[-MAC_BYTES:]
