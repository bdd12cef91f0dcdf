"""Takes the example of docs/messages.md for what a receiver has to do, and runs it."""

import re
from datetime import datetime
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "docs/messages.md"


def _example() -> dict[str, Any]:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(code, PAGE.name, "exec"), names)
    return names


_NAMES = _example()
ForgedDelivery: type[Exception] = _NAMES["ForgedDelivery"]


def verified(secret: str, headers: dict[str, str], body: bytes, now: datetime) -> Any:
    """The event of a genuine delivery; raises ForgedDelivery."""
    return _NAMES["verified"](secret, headers, body, now.timestamp())
