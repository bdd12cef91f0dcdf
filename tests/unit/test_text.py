"""Names of people everywhere are taken, found and compared; what shows nothing or reorders letters is not."""

from unicodedata import category, normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.text import (
    SEARCH_EXPANSION,
    code,
    readable,
    readable_lines,
    same_subject,
    search_form,
    subject_form,
)

EVERY_CHARACTER = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@pytest.mark.parametrize(
    "name",
    [
        "Chan\u3000Tai Man",
        "Anne\u00a0Marie",
        "O\u2019Neill-D\u2009\u2013\u2009\u00c5str\u00f6m",
        "\u9673\u5927\u6587",
        "\u845b\U000e0100\u98fe\u5e02",
        "\U00020bb7\u91ce\u5bb6",
        "\U0002ebf0\U00031350",
        "\u0645\u0647\u200c\u0633\u0627",
        "\u0d28\u0d4d\u200d",
        "\u05d7\u05d1\u05e8\u05d4 \u05d1\u05e2\u05f4\u05de\u200f",
        "\u200eABC\u200e",
        "\U0001f468\u200d\U0001f469\u200d\U0001f467 Trust",
        "\u0995\u09cd\u09b7",
        "\ud64d\uae38\ub3d9",
        "\u0604 1234",
        "No. 5 (\u2116 5) + \u20ac & Co.",
        "x",
    ],
)
def test_a_name_of_any_script_is_accepted(name: str) -> None:
    assert readable(name, 200) == normalize("NFC", name)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "1 to 20 characters"),
        ("x" * 21, "1 to 20 characters"),
        ("\ufb2c" * 7, "1 to 20 characters"),
        ("   ", "not blank"),
        ("\u3000\u00a0", "not blank"),
        ("\u3164\u3164", "not blank"),
        ("\u2800", "not blank"),
        ("\ufffc\U0001d159", "not blank"),
        ("\u200e\u200f", "not blank"),
        ("\u0301", "not blank"),
        ("A\nB", r"without U\+000A, which is at position 2"),
        ("A\tB", r"without U\+0009"),
        ("A\x00B", r"without U\+0000"),
        ("A\x85B", r"without U\+0085"),
        ("A\u2028B", r"without U\+2028 LINE SEPARATOR"),
        ("abc\u202etxt", r"without U\+202E RIGHT-TO-LEFT OVERRIDE, which is at position 4"),
        ("a\u2066b\u2069", r"without U\+2066 LEFT-TO-RIGHT ISOLATE"),
        ("a\u202ab", r"without U\+202A"),
        ("a\u200bb", r"without U\+200B ZERO WIDTH SPACE"),
        ("\ufeffa", r"without U\+FEFF"),
        ("a\u00adb", r"without U\+00AD SOFT HYPHEN"),
        ("\u200da", r"without U\+200D ZERO WIDTH JOINER, which is at position 1"),
        ("a\u200d\u200db", r"without U\+200D"),
        ("1\u200d", r"without U\+200D"),
        ("a\ue000", r"without U\+E000"),
        ("a\ud800", r"without U\+D800"),
        ("a\u0378", r"without U\+0378"),
        ("a\uffff", r"without U\+FFFF"),
        ("a\U000e0041", r"without U\+E0041"),
    ],
)
def test_invisible_or_reordering_characters_are_refused(name: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        readable(name, 20)


@pytest.mark.parametrize("written", ["one\ntwo", "one\r\n\ttwo", "\u3000\u9673\n\n\u00e9", "x" * 20])
def test_a_note_may_have_several_lines(written: str) -> None:
    assert readable_lines(written, 20) == normalize("NFC", written)


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("\n\t\n", "not blank"),
        ("\u3000\n", "not blank"),
        ("x" * 21, "1 to 20 characters"),
        ("one\x0btwo", r"without U\+000B"),
        ("one\n\u202etwo", r"without U\+202E"),
        ("one\n\u200dtwo", r"without U\+200D"),
        ("a\x00b", r"without U\+0000"),
    ],
)
def test_a_note_has_no_signs_that_hide_or_reorder(written: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        readable_lines(written, 20)


@pytest.mark.parametrize("written", ["", ".HK", "700 HK", "700.HK\n", "\u0663", "x" * 41, "A\u200dB"])
def test_a_code_has_plain_characters(written: str) -> None:
    with pytest.raises(ValueError, match="1 to 40 letters, digits"):
        code(written)


def test_every_letter_mark_number_sign_and_blank_of_unicode_is_accepted() -> None:
    refused = []
    for character in EVERY_CHARACTER:
        if category(character)[0] in "LMNPS" or category(character) == "Zs":
            try:
                readable(f"a{character}", 10)
            except ValueError:
                refused.append(hex(ord(character)))
    assert refused == []


def test_no_control_character_surrogate_or_private_character_is_accepted() -> None:
    taken = []
    for character in map(chr, range(0x110000)):
        if category(character) in ("Cc", "Cs", "Co", "Zl", "Zp"):
            try:
                readable(f"a{character}b", 10)
                taken.append(hex(ord(character)))
            except ValueError:
                pass
    assert taken == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("\uff21\uff22\uff23", "abc"),
        ("Cafe\u0301", "CAF\u00c9"),
        ("Stra\u00dfe", "STRASSE"),
        ("\ufb01n", "FIN"),
        ("Chan\u3000Tai  Man", "chan tai man"),
        ("\u2460", "1"),
        ("\u03a3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2", "\u03c3\u03af\u03c3\u03c5\u03c6\u03bf\u03c3"),
        ("\u0645\u0647\u200c\u0633\u0627", "\u0645\u0647\u0633\u0627"),
        ("\u845b\U000e0100", "\u845b"),
        ("\uff8a\uff9d\uff76\uff78", "\u30cf\u30f3\u30ab\u30af"),
        (" x ", "x"),
    ],
)
def test_a_search_knows_neither_width_nor_case_nor_composition(one: str, other: str) -> None:
    assert search_form(one) == search_form(other)


@given(TEXTS)
def test_the_searched_form_of_a_searched_form_is_itself(text: str) -> None:
    assert search_form(search_form(text)) == search_form(text)


@given(TEXTS)
def test_composition_makes_no_other_search(text: str) -> None:
    assert search_form(normalize("NFD", text)) == search_form(normalize("NFC", text))


def test_no_character_expands_beyond_what_the_column_is_made_for() -> None:
    assert max(len(search_form(character)) for character in EVERY_CHARACTER) == SEARCH_EXPANSION


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_the_searched_form_is_never_longer_than_its_characters_allow(text: str) -> None:
    assert len(search_form(text)) <= SEARCH_EXPANSION * len(normalize("NFC", text))


@pytest.mark.parametrize(
    "spelling",
    [
        "Ann.Lee",
        "ANN.LEE",
        "\uff41nn.lee",
        "ann\uff0elee",
        "ann.lee ",
        "\u3000ann.lee",
        "\u1d43nn.lee",
        "ann.\u2113ee",
    ],
)
def test_a_subject_in_another_spelling_is_the_same_person(spelling: str) -> None:
    assert subject_form(spelling) == "ann.lee"
    assert same_subject(spelling, "ann.lee")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("\u0130rem", "irem"),
        ("I\u0131", "ii"),
        ("stra\u00dfe", "STRASSE"),
        ("a  b", "a\u00a0b"),
        ("\u212a", "k"),
    ],
)
def test_the_case_of_other_languages_makes_no_other_person(one: str, other: str) -> None:
    assert subject_form(one) == subject_form(other)


@pytest.mark.parametrize(
    "hidden",
    list(
        "\u200b\u200c\u200d\u2060\ufeff\u00ad\u034f\u202e\u2066\u200f\u061c\u180e\ufe0f\U000e0100\U000e0061"
        "\ufffc\U0001d159\U0001107f\U00013441\U00016fe4"
        "\u3164\uffa0\u115f\u2800\x00\x1f\n\x7f\u0085\u2028\ue000\u0378\ufff9\U0001d173"
    ),
)
def test_a_subject_with_an_invisible_sign_is_refused(hidden: str) -> None:
    for text in (f"ann{hidden}", f"{hidden}ann", f"an{hidden}n"):
        with pytest.raises(ValueError, match="invisible or unassigned characters, not U"):
            subject_form(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [("", "blank"), ("  \u3000", "blank"), ("\u0301", "blank"), ("\ufdfa" * 20, "at most 200")],
)
def test_a_subject_that_names_no_person_or_grows_too_long_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        subject_form(text)


@given(TEXTS)
def test_the_form_of_a_subject_is_its_own_form(text: str) -> None:
    try:
        form = subject_form(text)
    except ValueError:
        return
    assert subject_form(form) == form
    assert subject_form(text.upper()) == form
    assert subject_form(normalize("NFD", text)) == form


def test_confusable_letters_of_other_scripts_stay_different() -> None:
    assert not same_subject("\u0430nn", "ann"), "there is no rule about letters that look alike"
