"""The registry: every indicator by its names; built in, from other distributions, or the caller's own."""

from collections.abc import Callable, Iterable, Iterator
from difflib import get_close_matches
from importlib.metadata import entry_points
from threading import Lock
from typing import Final

from barledger.errors import IndicatorNotFound, IndicatorTaken
from barledger.indicators.definition import Indicator

_GROUP: Final = "barledger.indicators"


class Registry:
    """Indicators by name and alias; what is built in is loaded when a name is first looked up."""

    def __init__(self, *families: Callable[[], Iterable[Indicator]]) -> None:
        """Know what these families give, each called once."""
        self._families = list(families)
        self._by_name: dict[str, Indicator] = {}
        self._names: dict[str, Indicator] = {}
        self._lock = Lock()
        self.generation = 0

    def add(self, indicator: Indicator, *, replace: bool = False) -> None:
        """Know an indicator under its name and aliases; raises `IndicatorTaken`."""
        self._load()
        with self._lock:
            for name in (indicator.name, *indicator.aliases):
                taken = self._names.get(name)
                if taken is not None and not (replace and taken.owner == indicator.owner):
                    raise IndicatorTaken(name=name, owner=taken.owner)
            self._put(indicator)
            self.generation += 1

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
            while self._families:
                for indicator in self._families[0]():
                    self._put(indicator)
                self._families.pop(0)

    def _put(self, indicator: Indicator) -> None:
        self._by_name[indicator.name] = indicator
        self._names[indicator.name] = indicator
        for alias in indicator.aliases:
            self._names.setdefault(alias, indicator)


def _installed() -> Iterator[Indicator]:
    """Give the indicators of other distributions: an entry point is an `Indicator`, or gives several when called."""
    for point in entry_points(group=_GROUP):
        found = point.load()
        yield from (found,) if isinstance(found, Indicator) else found()


def _talib() -> Iterable[Indicator]:
    from barledger.indicators.talib import indicators  # noqa: PLC0415 - an extra

    return indicators()


def _own() -> Iterable[Indicator]:
    from barledger.indicators.own import indicators  # noqa: PLC0415 - an extra

    return indicators()


REGISTRY: Final = Registry(_talib, _own, _installed)
"""Every indicator of this process."""
