"""The embedded store: column segments and a log in a folder. The default."""

from barledger.stores.embedded.store import EmbeddedStore

__all__ = ["EmbeddedStore"]
