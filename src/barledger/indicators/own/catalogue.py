"""The catalogue of our own indicators."""

from collections.abc import Iterator

from barledger.indicators.definition import Indicator
from barledger.indicators.own import (
    alma,
    chandelier,
    choppiness,
    donchian,
    ichimoku,
    keltner,
    pairs,
    pivots,
    profiles,
    squeeze,
    volatility,
    vwap,
    zscore,
)


def indicators() -> Iterator[Indicator]:
    """Give each of our own indicators."""
    yield keltner.KELTNER
    yield ichimoku.ICHIMOKU
    yield donchian.DONCHIAN_PRIOR
    yield chandelier.CHANDELIER
    yield squeeze.SQUEEZE
    yield choppiness.CHOPPINESS
    yield alma.ALMA
    yield zscore.ZSCORE
    yield pairs.BETA
    yield pairs.CORRELATION
    yield from volatility.FAMILY
    yield pivots.PIVOTS
    yield pivots.ROLLING
    yield vwap.SESSION
    yield vwap.ANCHORED
    yield vwap.ROLLING
    yield profiles.POC
    yield profiles.VALUE_AREA
