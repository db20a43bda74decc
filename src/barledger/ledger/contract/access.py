"""Access keys of a server, and the answers to requests that may be sent twice."""

import builtins
from abc import ABC, abstractmethod
from dataclasses import dataclass, field

from barledger.domain.access import AccessKey
from barledger.domain.readable import Readable
from barledger.ledger.contract.revisions import Who


class AccessKeys(ABC):
    """Keys by id, of which a name is used once and for all. Only hashes of secrets are kept."""

    @abstractmethod
    def add(self, key: AccessKey, who: Who) -> AccessKey:
        """Keep a new key, with an audit entry that tells no hash; raises `AccessKeyTaken`."""

    @abstractmethod
    def rotate(self, key_id: str, new_hash: bytes, who: Who) -> AccessKey:
        """Give a key another secret; the one before is worth nothing from now on.

        Raises `AccessKeyNotFound` and `AccessKeyRevoked`.
        """

    @abstractmethod
    def revoke(self, key_id: str, who: Who) -> AccessKey:
        """Let a key be worth nothing from now on; revoking it again changes nothing. Raises `AccessKeyNotFound`."""

    @abstractmethod
    def get(self, key_id: str) -> AccessKey | None:
        """Return a key by its id, whatever its state."""

    @abstractmethod
    def look(self, key_id: str) -> tuple[AccessKey | None, int, int]:
        """Return a key as `get` does, the ledger's clock, and how many entries the audit log has.

        All in one look, since every request needs them: as long as the log has not grown, no answer differs.
        """

    @abstractmethod
    def list(self) -> builtins.list[AccessKey]:
        """Return all keys by name, revoked ones too."""

    @abstractmethod
    def used(self, key_id: str, at: int) -> None:
        """Note when a key was used (ns), unless a later time is known; the audit log does not tell."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Reply(Readable):
    """What a request was answered: an HTTP status, headers, and the body."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = field(default=b"", repr=False)


class Replies(ABC):
    """Answers to requests that carry an idempotency key, so that a repeated request does nothing twice.

    ``owner`` is whose key it is (an access key's id), ``name`` the idempotency key, ``request`` a digest of all that
    the request says.
    """

    @abstractmethod
    def claim(self, owner: str, name: str, request: bytes, *, seconds: float) -> Reply | None:
        """Claim the right to answer for so long: None means do it now, a reply that it was done.

        A claim whose time is over, as after a crash, can be claimed anew. Raises `IdempotencyReused` if the name was
        used for another request, and `IdempotencyPending` while somebody else has the claim.
        """

    @abstractmethod
    def keep(self, owner: str, name: str, request: bytes, reply: Reply) -> None:
        """Keep the answer; a claim that somebody else has taken over meanwhile stays theirs."""

    @abstractmethod
    def release(self, owner: str, name: str, request: bytes) -> None:
        """Give a claim back without an answer, so that the request can be tried again at once."""

    @abstractmethod
    def forget(self, before: int) -> int:
        """Forget answers from before a time (ns); returns how many."""
