"""The registry: sources and stores by name, from entry points."""

from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from barledger.errors import InvalidSetting, SourceNotFound
from barledger.sources.contract import Source

GROUP = "barledger.sources"


@cache
def _registered() -> Mapping[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def source_names() -> tuple[str, ...]:
    """Return the names of all registered sources."""
    return tuple(sorted(_registered()))


def make_source(name: str, options: Mapping[str, Any]) -> Source:
    """Make the source of this name with these options; raises `SourceNotFound`, `InvalidSetting`."""
    entry = _registered().get(name)
    if entry is None:
        raise SourceNotFound(source=name, known=source_names())
    factory = entry.load()
    try:
        made = factory(**options)
    except TypeError as error:
        raise InvalidSetting(setting=f"options of source {name}", reason=str(error)) from error
    if not isinstance(made, Source):
        raise InvalidSetting(setting=f"source {name}", reason=f"{entry.value} makes no Source")
    return made
