"""Outputs: the values of one indicator at one bar, by name."""

from collections.abc import Iterator
from functools import cache
from typing import Any, ClassVar

from barledger.indicators.definition import Output


class Outputs(tuple[float, ...]):
    """Values in order, and by name: ``values.signal``, ``values["signal"]``, ``dict(values)``."""

    __slots__ = ()

    names: ClassVar[tuple[str, ...]] = ()
    places: ClassVar[dict[str, int]] = {}

    def __getitem__(self, key: Any) -> Any:
        """Return a value by its name or place."""
        return tuple.__getitem__(self, self.places[key] if isinstance(key, str) else key)

    def __getattr__(self, name: str) -> float:
        """Return a value by its name."""
        place = type(self).places.get(name)
        if place is None:
            raise AttributeError(f"there is no output {name!r}; there are {', '.join(self.names)}")
        return tuple.__getitem__(self, place)

    def keys(self) -> tuple[str, ...]:
        """Return the names."""
        return self.names

    def items(self) -> Iterator[tuple[str, float]]:
        """Give names and values."""
        return zip(self.names, self, strict=True)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by names."""
        return _made, (self.names, tuple(self.places.items()), tuple(self))

    def __repr__(self) -> str:
        """Show names and values."""
        return f"({', '.join(f'{name}={value!r}' for name, value in self.items())})"


def outputs_type(outputs: tuple[Output, ...]) -> type[Outputs]:
    """Return the class of an indicator's values."""
    places = {alias: at for at, one in enumerate(outputs) for alias in one.aliases}
    places |= {one.name: at for at, one in enumerate(outputs)}
    return _type(tuple(one.name for one in outputs), tuple(places.items()))


@cache
def _type(names: tuple[str, ...], places: tuple[tuple[str, int], ...]) -> type[Outputs]:
    return type("Outputs", (Outputs,), {"__slots__": (), "names": names, "places": dict(places)})


def _made(names: tuple[str, ...], places: tuple[tuple[str, int], ...], values: tuple[float, ...]) -> Outputs:
    return _type(names, places)(values)
