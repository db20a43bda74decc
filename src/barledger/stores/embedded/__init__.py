"""The default store, in a folder: immutable column segments, and an SQLite catalog with a log of small writes."""

from barledger.stores.embedded.store import EmbeddedStore
from barledger.stores.embedded.transaction import Limits

__all__ = ["EmbeddedStore", "Limits"]
