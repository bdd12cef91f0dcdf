"""The encoding of quotes that are broadcast to every process."""

from domain.market import Quote
from models.sql.codec import Codec

QUOTES_TOPIC = "quotes"

_QUOTES: Codec[Quote] = Codec(Quote)


def quote_to_bytes(quote: Quote) -> bytes:
    """The quote as JSON."""
    return _QUOTES.to_text(quote).encode()


def quote_from_bytes(payload: bytes) -> Quote:
    """The inverse of `quote_to_bytes`."""
    return _QUOTES.from_text(payload.decode())
