"""The options of an exchange, which may all be text, as a command line gives them."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from barledger.sources.options import NO, OptionReader

MarketType = Literal["spot", "swap", "future", "option"]
VolumeUnit = Literal["base", "contracts", "missing"]

_BASE: Final = re.compile(r"[a-z][a-z0-9+.-]*://[^/\s]+(/.*)?", re.IGNORECASE)
_OPTIONS: Final = OptionReader("an exchange")
refused = _OPTIONS.refused
read_flag = _OPTIONS.flag
read_choice = _OPTIONS.choice


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the caller says about an exchange; times are in seconds.

    ``url`` is one address that stands for all of the exchange's (their paths are kept), or one for each section of
    its API. ``interval`` is the shortest time between requests, None for what ccxt knows.
    """

    market_type: MarketType | None = None
    symbols: Mapping[str, str] = field(default_factory=dict)
    url: str | Mapping[str, str] | None = None
    proxy: str | None = None
    timeout: float = 10.0
    interval: float | None = None
    page: int | None = None
    confirm: bool = True
    volume: VolumeUnit | None = None
    sandbox: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)


def read_seconds(option: str, given: float | str, *, least: float = 0.0) -> float:
    """Return a length of time."""
    try:
        seconds = float(given)
    except (TypeError, ValueError) as error:
        raise refused(option, f"{given!r} is not a number of seconds") from error
    if not least <= seconds < math.inf:
        raise refused(option, f"{given!r} is not a number of seconds from {least:g} up")
    return seconds


def read_interval(given: float | str | None) -> float | None:
    """Return the seconds between requests; ``no`` is none."""
    if given is None:
        return None
    return 0.0 if str(given).strip().lower() in NO else read_seconds("rate_limit", given)


def read_page(given: int | str | None) -> int | None:
    """Return the number of bars to ask for at once."""
    return None if given is None else _OPTIONS.count("page", given)


def read_pairs(option: str, given: Mapping[str, str] | str | None) -> dict[str, str]:
    """Return a mapping, from text such as ``ABCUSD=AB/CUSD,XYZUSD=XY/ZUSD``."""
    return _OPTIONS.pairs(option, given, form="name=value")


def read_url(given: Mapping[str, str] | str | None) -> str | dict[str, str] | None:
    """Return one address for all sections of the API, or one for each; text is ``https://…`` or ``public=https://…``."""
    if given is None:
        return None
    if isinstance(given, str) and _BASE.fullmatch(given.strip()):
        return given.strip().rstrip("/")
    sections = read_pairs("url", given)
    wrong = [url for url in sections.values() if not _BASE.fullmatch(url)]
    if wrong or not sections:
        raise refused("url", f"{wrong[0] if wrong else given!r} is not an address such as https://host")
    return {name: url.rstrip("/") for name, url in sections.items()}


def read_proxy(given: str | None) -> str | None:
    """Return the address of a proxy."""
    if given is not None and not _BASE.fullmatch(str(given)):
        raise refused("proxy", f"{given!r} is not an address such as http://host:3128 or socks5h://host:1080")
    return given


def read_extra(given: Mapping[str, Any] | str | None) -> dict[str, Any]:
    """Return ccxt's own options of the exchange, from JSON if they are text."""
    if given is None:
        return {}
    try:
        read = json.loads(given) if isinstance(given, str) else given
    except ValueError as error:
        raise refused("options", f"{given!r} is not JSON") from error
    if not isinstance(read, Mapping):
        raise refused("options", f"{given!r} is not an object of names and values")
    return dict(read)
