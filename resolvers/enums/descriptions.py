"""What the description of an enum consists of."""

from collections.abc import Mapping
from enum import Enum
from typing import TypeAlias

Descriptions: TypeAlias = Mapping[type[Enum], tuple[str, Mapping[str, str]]]
"""The description of each enum, and of each of its values by name."""
