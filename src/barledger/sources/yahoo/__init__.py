"""The yahoo source: bars and corporate actions of Yahoo Finance, through yfinance."""

from barledger.sources.yahoo.source import YahooSource

__all__ = ["YahooSource"]
