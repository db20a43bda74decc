"""The apprise channel: mail, Slack, Telegram and whatever else apprise has a URL for."""

import logging
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from barledger.channels.contract import Address, Channel, Message
from barledger.channels.secrets import HIDDEN
from barledger.errors import DeliveryFailed, DriverMissing

_TYPES: Final = {"info": "info", "warning": "warning", "critical": "failure"}
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
_ANSWER: Final = re.compile(r"\berror[=: ]+([1-5][0-9]{2})\b", re.IGNORECASE)
# What sends for it writes down paths, in which services have their tokens.
_LOGGERS: Final = ("apprise", "urllib3.connectionpool")


class AppriseChannel(Channel):
    """Sends through apprise; its URLs carry their secrets, so nothing of one but its scheme is ever shown."""

    def __init__(self, address: Address) -> None:
        """Let apprise read the URL; raises `InvalidSetting` and `DriverMissing`."""
        super().__init__(address)
        with _heard():
            self._plugin = self._made()
        if self._plugin is None:
            raise self._refuse(f"apprise cannot use its address {self.shown(address.target)}: {self._fault()}")

    def send(self, message: Message) -> None:
        """Let apprise send it; what kind of failure it tells of is the detail."""
        with _heard() as said:
            try:
                sent = self._plugin.notify(
                    title=message.title, body=message.text, notify_type=_TYPES[message.notice.severity]
                )
            except Exception as error:  # noqa: BLE001 - a plug-in may raise anything, and means that it failed
                raise DeliveryFailed(channel=self.address.name, detail=f"apprise raised {_name(error)}") from None
        if not sent:
            raise DeliveryFailed(channel=self.address.name, detail=self._cause(" ".join(said)))

    def _fault(self) -> str:
        """Say in words of our own why there is no plug-in: those of apprise quote parts of the address."""
        from apprise.manager_plugins import NotificationManager  # noqa: PLC0415 - apprise is there, since it refused

        scheme, sign, _ = self.address.target.partition("://")
        if not sign or not _SCHEME.fullmatch(scheme):
            return "it does not begin with a scheme, such as mailto://"
        if scheme.lower() not in NotificationManager():  # type: ignore[no-untyped-call]
            return "it knows no service of this scheme"
        return "a part that the service needs is missing, or is none (host, token, sender or recipient)"

    def _cause(self, said: str) -> str:
        """Say in words of our own what apprise says of a failure."""
        answer = _ANSWER.search(said)
        if answer and answer[0] not in self.address.target:
            return f"apprise could not send it: the service answered {answer[1]}"
        if "connection error" in said.lower():
            return "apprise could not send it: no connection, or the other side broke it off or refused"
        return "apprise could not send it"

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
        return f"{scheme}://{HIDDEN}" if sign and _SCHEME.fullmatch(scheme) else HIDDEN


class _Ear(logging.Filter):
    """Takes what is said in this thread while apprise works, and lets none of it into a log; others go on as ever."""

    def __init__(self) -> None:
        super().__init__()
        self.thread = threading.get_ident()
        self.said: list[str] = []

    def filter(self, record: logging.LogRecord) -> bool:
        if record.thread != self.thread:
            return True
        if record.levelno >= logging.WARNING:
            self.said.append(record.getMessage())
        return False


@contextmanager
def _heard() -> Iterator[list[str]]:
    ear, loggers = _Ear(), [logging.getLogger(name) for name in _LOGGERS]
    for logger in loggers:
        logger.addFilter(ear)
    try:
        yield ear.said
    finally:
        for logger in loggers:
            logger.removeFilter(ear)


def _name(error: Exception) -> str:
    return type(error).__name__
