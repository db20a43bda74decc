"""Callers: who asks, by the key that was shown, and the library as it acts in that key's name.

A route says what it needs by the type of a parameter: `Reader`, `Ingester`, `Snapshotter`, `Decider` or `Admin`.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from threading import Lock
from typing import Annotated, Final

from anyio import to_thread
from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from barledger.api.remembering import recognised_in
from barledger.api.repeated import refuse_repeated
from barledger.barledger import BarLedger
from barledger.domain.access import AccessKey, Scope
from barledger.errors import InstrumentDenied, KeyRefused, ScopeMissing
from barledger.errors.serving import EVERY

_MOST: Final = 256
_bearer: Final = HTTPBearer(auto_error=False, scheme_name="key", description="An access key, bl_<id>_<secret>.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A key, and the library; what is done through ``bl`` is signed by the key in the audit log."""

    key: AccessKey
    bl: BarLedger

    def check(self, *instruments: str) -> None:
        """Raise `InstrumentDenied` unless the key is for all of these instruments, in whatever spelling."""
        for instrument in instruments:
            if not self.key.covers(instrument):
                raise InstrumentDenied(key=self.key.name, instrument=instrument, patterns=self.key.instruments)

    def check_all(self) -> None:
        """Raise `InstrumentDenied` unless the key is for every instrument: the answer is about the whole library."""
        if self.key.instruments:
            raise InstrumentDenied(key=self.key.name, instrument=EVERY, patterns=self.key.instruments)


class Sessions:
    """The library as each key acts on it; threads share them."""

    def __init__(self, bl: BarLedger) -> None:
        """Lend this library's store and ledger to all of them."""
        self.bl = bl
        self._lock = Lock()
        self._kept: OrderedDict[str, BarLedger] = OrderedDict()

    def of(self, key: AccessKey) -> BarLedger:
        """Return the session of a key."""
        with self._lock:
            if key.actor not in self._kept:
                self._kept[key.actor] = self.bl.acting_as(key.actor)
            self._kept.move_to_end(key.actor)
            if len(self._kept) > _MOST:
                # Whoever still works with it goes on: the halves are lent, and nothing of them is closed.
                self._kept.popitem(last=False)
            return self._kept[key.actor]


def permitted(scope: Scope | None) -> Callable[..., Awaitable[Caller]]:
    """Return a dependency that gives the caller; it raises `KeyRefused` and, for a scope, `ScopeMissing`."""

    async def caller(
        request: Request, shown: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
    ) -> Caller:
        looked = recognised_in(request.scope)
        bl = request.app.state.sessions.bl
        # Whoever is refused is looked up once more, to be told why.
        key = await to_thread.run_sync(authenticated, bl, shown) if looked is None else looked.key
        found = admitted(request, key, scope)
        await refuse_repeated(request)
        return found

    return caller


def admitted(request: Request, key: AccessKey, scope: Scope | None) -> Caller:
    """Return the caller who has shown a key, and count the request; raises `HttpProblem` (429) and `ScopeMissing`."""
    request.app.state.rates.take(key)
    request.scope["barledger.key"] = key
    if scope is not None and not key.permits(scope):
        raise ScopeMissing(key=key.name, scope=scope, scopes=key.scopes)
    return Caller(key=key, bl=request.app.state.sessions.of(key))


def authenticated(bl: BarLedger, shown: HTTPAuthorizationCredentials | None) -> AccessKey:
    """Return the key that was shown; raises `KeyRefused`."""
    if shown is None:
        raise KeyRefused(reason="no key was shown")
    return bl.keys.authenticate(shown.credentials)


Anyone = Annotated[Caller, Depends(permitted(None))]
Reader = Annotated[Caller, Security(permitted("read"), scopes=["read"])]
Ingester = Annotated[Caller, Security(permitted("ingest"), scopes=["ingest"])]
Snapshotter = Annotated[Caller, Security(permitted("snapshot"), scopes=["snapshot"])]
Decider = Annotated[Caller, Security(permitted("decide"), scopes=["decide"])]
Admin = Annotated[Caller, Security(permitted("admin"), scopes=["admin"])]
