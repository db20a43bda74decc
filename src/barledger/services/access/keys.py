"""KeyService: access keys are made, turned, revoked and recognised."""

import builtins
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from barledger.domain.access import (
    AccessKey,
    Presented,
    State,
    check_patterns,
    check_scopes,
    hashed,
    new_id,
    new_secret,
    spelled,
)
from barledger.domain.duration import parse_duration
from barledger.domain.interval import END_OF_TIME, Instant, parse_time
from barledger.domain.readable import Readable
from barledger.domain.series import check_name
from barledger.domain.timeframe import MINUTE
from barledger.errors import AccessKeyNotFound, BarledgerError, InvalidSetting, KeyRefused
from barledger.services.cache.vault import Vault

_DURATION: Final = re.compile(r"\s*[0-9]+[smhdw]\s*")
# What nobody's hash is: so that an unknown id takes as long as a wrong secret.
_NOBODY: Final = AccessKey(id="", name="", scopes=(), hash=bytes(32))
_WRONG: Final = "the key is wrong"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class NewKey(Readable):
    """A key, and once only the text that its owner presents."""

    key: AccessKey
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Recognised(Readable):
    """A key that was shown, and how many entries the audit log had then: while that is so, no answer differs."""

    key: AccessKey
    mark: int


class KeyService:
    """Keys of the people and programs that use this library over a network. Threads may share it."""

    def __init__(self, vault: Vault) -> None:
        """Work on this ledger."""
        self._vault = vault

    def create(
        self,
        name: str,
        *,
        scopes: str | Sequence[str],
        instruments: str | Sequence[str] = (),
        expires: Instant | None = None,
        reason: str = "",
    ) -> NewKey:
        """Make a key; its text is shown here, and never again.

        ``scopes`` are those of `domain.access.Scope`, ``instruments`` globs of what it is for (without any, all), and
        ``expires`` is a time, or a duration from now such as ``90d``. Raises `AccessKeyTaken`, `InvalidName`,
        `InvalidSetting`, `InvalidInterval`, `ReadOnly`.
        """
        self._vault.check_writable()
        secret = new_secret()
        key = AccessKey(
            id=new_id(),
            name=check_name("key", name),
            scopes=check_scopes(scopes),
            instruments=check_patterns(instruments),
            hash=hashed(secret),
            expires_at=0 if expires is None else self._expiry(expires),
        )
        made = self._vault.ledger.access_keys.add(key, self._vault.who("create-key", reason=reason))
        return NewKey(key=made, text=spelled(made.id, secret))

    def list(self) -> builtins.list[AccessKey]:
        """Return all keys by name, expired and revoked ones too."""
        return self._vault.ledger.access_keys.list()

    def get(self, name: str) -> AccessKey:
        """Return a key by its name, or by its id where no key has that name; raises `AccessKeyNotFound`."""
        listed = self.list()
        found = [one for one in listed if one.name == name] or [one for one in listed if one.id == name]
        if not found:
            raise AccessKeyNotFound(key=name)
        return found[0]

    def state(self, key: AccessKey) -> State:
        """Return whether a key is active, expired or revoked now."""
        return key.state(self._vault.ledger.now())

    def rotate(self, name: str, *, reason: str = "") -> NewKey:
        """Give a key another secret; the old one is refused from now on.

        Raises `AccessKeyNotFound`, `AccessKeyRevoked`, `ReadOnly`.
        """
        self._vault.check_writable()
        found, secret = self.get(name), new_secret()
        who = self._vault.who("rotate-key", reason=reason)
        changed = self._vault.ledger.access_keys.rotate(found.id, hashed(secret), who)
        return NewKey(key=changed, text=spelled(changed.id, secret))

    def revoke(self, name: str, *, reason: str = "") -> AccessKey:
        """Refuse a key from now on, for good; raises `AccessKeyNotFound`, `ReadOnly`."""
        self._vault.check_writable()
        return self._vault.ledger.access_keys.revoke(self.get(name).id, self._vault.who("revoke-key", reason=reason))

    def authenticate(self, text: str) -> AccessKey:
        """Return the key that a text is, and note that it was used; raises `KeyRefused`.

        Only who has the whole key is told that it is expired or revoked.
        """
        return self.recognise(text).key

    def recognise(self, text: str) -> Recognised:
        """Return the key that a text is as `authenticate` does, and how much the ledger has noted by now."""
        shown = Presented.of(text)
        if shown is None:
            raise KeyRefused(reason="this is not a key of barledger")
        found, now, noted = self._vault.ledger.access_keys.look(shown.id)
        right = shown.fits(found or _NOBODY)
        if found is None or not right:
            raise KeyRefused(reason=_WRONG)
        if found.state(now) != "active":
            raise KeyRefused(reason=f"key {found.name} is {found.state(now)}")
        self._note_use(found, now)
        return Recognised(key=found, mark=noted)

    def _note_use(self, key: AccessKey, now: int) -> None:
        """Write down the use at most once a minute; a ledger that cannot be written lets reading go on."""
        if now - key.used_at < MINUTE or self._vault.read_only:
            return
        with suppress(BarledgerError):
            self._vault.ledger.access_keys.used(key.id, now)

    def _expiry(self, expires: Instant) -> int:
        now = self._vault.ledger.now()
        if isinstance(expires, str) and _DURATION.fullmatch(expires):
            at = now + parse_duration(expires, setting="expires")
        else:
            at = parse_time(expires)
        if not now < at < END_OF_TIME:
            raise InvalidSetting(setting="expires", reason=f"{expires} has passed, or never comes")
        return at
