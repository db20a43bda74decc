"""IndicatorService: indicators on the bars of a library, right from the first row."""

from barledger.services.indicators.service import IndicatorService

__all__ = ["IndicatorService"]
