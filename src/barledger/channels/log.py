"""The log channel: notices as records of Python's logging."""

import logging
from typing import Final

from barledger.channels.contract import Address, Channel, Message

_LEVELS: Final = {"info": logging.INFO, "warning": logging.WARNING, "critical": logging.CRITICAL}
_NAME: Final = "barledger.notices"


class LogChannel(Channel):
    """Logs to ``log:`` (``barledger.notices``) or ``log:a.name``; the message's JSON is in the record's ``notice``."""

    def __init__(self, address: Address) -> None:
        """Take the logger's name."""
        super().__init__(address)
        self.logger = logging.getLogger(address.target.partition(":")[2].strip("/") or _NAME)

    def send(self, message: Message) -> None:
        """Log it at the level of its severity."""
        extra = {"notice": message.data}
        self.logger.log(_LEVELS[message.notice.severity], "%s", message.title, extra=extra)

    @classmethod
    def shown(cls, target: str) -> str:
        """Return it whole."""
        return target
