"""Patterns: globs, as filters and rules take them."""

from typing import Final

_SIGNS: Final = frozenset("*?[")


def is_pattern(text: str) -> bool:
    """Whether it is a glob and not a name."""
    return bool(_SIGNS & set(text))
