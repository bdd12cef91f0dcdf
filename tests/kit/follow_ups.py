"""The follow-up records of the desk in the database, by their codes."""

from collections.abc import Iterator

from domain.phrase import Phrase, phrase_from_plain
from models.sql.codec import loads
from models.sql.database import fetch


async def desk_phrases(case_id: str | None = None) -> list[Phrase]:
    """The records of the desk of a case, or of all cases, oldest first."""
    of_case = "" if case_id is None else " AND case_id = $1"
    rows = await fetch(
        f"SELECT code, parameters FROM follow_up WHERE by_desk{of_case} ORDER BY at, id",
        *([] if case_id is None else [case_id]),
    )
    return [phrase_from_plain(row["code"], loads(row["parameters"])) for row in rows]


async def desk_codes(case_id: str | None = None) -> list[tuple[str, ...]]:
    """Of each record its code and the codes of its parts, oldest record first."""
    return [tuple(codes(each)) for each in await desk_phrases(case_id)]


def codes(said: Phrase) -> Iterator[str]:
    """The code of a phrase and those of its parts, in the order of the parameters' names."""
    yield said.code.value
    for _, value in sorted(said.parameters.items()):
        for each in value if isinstance(value, tuple) else (value,):
            if isinstance(each, Phrase):
                yield from codes(each)
