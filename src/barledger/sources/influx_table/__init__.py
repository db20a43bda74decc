"""The influx_table source: bars in any measurement of any InfluxDB."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from barledger.sources.influx_table.source import InfluxTableSource

__all__ = ["InfluxTableSource"]


def __getattr__(name: str) -> Any:
    """Load the source when it is first asked for, since it brings an HTTP client with it."""
    if name != "InfluxTableSource":
        raise AttributeError(name)
    from barledger.sources.influx_table.source import InfluxTableSource  # noqa: PLC0415 - the point of this function

    return InfluxTableSource
