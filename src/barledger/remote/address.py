"""Addresses: the server that a caller names, and the key that is shown to it."""

import ipaddress
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from barledger.errors import InvalidSetting

_SCHEMES: Final = ("http://", "https://")
_PORTS: Final = {"http": 80, "https": 443}
# What may stand in a header; the text itself is never shown.
_KEY: Final = re.compile(r"[\x21-\x7e]{1,512}")


def is_server(target: str) -> bool:
    """Tell whether a place that a caller names is a server, and no folder or store."""
    return target.casefold().startswith(_SCHEMES)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerAddress:
    """Where a server is; it holds no secret and may be shown."""

    scheme: str
    host: str
    port: int
    path: str = ""

    @staticmethod
    def of(url: str) -> "ServerAddress":
        """Read an address; raises `InvalidSetting`, which shows nothing of it that may be a secret."""
        try:
            parts = urlsplit(url)
            port, host = parts.port, parts.hostname or ""
        except ValueError:
            raise InvalidSetting(setting="url", reason="it cannot be read as a URL") from None
        if parts.scheme not in _PORTS or not host or re.search(r"[\x00-\x20\x7f]", url):
            raise InvalidSetting(setting="url", reason="a server is http://host:8321 or https://host")
        if "@" in parts.netloc:
            raise InvalidSetting(setting="url", reason="a key does not belong into the URL; use key= or BARLEDGER_KEY")
        if parts.query or parts.fragment:
            raise InvalidSetting(setting="url", reason="a server's address has no query and no fragment")
        path = parts.path.rstrip("/")
        return ServerAddress(scheme=parts.scheme, host=host, port=port or _PORTS[parts.scheme], path=path)

    @property
    def is_loopback(self) -> bool:
        """Whether it is on this machine."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def origin(self) -> str:
        """Return it without its path."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}"

    def __str__(self) -> str:
        """Return it as people write it."""
        return self.origin + self.path


def checked_key(key: str) -> str:
    """Return a key that can be sent; raises `InvalidSetting`, which does not show it."""
    text = key.strip()
    if not _KEY.fullmatch(text):
        reason = "it has characters that no key has"
        raise InvalidSetting(setting="key", reason=reason)
    return text
