"""Checks that the inputs of mutations share; each raises ApiError for invalid input."""

from collections.abc import Callable, Sequence

from domain.text import MAX_CODE_LENGTH, code, readable, readable_lines
from resolvers.kit.errors import BAD_USER_INPUT, ApiError

KEY_CHARACTERS_MAX = 200
TEXT_CHARACTERS_MAX = 1000

KEY = (
    "A key chosen by the caller, 1 to 200 characters, such as a UUID. If you repeat a request with the "
    "same key and content, you receive the first outcome and nothing is done twice; with different content "
    "the request is refused with IDEMPOTENCY_KEY_REUSED."
)
"""The description of every idempotencyKey."""
VERSION = (
    "The `version` of the case that your decision is based on. If the case has changed since, the command "
    "is refused with VERSION_CONFLICT."
)
"""The description of every expectedVersion that is required."""
ANY_VERSION = f"{VERSION} Omitted: any version is accepted."
"""The description of every expectedVersion that may be omitted."""


def check_key(key: str) -> None:
    """Check an idempotency key."""
    if len(key) > KEY_CHARACTERS_MAX:
        raise ApiError(BAD_USER_INPUT, f"idempotencyKey must be at most {KEY_CHARACTERS_MAX} characters.")
    _check("idempotencyKey", key, KEY_CHARACTERS_MAX, readable)


def check_text(name: str, text: str | None, *, at_least: int = 0) -> None:
    """Check a text that a person wrote; `at_least` 1: it may be omitted, but not be blank."""
    if text is None or (not at_least and not text.strip()):
        return
    if len(text) > TEXT_CHARACTERS_MAX:
        raise ApiError(BAD_USER_INPUT, f"{name} must be at most {TEXT_CHARACTERS_MAX} characters.")
    _check(name, text, TEXT_CHARACTERS_MAX, readable_lines)


def check_code(name: str, text: str, longest: int = MAX_CODE_LENGTH) -> None:
    """Check a symbol, a market or a similar code."""
    try:
        code(text, longest)
    except ValueError as reason:
        raise ApiError(BAD_USER_INPUT, f"{name} must be {reason}.") from None


def _check(name: str, text: str, longest: int, read: Callable[[str, int], str]) -> None:
    try:
        read(text, longest)
    except ValueError as reason:
        raise ApiError(BAD_USER_INPUT, f"{name} must be {reason}.") from None


def check_many(name: str, ids: Sequence[str], most: int) -> None:
    """Check the items of a batch: at least one, at most `most`, and none twice."""
    if not 1 <= len(ids) <= most:
        raise ApiError(BAD_USER_INPUT, f"{name} must have 1 to {most} items, not {len(ids)}.")
    if len(set(ids)) != len(ids):
        raise ApiError(BAD_USER_INPUT, f"{name} must not contain the same item twice.")
