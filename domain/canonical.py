"""Domain values as plain data and as canonical text, which is hashed and stored: equal values have equal
text.

Decimals become their value as text (1.0 and 1.00 are the same), times UTC to the microsecond, durations ISO
8601, enums their value, dataclasses and mappings objects with sorted keys, sets sorted lists.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

from domain.money import plain_text

_PLAIN = frozenset({str, int, bool, type(None)})


def plain(value: Any) -> Any:
    """The value as text, integers, booleans, None, lists and objects; TypeError for other types."""
    # The types that a snapshot consists of come first: it has hundreds of values.
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is Decimal:
        return plain_text(value)
    if (fields := getattr(kind, "__dataclass_fields__", None)) is not None:
        return {name: plain(getattr(value, name)) for name in fields}
    if isinstance(value, Mapping):
        return {str(plain(key)): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, set | frozenset):
        return sorted(plain(each) for each in value)
    return _scalar(value)


def canonical_text(value: Any) -> str:
    """JSON without spaces, with sorted keys: equal values give equal text."""
    return json.dumps(plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def content_hash(text: str) -> str:
    """SHA-256 of the text's UTF-8 bytes, as 64 hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def differences(before: Any, after: Any, *, but: frozenset[str] = frozenset()) -> tuple[Any, Any]:
    """The fields in which two values of one dataclass differ, before and after, as plain data.

    `but` names fields to ignore.
    """
    names = [name for name in _names(type(after)) if name not in but]
    changed = [name for name in names if getattr(before, name) != getattr(after, name)]
    return (
        {name: plain(getattr(before, name)) for name in changed},
        {name: plain(getattr(after, name)) for name in changed},
    )


def _scalar(value: Any) -> Any:
    match value:
        case Enum():
            return value.value
        case str() | int():
            return value
        case Decimal():
            return plain_text(value)
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="microseconds")
        case date():
            return value.isoformat()
        case time():
            return value.isoformat()
        case timedelta():
            return f"PT{plain_text(Decimal(value // timedelta(microseconds=1)).scaleb(-6))}S"
    raise TypeError(f"{type(value).__name__} has no canonical form")


def _names(kind: Any) -> list[str]:
    return list(kind.__dataclass_fields__)
