"""Crypto exchanges, each by the id that ccxt knows it by."""

from barledger.sources.exchange.source import ExchangeSource

__all__ = ["ExchangeSource"]
