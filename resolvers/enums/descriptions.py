"""The parts of an enum's description."""

from collections.abc import Mapping
from enum import Enum
from typing import TypeAlias

Descriptions: TypeAlias = Mapping[type[Enum], tuple[str, Mapping[str, str]]]
"""The description of each enum, and of each of its values by name."""
