"""The registry: sources and stores by name, from entry points."""

from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from inspect import Signature, signature
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
    _check_options(name, signature(factory), options)
    made = factory(**options)
    if not isinstance(made, Source):
        raise InvalidSetting(setting=f"source {name}", reason=f"{entry.value} makes no Source")
    return made


def _check_options(name: str, taken: Signature, options: Mapping[str, Any]) -> None:
    known = {one.name: one for one in taken.parameters.values() if one.kind is not one.VAR_KEYWORD}
    wrong = [option for option in options if option not in known] if len(known) == len(taken.parameters) else []
    lacking = [one.name for one in known.values() if one.default is one.empty and one.name not in options]
    if wrong or lacking:
        reason = f"there is no option {wrong[0]!r}" if wrong else f"the option {lacking[0]!r} has to be given"
        raise InvalidSetting(setting=f"source {name}", reason=f"{reason}; it has {', '.join(known)}")
