"""Text that people write: which characters a name may have, and the forms that are stored and compared.

The rules follow Unicode's categories, not a list of known scripts. Three forms:

- as stored: NFC, so that one name is one sequence of characters however it was typed;
- as searched (`search_form`): without width, case and invisible signs, on both sides of the comparison;
- as one person (`subject_form`): what a token's subject is compared in, everywhere. Letters of other scripts
  that look alike (Latin and Cyrillic a) stay different: there is no rule about confusable letters here.
"""

import re
from unicodedata import category, name, normalize

SEARCH_EXPANSION = 18
"""How many characters of `search_form` one character becomes at most; a test looks at all of Unicode."""
MAX_SUBJECT_LENGTH = 200
MAX_CODE_LENGTH = 40

_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]*")
_LINE_SIGNS = frozenset("\n\r\t")
"""Control characters that a text of several lines may have."""
_IGNORABLE_RANGES = (
    *((0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F)),
    *((0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164), (0xFE00, 0xFE0F)),
    *((0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A)),
    (0xE0000, 0xE0FFF),
)
"""Unicode's property Default_Ignorable_Code_Point, which Python does not know: these are not displayed."""
_IGNORABLE = frozenset(chr(code) for first, last in _IGNORABLE_RANGES for code in range(first, last + 1))
_LOOKS_BLANK = frozenset("\u2800\ufffc\U0001d159\U0001107f\U00013441\U00013442\U00016fe4")
"""Symbols, letters and marks that show nothing although Unicode does not call them ignorable: the braille
pattern without dots, the place of an object, the null notehead, joiners and fillers of old scripts."""
_JOINERS = frozenset("\u200c\u200d")
"""They change how the letter before them is written, in Persian, Malayalam and others."""
_DIRECTION_MARKS = frozenset("\u200e\u200f\u061c")
"""They order signs between Hebrew or Arabic and Latin, and reorder no letter."""
_SHOWN_FORMAT = frozenset(
    "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
)
"""Of the category of format characters, those that are displayed."""
_IDEOGRAPHS = ((0x20000, 0x2FFFD), (0x30000, 0x3FFFD))
"""Planes for ideographs alone. Names use some that are newer than Python's Unicode, which has no category for
them."""
_SOFT_DOT = "\u0307"
"""Capital I with a dot folds to i and this mark, which looks like i."""


def code(text: str, longest: int = MAX_CODE_LENGTH) -> str:
    """A symbol, account number or the like; raises ValueError with a reason that follows "must be"."""
    if len(text) > longest or not _CODE.fullmatch(text):
        raise ValueError(f"1 to {longest} letters, digits or . _ : / -")
    return text


def readable(text: str, longest: int) -> str:
    """The text in NFC, for storing; raises ValueError with a reason that follows "must be".

    It may hold letters, marks, numbers, punctuation, symbols and blanks of Unicode, joiners behind a letter,
    and direction marks. It has neither control characters nor overrides of the writing direction, and
    shows something.
    """
    return _stored(text, longest, frozenset())


def readable_lines(text: str, longest: int) -> str:
    """As `readable`, of a text that may have several lines and tabs, such as a reason or a message."""
    return _stored(text, longest, _LINE_SIGNS)


def _stored(text: str, longest: int, besides: frozenset[str]) -> str:
    stored = normalize("NFC", text)
    if not 0 < len(stored) <= longest:
        raise ValueError(f"a text of 1 to {longest} characters")
    for position, character in enumerate(stored):
        if character not in besides and not _belongs(character, stored[max(0, position - 1) : position]):
            raise ValueError(f"a text without {_named(character)}, which stands at position {position + 1}")
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
    """Whether it leaves a mark on the page by itself."""
    if character in _IGNORABLE or character in _LOOKS_BLANK or character in _LINE_SIGNS:
        return False
    return category(character)[0] in "LNPSC"


def visible(text: str) -> str:
    """The text with everything that is not printed as an escape such as ``\\x1b``: what others wrote must
    neither colour a terminal nor break a line of the log."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


def _named(character: str) -> str:
    """Such as ``U+202E RIGHT-TO-LEFT OVERRIDE``; control characters have no name."""
    return f"U+{ord(character):04X} {name(character, '')}".rstrip()


def search_form(text: str) -> str:
    """What is compared in a search; applied again it changes nothing.

    Compatibility forms are made equal (width, ligatures, circled digits), case is folded, what is not shown
    is left out, and a run of blanks is one space.
    """
    return " ".join(_folded(text).split())


def _folded(text: str) -> str:
    shown = "".join(character for character in normalize("NFKC", text) if character not in _IGNORABLE)
    folded = normalize("NFKC", normalize("NFKC", shown.casefold()).casefold())
    return "".join(character for character in folded if character not in _IGNORABLE)


def subject_form(text: str) -> str:
    """The one form of a token's subject; raises ValueError with a reason that follows "must be".

    Width, case, composition and blanks make no other person. What is not displayed is refused.
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
    """Whether two stored names are one person's. Rows from before there was one form are in any spelling."""
    return lenient_subject_form(one) == lenient_subject_form(other)


def lenient_subject_form(text: str) -> str:
    """Of a stored name, which may be from before subjects had one form."""
    try:
        return subject_form(text)
    except ValueError:
        return _folded(text).upper().casefold()
