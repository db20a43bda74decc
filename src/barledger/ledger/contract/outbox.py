"""Records on their way into the store."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """A record on its way into the store."""

    id: int
    snapshot_id: str
    measurement: str
    tags: Mapping[str, str]
    fields: Mapping[str, str | int | float | bool]
    time: int
    tries: int = 0


class Outbox(ABC):
    """Records that the store still has to mirror."""

    @abstractmethod
    def waiting(self) -> list[Parcel]:
        """Return the undelivered parcels, oldest first."""

    @abstractmethod
    def delivered(self, parcels: Sequence[Parcel]) -> None:
        """Note that the store acknowledged them."""

    @abstractmethod
    def failed(self, parcels: Sequence[Parcel], error: str) -> None:
        """Note that the store did not."""
