"""What a server does not offer, refused when it is asked for."""

from typing import Any, NoReturn

from barledger.errors import NotServed


def refuse(url: str, capability: str) -> NoReturn:
    """Raise `NotServed`."""
    raise NotServed(who=f"the server at {url}", capability=capability)


class Unserved:
    """A service of which a server offers nothing, or nothing more than a class below has."""

    def __init__(self, url: str, service: str) -> None:
        """Know whose it is, and how callers name it (``bl.ingestion``)."""
        self._url, self._service = url, service

    def __getattr__(self, name: str) -> Any:
        """Refuse whatever is asked; what Python itself looks for is not there."""
        if name.startswith("_"):
            raise AttributeError(name)
        refuse(self._url, f"{self._service}.{name}")

    def __repr__(self) -> str:
        """Say what it is."""
        return f"<{self._service} at {self._url}>"
