"""Indicators of our own: what TA-Lib lacks, or does otherwise than its users expect."""

from barledger.indicators.own.catalogue import indicators

__all__ = ["indicators"]
