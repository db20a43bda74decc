"""The apprise channel: mail, Slack, Telegram and whatever else apprise has a URL for."""

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from barledger.channels.contract import Address, Channel, Message
from barledger.channels.secrets import HIDDEN, without
from barledger.errors import DeliveryFailed, DriverMissing

_TYPES: Final = {"info": "info", "warning": "warning", "critical": "failure"}


class AppriseChannel(Channel):
    """Sends through apprise; its URLs carry their secrets, so nothing of one but its scheme is ever shown."""

    def __init__(self, address: Address) -> None:
        """Let apprise read the URL; raises `InvalidSetting` and `DriverMissing`."""
        super().__init__(address)
        with _heard() as said:
            self._plugin = self._made()
        if self._plugin is None:
            told = without("; ".join(said), (address.target,))
            raise self._refuse(f"apprise cannot use its address {self.shown(address.target)}: {told or 'unknown'}")

    def send(self, message: Message) -> None:
        """Let apprise send it; what it says of a failure is the detail."""
        with _heard() as said:
            try:
                sent = self._plugin.notify(
                    title=message.title, body=message.text, notify_type=_TYPES[message.notice.severity]
                )
            except Exception as error:  # noqa: BLE001 - a plug-in may raise anything, and means that it failed
                said.append(f"{type(error).__name__}: {error}")
                sent = False
        if not sent:
            # The last words are the cause; before them the plug-in says that it failed.
            detail = without("; ".join(said[-2:]) or "apprise could not send it", (self.address.target,))
            raise DeliveryFailed(channel=self.address.name, detail=detail)

    def _made(self) -> Any:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                import apprise  # noqa: PLC0415 - optional, and it takes a second
        except ImportError:
            raise DriverMissing(package="apprise", extra="notify") from None
        with warnings.catch_warnings():
            # It loads all of its plug-ins, some of which use what Python is about to drop.
            warnings.simplefilter("ignore")
            plugin = apprise.Apprise.instantiate(self.address.target, suppress_exceptions=True)
        if plugin is not None:
            # Per step of a dialogue: connecting, and each answer.
            plugin.socket_connect_timeout = plugin.socket_read_timeout = self.address.timeout
        return plugin

    @classmethod
    def shown(cls, target: str) -> str:
        """Return the scheme."""
        scheme, sign, _ = target.partition("://")
        return f"{scheme}://{HIDDEN}" if sign else HIDDEN


class _Ear(logging.Handler):
    """Collects what apprise says in this thread; others may be sending too."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.thread = threading.get_ident()
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self.thread:
            self.said.append(record.getMessage())


@contextmanager
def _heard() -> Iterator[list[str]]:
    ear, logger = _Ear(), logging.getLogger("apprise")
    logger.addHandler(ear)
    try:
        yield ear.said
    finally:
        logger.removeHandler(ear)
