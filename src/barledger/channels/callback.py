"""The callback channel: notices for a function of the process that delivers them."""

from collections.abc import Callable

from barledger.channels.contract import Address, Channel, Message
from barledger.errors import BarledgerError, DeliveryFailed

Callback = Callable[[Message], None]


class CallbackChannel(Channel):
    """Calls a function with each message; whatever it raises means that it did not take it."""

    def __init__(self, address: Address, callback: Callback) -> None:
        """Take the function."""
        super().__init__(address)
        self._callback = callback

    def send(self, message: Message) -> None:
        """Call it."""
        try:
            self._callback(message)
        except BarledgerError:
            raise
        except Exception as error:
            detail = f"{type(error).__name__}: {error}"
            raise DeliveryFailed(channel=self.address.name, detail=detail) from error

    @classmethod
    def shown(cls, target: str) -> str:
        """Return it whole."""
        return target
