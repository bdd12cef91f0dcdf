"""Text from users: the permitted characters, and the forms in which it is stored and compared.

The rules follow Unicode's categories, not a list of known scripts. Three forms:

- as stored: NFC, so that one name is one sequence of characters however it was typed;
- as searched (`search_form`): without width, case and invisible characters, on both sides of the comparison;
- as one person (`subject_form`): the form in which a token's subject is compared, everywhere. Letters of
  other scripts that look alike (Latin and Cyrillic a) stay different: confusable letters have no rule here.
"""

import re
from unicodedata import category, name, normalize

SEARCH_EXPANSION = 18
"""The most characters of `search_form` that one character can become; a test checks all of Unicode."""
MAX_SUBJECT_LENGTH = 200
MAX_CODE_LENGTH = 40

_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]*")
_LINE_SIGNS = frozenset("\n\r\t")
"""Control characters that a text of several lines may contain."""
_IGNORABLE_RANGES = (
    (0xAD, 0xAD),
    (0x34F, 0x34F),
    (0x61C, 0x61C),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x200B, 0x200F),
    (0x202A, 0x202E),
    (0x2060, 0x206F),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFF8),
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),
)
"""Unicode's property Default_Ignorable_Code_Point, which Python lacks: these are not displayed."""
_IGNORABLE = frozenset(chr(code) for first, last in _IGNORABLE_RANGES for code in range(first, last + 1))
_LOOKS_BLANK = frozenset("\u2800\ufffc\U0001d159\U0001107f\U00013441\U00013442\U00016fe4")
"""Symbols, letters and marks that show nothing although Unicode does not call them ignorable: the braille
pattern without dots, the object replacement character, the null notehead, joiners and fillers of old scripts.
"""
_JOINERS = frozenset("\u200c\u200d")
"""They change how the letter before them is written, in Persian, Malayalam and other scripts."""
_DIRECTION_MARKS = frozenset("\u200e\u200f\u061c")
"""They order characters between Hebrew or Arabic and Latin, and reorder no letter."""
_SHOWN_FORMAT = frozenset(
    "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
)
"""The characters of the format category that are displayed."""
_IDEOGRAPHS = ((0x20000, 0x2FFFD), (0x30000, 0x3FFFD))
"""Planes for ideographs only. Names use some that are newer than Python's Unicode data, which has no category
for them.
"""
_SOFT_DOT = "\u0307"
"""Capital I with a dot folds to i and this mark, which looks like i."""


def code(text: str, longest: int = MAX_CODE_LENGTH) -> str:
    """A symbol, account number or similar; raises ValueError with a reason that follows "must be"."""
    if len(text) > longest or not _CODE.fullmatch(text):
        raise ValueError(f"1 to {longest} letters, digits or . _ : / -")
    return text


def readable(text: str, longest: int) -> str:
    """The text in NFC, for storing; raises ValueError with a reason that follows "must be".

    It may contain letters, marks, numbers, punctuation, symbols and blanks of Unicode, joiners after a
    letter, and direction marks. It must not contain control characters or overrides of the writing direction,
    and must show something.
    """
    return _stored(text, longest, frozenset())


def readable_lines(text: str, longest: int) -> str:
    """Like `readable`, for a text with several lines and tabs, such as a reason or a message."""
    return _stored(text, longest, _LINE_SIGNS)


def _stored(text: str, longest: int, besides: frozenset[str]) -> str:
    stored = normalize("NFC", text)
    if not 0 < len(stored) <= longest:
        raise ValueError(f"a text of 1 to {longest} characters")
    for position, character in enumerate(stored):
        if character not in besides and not _belongs(character, stored[max(0, position - 1) : position]):
            raise ValueError(f"a text without {_named(character)}, which is at position {position + 1}")
    if not any(_shows(character) for character in stored):
        raise ValueError("a text that is not blank")
    return stored


def _belongs(character: str, before: str) -> bool:
    kind = category(character)
    if character in _JOINERS:
        return before != "" and category(before)[0] in "LMS" and before not in _JOINERS
    if character in _DIRECTION_MARKS or character in _SHOWN_FORMAT:
        return True
    if kind == "Cn":
        return any(first <= ord(character) <= last for first, last in _IDEOGRAPHS)
    return kind[0] in "LMNPS" or kind == "Zs"


def _shows(character: str) -> bool:
    """Whether the character is visible by itself."""
    if character in _IGNORABLE or character in _LOOKS_BLANK or character in _LINE_SIGNS:
        return False
    return category(character)[0] in "LNPSC"


def visible(text: str) -> str:
    """The text with unprintable characters as escapes such as ``\\x1b``: text from others must not colour a
    terminal or break a line of the log.
    """
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


def _named(character: str) -> str:
    """Such as ``U+202E RIGHT-TO-LEFT OVERRIDE``; control characters have no name."""
    return f"U+{ord(character):04X} {name(character, '')}".rstrip()


def search_form(text: str) -> str:
    """The form in which searches compare text; applying it twice changes nothing.

    Compatibility forms are unified (width, ligatures, circled digits), case is folded, invisible characters
    are removed, and a run of blanks is one space.
    """
    return " ".join(_folded(text).split())


def _folded(text: str) -> str:
    shown = "".join(character for character in normalize("NFKC", text) if character not in _IGNORABLE)
    folded = normalize("NFKC", normalize("NFKC", shown.casefold()).casefold())
    return "".join(character for character in folded if character not in _IGNORABLE)


def subject_form(text: str) -> str:
    """The single form of a token's subject; raises ValueError with a reason that follows "must be".

    Width, case, composition and blanks do not distinguish persons. Invisible characters are refused.
    """
    for form in (text, normalize("NFKC", text)):
        for character in form:
            hidden = character in _IGNORABLE or character in _LOOKS_BLANK
            if hidden or category(character)[0] == "C" or category(character) in ("Zl", "Zp"):
                raise ValueError(
                    f"a subject without invisible or unassigned characters, not {_named(character)}"
                )
    folded = normalize("NFKC", normalize("NFKC", text).upper().casefold())
    form = " ".join(folded.replace(f"i{_SOFT_DOT}", "i").split())
    if not any(_shows(character) for character in form):
        raise ValueError("a subject that is not blank")
    if len(form) > MAX_SUBJECT_LENGTH:
        raise ValueError(f"a subject of at most {MAX_SUBJECT_LENGTH} characters when it is folded")
    return form


def same_subject(one: str, other: str) -> bool:
    """Whether two stored names are the same person's. Old rows, from before subjects had one form, have any
    spelling.
    """
    return lenient_subject_form(one) == lenient_subject_form(other)


def lenient_subject_form(text: str) -> str:
    """The form of a stored name, which may date from before subjects had one form."""
    try:
        return subject_form(text)
    except ValueError:
        return _folded(text).upper().casefold()
