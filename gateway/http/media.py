"""Media types: what a client accepts (RFC 9110, section 12.5.1), and what it sends."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

JSON = "application/json"
GRAPHQL_RESPONSE = "application/graphql-response+json"
EVENT_STREAM = "text/event-stream"
HTML = "text/html"

RANGES_MAX = 50
"""Media ranges of one Accept header that are read."""
KNOWN_HEADERS, KNOWN_CHARACTERS_MAX = 256, 500
"""Headers whose preference is kept, and their length: clients have few."""


@dataclass(frozen=True, slots=True)
class MediaRange:
    """One range of an Accept header, such as ``application/*;q=0.5``."""

    type: str
    subtype: str
    quality: float

    def specificity(self, media_type: str) -> int:
        """How closely the range names the media type; 0: it does not include it."""
        type_, _, subtype = media_type.partition("/")
        if (self.type, self.subtype) == (type_, subtype):
            return 3
        if self.subtype != "*":
            return 0
        return {type_: 2, "*": 1}.get(self.type, 0)


def negotiated(accept: str | None, offers: tuple[str, ...]) -> str | None:
    """The offer that the client prefers: of several equally good ones, the one that it names first, or else
    the first offer. None: it accepts none of them.
    """
    if not accept or not accept.strip():
        return offers[0]
    return (_known if len(accept) <= KNOWN_CHARACTERS_MAX else _preferred)(accept, offers)


def _preferred(accept: str, offers: tuple[str, ...]) -> str | None:
    ranges = _ranges(accept)
    best: tuple[float, int] = (0.0, 0)
    chosen = None
    for offer in offers:
        closest = max(
            range(len(ranges)), key=lambda each: (ranges[each].specificity(offer), -each), default=None
        )
        if closest is None or not ranges[closest].specificity(offer):
            continue
        rank = (ranges[closest].quality, -closest)
        if rank[0] > 0 and (chosen is None or rank > best):
            best, chosen = rank, offer
    return chosen


_known = lru_cache(maxsize=KNOWN_HEADERS)(_preferred)


def is_json(content_type: str) -> bool:
    """Whether the header says JSON in UTF-8, which is the default."""
    kind, *parameters = content_type.lower().split(";")
    if kind.strip() != JSON:
        return False
    named = [each.partition("=") for each in parameters]
    return all(
        value.strip().strip('"') in ("utf-8", "utf8") for name, _, value in named if name.strip() == "charset"
    )


def _ranges(accept: str) -> list[MediaRange]:
    """The ranges that can be read; others count as not sent."""
    ranges: list[MediaRange] = []
    for part in accept.split(",")[:RANGES_MAX]:
        kind, *parameters = part.strip().lower().split(";")
        type_, slash, subtype = kind.strip().partition("/")
        quality = _quality(parameters)
        if slash and type_ and subtype and quality is not None:
            ranges.append(MediaRange(type_, subtype, quality))
    return ranges


def _quality(parameters: Sequence[str]) -> float | None:
    for parameter in parameters:
        name, _, value = parameter.strip().partition("=")
        if name.strip() == "q":
            try:
                quality = float(value)
            except ValueError:
                return None
            return quality if 0 <= quality <= 1 else None
    return 1.0
