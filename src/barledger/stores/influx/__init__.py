"""The InfluxDB store, for 1.x and 2.x servers."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from barledger.stores.influx.store import InfluxStore

__all__ = ["InfluxStore"]


def __getattr__(name: str) -> Any:
    """Load the store when it is first asked for, since it brings an HTTP client with it."""
    if name != "InfluxStore":
        raise AttributeError(name)
    from barledger.stores.influx.store import InfluxStore  # noqa: PLC0415 - the point of this function

    return InfluxStore
