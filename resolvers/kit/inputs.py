"""What the inputs of mutations have in common: checks of what makes no sense, each raising ApiError."""

from collections.abc import Callable, Sequence

from domain.text import MAX_CODE_LENGTH, code, readable, readable_lines
from resolvers.kit.errors import BAD_USER_INPUT, ApiError

KEY_CHARACTERS_MAX = 200
TEXT_CHARACTERS_MAX = 1000

KEY = (
    "Chosen by the caller, 1 to 200 characters; the same key with the same content returns the first answer "
    "for ever, with other content IDEMPOTENCY_KEY_REUSED."
)
"""The description of every idempotencyKey."""
VERSION = "The version you decided on; another one is refused with VERSION_CONFLICT."
"""The description of every expectedVersion."""


def check_key(key: str) -> None:
    """An idempotency key."""
    if len(key) > KEY_CHARACTERS_MAX:
        raise ApiError(BAD_USER_INPUT, f"idempotencyKey must be at most {KEY_CHARACTERS_MAX} characters.")
    _check("idempotencyKey", key, KEY_CHARACTERS_MAX, readable)


def check_text(name: str, text: str | None, *, at_least: int = 0) -> None:
    """A text that a person wrote; `at_least` 1: it may be left out, but not be blank."""
    if text is None or (not at_least and not text.strip()):
        return
    if len(text) > TEXT_CHARACTERS_MAX:
        raise ApiError(BAD_USER_INPUT, f"{name} must be at most {TEXT_CHARACTERS_MAX} characters.")
    _check(name, text, TEXT_CHARACTERS_MAX, readable_lines)


def check_code(name: str, text: str, longest: int = MAX_CODE_LENGTH) -> None:
    """A symbol, a market or the like."""
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
    """The items of a batch: some, not too many, each once."""
    if not 1 <= len(ids) <= most:
        raise ApiError(BAD_USER_INPUT, f"{name} must be 1 to {most}, not {len(ids)}.")
    if len(set(ids)) != len(ids):
        raise ApiError(BAD_USER_INPUT, f"{name} must not repeat.")
