"""The catalogue of our own indicators."""

from collections.abc import Iterator

from barledger.indicators.definition import Indicator
from barledger.indicators.own import zscore


def indicators() -> Iterator[Indicator]:
    """Give each of our own indicators."""
    yield zscore.ZSCORE
