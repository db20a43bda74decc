"""TA-Lib's functions as indicators, under their names in lower case."""

from barledger.indicators.talib.catalogue import indicators

__all__ = ["indicators"]
