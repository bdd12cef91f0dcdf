"""A cursor opens only the operation it was given for, and cannot be made by anyone else."""

from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscriptions.stream.bus import Position
from subscriptions.stream.cursor import CURSOR_CHARACTERS_MAX, CursorInvalid, CursorSigner, scope_of

POSITION = Position("4f2a", 41)
SCOPE = scope_of("caseEvents", "{}", "trader-1")
SIGNER = CursorSigner(1, b"a secret of some length")
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@given(st.builds(Position, st.text(max_size=20), st.integers(0, 2**63)), st.text())
def test_a_cursor_gives_back_the_position_it_was_made_of(position: Position, part: str) -> None:
    scope = scope_of(part)
    assert SIGNER.verify(SIGNER.sign(position, scope), scope) == position


@pytest.mark.parametrize(
    "scope",
    [
        scope_of("orderEvents", "{}", "trader-1"),
        scope_of("caseEvents", '{"account":"a"}', "trader-1"),
        scope_of("caseEvents", "{}", "trader-2"),
        scope_of("caseEvents", "{}trader-1"),
        scope_of("caseEvents", "{}", "trader-1", ""),
    ],
    ids=["field", "filter", "audience", "borders", "number of parts"],
)
def test_a_cursor_of_another_operation_is_refused(scope: bytes) -> None:
    with pytest.raises(CursorInvalid):
        SIGNER.verify(SIGNER.sign(POSITION, SCOPE), scope)


def test_every_changed_character_is_noticed() -> None:
    cursor = SIGNER.sign(POSITION, SCOPE)
    assert len(cursor) % 4 == 0, "otherwise the last character has unused bits"
    for index, character in enumerate(cursor):
        changed = ALPHABET[(ALPHABET.index(character) + 1) % len(ALPHABET)]
        with pytest.raises(CursorInvalid):
            SIGNER.verify(cursor[:index] + changed + cursor[index + 1 :], SCOPE)


@given(st.text(max_size=CURSOR_CHARACTERS_MAX + 10))
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(CursorInvalid):
        SIGNER.verify(text, SCOPE)


@given(st.binary(min_size=26, max_size=80))
def test_any_other_bytes_behind_our_version_and_key_are_refused(data: bytes) -> None:
    with pytest.raises(CursorInvalid):
        SIGNER.verify(urlsafe_b64encode(b"\x01\x01" + data).decode().rstrip("="), SCOPE)


def test_a_cursor_of_an_older_key_is_good_until_the_key_is_dropped() -> None:
    cursor = SIGNER.sign(POSITION, SCOPE)
    rotated = CursorSigner(2, b"another secret", {1: b"a secret of some length"})
    assert rotated.verify(cursor, SCOPE) == POSITION
    assert rotated.sign(POSITION, SCOPE) != cursor
    with pytest.raises(CursorInvalid):
        CursorSigner(2, b"another secret").verify(cursor, SCOPE)


def test_a_cursor_of_the_same_key_id_and_another_secret_is_refused() -> None:
    with pytest.raises(CursorInvalid):
        CursorSigner(1, b"guessed").verify(SIGNER.sign(POSITION, SCOPE), SCOPE)


def test_a_cursor_shows_nothing_of_its_scope() -> None:
    assert len(SIGNER.sign(POSITION, SCOPE)) == len(SIGNER.sign(POSITION, scope_of("a" * 1000)))
