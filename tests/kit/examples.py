"""How many examples a property is tried with, where the usual number is not right for it."""

from hypothesis import settings

USUAL = 100


def examples(usual: int) -> int:
    """So many in a usual run; in the run of another profile more or fewer in the same proportion."""
    assert settings.default is not None
    return usual * settings.default.max_examples // USUAL
