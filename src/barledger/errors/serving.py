"""What a server refuses: keys, rights, cursors, and requests that are sent twice."""

from dataclasses import dataclass
from typing import Any, Final

from barledger.errors.input import InvalidInput
from barledger.errors.lookup import NotFound
from barledger.errors.refusals import NameTaken, Refused
from barledger.errors.root import BarledgerError

EVERY: Final = "*"
"""What stands for an instrument where the whole library is meant."""


@dataclass(kw_only=True, eq=False)
class AccessDenied(BarledgerError, PermissionError):
    """The key that was shown does not let anybody in, or not here."""

    code = "access-denied"


@dataclass(kw_only=True, eq=False)
class KeyRefused(AccessDenied):
    """No key was shown, or one that is wrong, expired or revoked."""

    reason: str
    code = "key-refused"
    message = "no access: {reason}"
    next_step = "Send the header Authorization: Bearer bl_...; `barledger keys create NAME --scope read` makes a key."


@dataclass(kw_only=True, eq=False)
class ScopeMissing(AccessDenied):
    """The key is right and may not do this."""

    key: str
    scope: str
    scopes: tuple[str, ...]
    code = "scope-missing"
    message = "key {key} may do this only with the scope {scope}; it has {scopes}"
    next_step = "Use a key with that scope: `barledger keys create NAME --scope {scope}`."


@dataclass(kw_only=True, eq=False)
class InstrumentDenied(AccessDenied):
    """The key is for other instruments."""

    key: str
    instrument: str
    patterns: tuple[str, ...]
    code = "instrument-denied"
    message = "key {key} is for {patterns}, and not for {wanted}"
    next_step = "Use a key for {wanted}: one without patterns is for everything."

    def _told(self) -> dict[str, Any]:
        wanted = "the whole library" if self.instrument == EVERY else self.instrument
        return super()._told() | {"wanted": wanted}


@dataclass(kw_only=True, eq=False)
class AccessKeyNotFound(NotFound):
    """No access key has this name or id."""

    key: str
    code = "access-key-not-found"
    message = "no access key is called {key!r}"
    next_step = "`barledger keys list` lists those that there are."


@dataclass(kw_only=True, eq=False)
class AccessKeyTaken(NameTaken):
    """An access key has this name already, be it revoked."""

    code = "access-key-taken"
    message = "there is an access key {name!r} already, or there was"
    next_step = "Choose another name, since the audit log tells keys by their names; or rotate that key."


@dataclass(kw_only=True, eq=False)
class AccessKeyRevoked(Refused):
    """A revoked key stays revoked."""

    key: str
    code = "access-key-revoked"
    message = "access key {key!r} is revoked"
    next_step = "Create another one, under another name."


@dataclass(kw_only=True, eq=False)
class InvalidCursor(InvalidInput):
    """A cursor was changed, or belongs to another question."""

    reason: str
    code = "invalid-cursor"
    message = "the cursor cannot be used: {reason}"
    next_step = "Take the address of the next page as the answer gives it, or begin without a cursor."


@dataclass(kw_only=True, eq=False)
class IdempotencyReused(InvalidInput):
    """The same idempotency key was sent with another request."""

    key: str
    code = "idempotency-reused"
    message = "the Idempotency-Key {key!r} was sent before, with another request"
    next_step = "Send a new key with a new request; the same one only to repeat the same request."


@dataclass(kw_only=True, eq=False)
class IdempotencyPending(Refused):
    """The first request with this idempotency key is still being answered."""

    key: str
    code = "idempotency-pending"
    message = "the first request with Idempotency-Key {key!r} is still being answered"
    next_step = "Send it again a little later, and have that request's answer."
