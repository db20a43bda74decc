"""The registry: channels by their kind, which is told from the address where nobody names it."""

from typing import Final, Literal, get_args

from barledger.channels.callback import Callback, CallbackChannel
from barledger.channels.contract import Address, Channel, Channels
from barledger.channels.secrets import is_reference
from barledger.errors import InvalidSetting

ChannelKind = Literal["apprise", "webhook", "file", "log", "callback"]
KINDS: Final[tuple[str, ...]] = get_args(ChannelKind)

_SCHEMES: Final = {"http": "webhook", "https": "webhook", "file": "file", "log": "log"}


class ChannelRegistry(Channels):
    """All kinds; an adapter is imported when it is used."""

    def kind_of(self, target: str) -> str:
        """Return which kind an address is for: what no other kind knows is apprise's."""
        return _SCHEMES.get(target.partition(":")[0].lower(), "apprise")

    def shown(self, kind: str, target: str) -> str:
        """Return a target without its secrets; a reference to the environment is none."""
        return target if is_reference(target) else _class_of(kind).shown(target)

    def make(self, kind: str, address: Address, callback: Callback | None = None) -> Channel:
        """Make a channel."""
        if kind != "callback":
            return _class_of(kind)(address)
        if callback is None:
            reason = "its function belongs to another process, or to an earlier session"
            raise InvalidSetting(setting=f"channel {address.name}", reason=reason)
        return CallbackChannel(address, callback)


def _class_of(kind: str) -> type[Channel]:
    """Return the class of a kind; raises `InvalidSetting`."""
    match kind:
        case "webhook":
            from barledger.channels.webhook import WebhookChannel  # noqa: PLC0415 - only those that are used

            return WebhookChannel
        case "apprise":
            from barledger.channels.by_apprise import AppriseChannel  # noqa: PLC0415 - as above

            return AppriseChannel
        case "file":
            from barledger.channels.file import FileChannel  # noqa: PLC0415 - as above

            return FileChannel
        case "log":
            from barledger.channels.log import LogChannel  # noqa: PLC0415 - as above

            return LogChannel
        case "callback":
            return CallbackChannel
    raise InvalidSetting(setting="kind", reason=f"{kind!r} is none of {', '.join(KINDS)}")
