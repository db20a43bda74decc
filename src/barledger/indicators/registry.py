"""The registry: every indicator by its names; built in, from other distributions, or the caller's own."""

import warnings
from collections.abc import Callable, Iterable, Iterator
from difflib import get_close_matches
from importlib.metadata import entry_points
from threading import RLock
from typing import Final

from barledger.errors import IndicatorNotFound, IndicatorTaken, PluginFailed
from barledger.indicators.definition import BUILT_IN, Indicator

_GROUP: Final = "barledger.indicators"


class Registry:
    """Indicators by name and alias; what is built in is loaded when a name is first looked up."""

    def __init__(self, *families: Callable[[], Iterable[Indicator]]) -> None:
        """Know what these families give, each called once."""
        self._families = list(families)
        self._by_name: dict[str, Indicator] = {}
        self._names: dict[str, Indicator] = {}
        self._lock = RLock()
        self._loading = False
        self.generation = 0

    def add(self, indicator: Indicator, *, replace: bool = False) -> None:
        """Know an indicator under its name and aliases; raises `IndicatorTaken`.

        One of the same owner takes the place of an earlier one, as when a cell of a notebook is run again; with
        ``replace`` also one of another owner, but never what is built in.
        """
        self._load()
        with self._lock:
            self.check_free(indicator, replace=replace)
            replaced = {self._names[name] for name in (indicator.name, *indicator.aliases) if name in self._names}
            # Whoever looks meanwhile sees the one or the other.
            self._names = {name: one for name, one in self._names.items() if one not in replaced}
            self._by_name = {name: one for name, one in self._by_name.items() if one not in replaced}
            self._put(indicator)
            self.generation += 1

    def check_free(self, indicator: Indicator, *, replace: bool = False) -> None:
        """Raise `IndicatorTaken` if a name or an alias is somebody else's that may not be replaced."""
        for name in (indicator.name, *indicator.aliases):
            taken = self._names.get(name)
            if taken is not None and not _may_replace(taken, indicator, replace):
                raise IndicatorTaken(name=name, owner=taken.owner)

    def find(self, name: str) -> Indicator:
        """Return the indicator of a name or alias; raises `IndicatorNotFound` with the nearest ones."""
        found = self._names.get(name)
        if found is None:
            self._load()
            found = self._names.get(name.lower())
        if found is None:
            raise IndicatorNotFound(name=name, nearest=tuple(get_close_matches(name.lower(), self._names, n=3)))
        return found

    def knows(self, name: str) -> bool:
        """Return whether there is an indicator of that name or alias."""
        self._load()
        return name in self._names

    def __iter__(self) -> Iterator[Indicator]:
        """Give every indicator once, by name."""
        self._load()
        return iter(sorted(self._by_name.values(), key=lambda one: one.name))

    def _load(self) -> None:
        if not self._families:
            return
        with self._lock:
            # What is being loaded may define indicators of its own, and so come here again.
            if self._loading:
                return
            self._loading = True
            try:
                while self._families:
                    for indicator in self._families[0]():
                        self._put(indicator)
                    self._families.pop(0)
            finally:
                self._loading = False

    def _put(self, indicator: Indicator) -> None:
        self._by_name[indicator.name] = indicator
        self._names[indicator.name] = indicator
        for alias in indicator.aliases:
            self._names.setdefault(alias, indicator)


def _may_replace(taken: Indicator, indicator: Indicator, replace: bool) -> bool:  # noqa: FBT001 - as it is asked
    return taken.owner != BUILT_IN and (replace or taken.owner == indicator.owner)


def _installed() -> Iterator[Indicator]:
    """Give the indicators of other distributions.

    An entry point is an `Indicator`, a function that ``barledger.indicator`` has decorated, or gives several when it is
    called. What cannot be used of them is said by the warning `PluginFailed`, and stops no other.
    """
    for point in sorted(entry_points(group=_GROUP), key=lambda one: one.name):
        try:
            found = point.load()
            found = getattr(found, "indicator", found)
            listed = [found] if isinstance(found, Indicator) else [*found()]
            for one in listed:
                REGISTRY.check_free(one)
        except Exception as error:  # noqa: BLE001 - other people's code may raise whatever it likes
            whose = "another distribution" if point.dist is None else point.dist.name
            told = f"{point.name} of {whose} offers no indicator: {type(error).__name__}: {error}".splitlines()[0]
            warnings.warn(told, PluginFailed, stacklevel=2)
            continue
        yield from listed


def _talib() -> Iterable[Indicator]:
    from barledger.indicators.talib import indicators  # noqa: PLC0415 - an extra

    return indicators()


def _own() -> Iterable[Indicator]:
    from barledger.indicators.own import indicators  # noqa: PLC0415 - an extra

    return indicators()


REGISTRY: Final = Registry(_talib, _own, _installed)
"""Every indicator of this process."""
