"""Global object identification (Relay): an id contains its type and is opaque to clients."""

from base64 import urlsafe_b64decode
from binascii import b2a_base64
from collections.abc import Sequence

import strawberry

_URL_SAFE = bytes.maketrans(b"+/", b"-_")
"""`base64.urlsafe_b64encode`, with the padding removed in the same step: a page has a hundred ids."""


@strawberry.interface(description="An object that can be fetched with `node` by its id alone.")
class Node:
    """Relay's Node."""

    id: strawberry.ID = strawberry.field(
        description='The global id of the object, such as "Q2FzZTo0Mg". '
        "It never changes. Its form is not part of the contract: do not parse it."
    )


def global_id(type_name: str, local_id: str) -> strawberry.ID:
    """The global id that clients see."""
    return strawberry.ID(_encoded(f"{type_name}:{local_id}".encode()))


def global_ids(type_name: str, local_ids: Sequence[str]) -> list[str]:
    """`global_id` of each of them."""
    beginning = f"{type_name}:"
    return [_encoded((beginning + local_id).encode()) for local_id in local_ids]


def beginning_of_id(type_name: str, local_id: str) -> str | None:
    """What the global ids of all local ids that begin with this text begin with; what follows is
    `end_of_id`. None if its length allows no such beginning: base64 encodes three bytes at a time.
    """
    text = f"{type_name}:{local_id}".encode()
    return None if len(text) % 3 else _encoded(text)


def end_of_id(text: str) -> str:
    """The rest of a global id behind `beginning_of_id`."""
    return _encoded(text.encode())


def _encoded(text: bytes) -> str:
    return b2a_base64(text, newline=False).translate(_URL_SAFE, b"=").decode()


def local_id(type_name: str, value: str) -> str | None:
    """The local id behind a global id of this type; None for anything else."""
    named = type_and_id(value)
    return named[1] if named and named[0] == type_name else None


def filter_id(type_name: str, value: str) -> str:
    """The local id behind a global id in a filter; an id of another type becomes one that matches nothing."""
    return local_id(type_name, value) or "-"


def type_and_id(value: str) -> tuple[str, str] | None:
    """The type and local id in a global id; None if the desk did not issue it in exactly this form."""
    try:
        text = urlsafe_b64decode(value + "=" * (-len(value) % 4)).decode()
    except (ValueError, UnicodeDecodeError):
        return None
    type_name, separator, identifier = text.partition(":")
    is_ours = separator and identifier.isprintable() and global_id(type_name, identifier) == value
    return (type_name, identifier) if is_ours else None
