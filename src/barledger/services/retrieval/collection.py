"""Collections: the bars of several series, by instrument and timeframe."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeVar

from barledger.domain.bars import Bars
from barledger.domain.series import normalise_instrument
from barledger.domain.timeframe import Timeframe
from barledger.errors import SeriesNotFound

Key = tuple[str, str]
Asked = str | tuple[str, str]
Item = TypeVar("Item")
_SHOWN: Final = 5


def key_of(asked: Asked, among: Mapping[Key, Item]) -> Key:
    """Return the key that is meant, in any spelling; an instrument alone is enough where it has one timeframe.

    Raises `SeriesNotFound`, also for an instrument alone that has several timeframes.
    """
    if isinstance(asked, tuple):
        key = normalise_instrument(asked[0]), Timeframe.of(asked[1]).name
        if key in among:
            return key
        raise SeriesNotFound(series=f"{key[0]} {key[1]}", hint=" here")
    name = normalise_instrument(asked)
    found = [key for key in among if key[0] == name]
    if len(found) == 1:
        return found[0]
    hint = f" at one timeframe here, but at {', '.join(frame for _, frame in found)}" if found else " here"
    raise SeriesNotFound(series=name, hint=hint)


class BarsBySeries(Mapping[Key, Bars]):
    """Bars by (instrument, timeframe), of one consistent state; ``some["AAPL"]`` does where that is one series."""

    def __init__(self, bars: Mapping[Key, Bars]) -> None:
        """Hold these."""
        self._bars = bars

    def __getitem__(self, key: Asked) -> Bars:
        """Return the bars of an instrument at a timeframe; raises `SeriesNotFound`."""
        return self._bars[key_of(key, self._bars)]

    def __contains__(self, key: object) -> bool:
        """Tell whether there are bars of it."""
        try:
            return isinstance(key, str | tuple) and self[key] is not None
        except (SeriesNotFound, ValueError):
            return False

    def get(self, key: Asked, default: Any = None) -> Any:
        """Return the bars of an instrument at a timeframe, or the default."""
        try:
            return self[key]
        except SeriesNotFound:
            return default

    def __iter__(self) -> Iterator[Key]:
        """Give the keys, in the order that was asked for."""
        return iter(self._bars)

    def __len__(self) -> int:
        """Return the number of series."""
        return len(self._bars)

    def __repr__(self) -> str:
        """Say what there is."""
        first = ", ".join(" ".join(key) for key in list(self)[:_SHOWN])
        return f"<{len(self)} series of bars: {first}{', …' if len(self) > _SHOWN else ''}>"
