"""Indicators that a server computes."""

from barledger.remote.connection import Connection
from barledger.remote.unserved import Unserved


class RemoteIndicators(Unserved):
    """Lets a server compute; wishes and errors are those of `IndicatorService`."""

    def __init__(self, connection: Connection) -> None:
        """Ask there."""
        super().__init__(connection.url, "bl.indicators")
        self._connection = connection
