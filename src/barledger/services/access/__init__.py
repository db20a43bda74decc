"""Who may ask what of a server, and what is asked twice."""

from barledger.services.access.keys import KeyService, NewKey

__all__ = ["KeyService", "NewKey"]
