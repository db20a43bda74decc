"""The registry: sources by name, from entry points; an exchange of ccxt is a source by its id."""

from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from inspect import Signature, signature
from typing import Any, Final

from barledger.errors import InvalidSetting, SourceNotFound
from barledger.sources.contract import Source
from barledger.sources.exchange.names import exchange_ids

GROUP = "barledger.sources"
_EXCHANGE: Final = "exchange"


@cache
def _registered() -> Mapping[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def source_names() -> tuple[str, ...]:
    """Return the names of all registered sources; `exchange_names` are names of sources too."""
    return tuple(sorted(_registered()))


def exchange_names() -> tuple[str, ...]:
    """Return the exchanges that are sources by their id in ccxt, without importing it; none without ccxt."""
    return tuple(name for name in exchange_ids() if name not in _registered())


def make_source(name: str, options: Mapping[str, Any]) -> Source:
    """Make the source of this name with these options; raises `SourceNotFound`, `InvalidSetting`."""
    entry = _registered().get(name)
    if entry is None and name in exchange_names():
        if _EXCHANGE in options:
            raise InvalidSetting(setting=f"source {name}", reason="its name says which exchange it is")
        entry, options = _registered().get(_EXCHANGE), {_EXCHANGE: name, **options}
    if entry is None:
        raise SourceNotFound(source=name, known=source_names(), hint=_hint(name))
    factory = entry.load()
    _check_options(name, signature(factory), options)
    made = factory(**options)
    if not isinstance(made, Source):
        raise InvalidSetting(setting=f"source {name}", reason=f"{entry.value} makes no Source")
    return made


def _hint(name: str) -> str:
    """Say which names are near, and that exchanges are sources too."""
    exchanges = exchange_names()
    if not exchanges:
        return ", and with the extra exchange every exchange that ccxt knows, such as binance"
    near = get_close_matches(name.lower(), (*source_names(), *exchanges), n=3)
    told = f", and {len(exchanges)} exchanges such as {exchanges[0]} and {exchanges[-1]}"
    return f"{told}; did you mean {' or '.join(near)}?" if near else told


def _check_options(name: str, taken: Signature, options: Mapping[str, Any]) -> None:
    known = {one.name: one for one in taken.parameters.values() if one.kind is not one.VAR_KEYWORD}
    wrong = [option for option in options if option not in known] if len(known) == len(taken.parameters) else []
    lacking = [one.name for one in known.values() if one.default is one.empty and one.name not in options]
    if wrong or lacking:
        reason = f"there is no option {wrong[0]!r}" if wrong else f"the option {lacking[0]!r} has to be given"
        raise InvalidSetting(setting=f"source {name}", reason=f"{reason}; it has {', '.join(known)}")
