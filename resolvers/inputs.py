"""What the inputs of mutations have in common: checks of what makes no sense, each raising ApiError."""

from collections.abc import Sequence

from resolvers.errors import BAD_USER_INPUT, ApiError

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
    if not 1 <= len(key) <= KEY_CHARACTERS_MAX or not key.isprintable():
        raise ApiError(
            BAD_USER_INPUT, f"idempotencyKey must be 1 to {KEY_CHARACTERS_MAX} printable characters."
        )


def check_text(name: str, text: str | None, *, at_least: int = 0) -> None:
    """A text that a person wrote; `at_least` 1: it may be left out, but not be blank."""
    if text is None:
        return
    if len(text) > TEXT_CHARACTERS_MAX or "\x00" in text:
        raise ApiError(BAD_USER_INPUT, f"{name} must be at most {TEXT_CHARACTERS_MAX} characters.")
    if len(text.strip()) < at_least:
        raise ApiError(BAD_USER_INPUT, f"{name} must not be blank.")


def check_many(name: str, ids: Sequence[str], most: int) -> None:
    """The items of a batch: some, not too many, each once."""
    if not 1 <= len(ids) <= most:
        raise ApiError(BAD_USER_INPUT, f"{name} must be 1 to {most}, not {len(ids)}.")
    if len(set(ids)) != len(ids):
        raise ApiError(BAD_USER_INPUT, f"{name} must not repeat.")
