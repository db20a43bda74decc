"""Engines: what computes, and in which versions, for the provenance of its results."""

from functools import cache
from importlib import metadata
from typing import Any, Final

SPEC_FORMAT: Final = 1
"""The version of the language of specs, and of the spelling of keys."""
_PACKAGES: Final = ("barledger", "ta-lib", "numba", "numpy", "exchange_calendars")


@cache
def engines() -> dict[str, Any]:
    """Return the versions of all that computes: of packages, that of calendars among them, and TA-Lib's C library."""
    found: dict[str, Any] = {name: _version(name) for name in _PACKAGES}
    found["ta-lib (C)"] = _library()
    return {name: version for name, version in sorted(found.items()) if version} | {"spec format": SPEC_FORMAT}


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _library() -> str:
    try:
        import talib  # noqa: PLC0415 - an extra
    except ImportError:
        return ""
    told = talib.__ta_version__
    text = told.decode() if isinstance(told, bytes) else str(told)
    return text.partition(" ")[0]
