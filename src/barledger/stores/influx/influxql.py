"""Statements in InfluxQL; every one that reads or deletes rows bounds the time."""

from collections.abc import Sequence
from typing import Final

from barledger.domain.interval import Interval
from barledger.domain.series import Series
from barledger.influxdb.names import identifier, literal
from barledger.stores.influx.layout import COPIES, MEASUREMENT

_ALL_COPIES: Final = f"version =~ /^{COPIES}/"


def layer_of(series: Series, layer: str) -> str:
    """Return the condition that chooses one layer's points."""
    return f"{series_of(series)} AND version = {literal(layer)}"


def copies_of(series: Series, *, after: int = 0) -> str:
    """Return the condition that chooses the points of all edition layers, superseded after a revision."""
    later = f" AND superseded_at > {after}" if after else ""
    return f"{series_of(series)} AND {_ALL_COPIES}{later}"


def series_of(series: Series) -> str:
    """Return the condition that chooses a series' points, of all layers."""
    return " AND ".join(
        (
            f"instrument = {literal(series.instrument)}",
            f"timeframe = {literal(series.timeframe.name)}",
            f"source = {literal(series.source)}",
            f"is_adjusted = '{'true' if series.is_adjusted else 'false'}'",
        )
    )


def select(fields: Sequence[str], where: str, interval: Interval, *, limit: int = 0) -> str:
    """Return a query for these fields of the rows in an interval."""
    wanted = ", ".join(identifier(field) for field in fields)
    ending = f" LIMIT {limit}" if limit else ""
    return f"SELECT {wanted} FROM {identifier(MEASUREMENT)} WHERE {where} AND {within(interval)}{ending}"  # noqa: S608 - every name is quoted


def delete(where: str, interval: Interval) -> str:
    """Return a statement that deletes the rows in an interval."""
    return f"DELETE FROM {identifier(MEASUREMENT)} WHERE {where} AND {within(interval)}"  # noqa: S608 - every name is quoted


def within(interval: Interval) -> str:
    """Return the condition that bounds the time."""
    return f"time >= {interval.start} AND time < {interval.end}"
