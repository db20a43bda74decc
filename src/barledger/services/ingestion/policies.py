"""Policies: how far each source may change the past by itself."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from barledger.domain.change_policy import ChangePolicy, OnChange
from barledger.domain.policy import parse_duration
from barledger.domain.series import check_name
from barledger.errors import BarledgerError, InvalidSetting, SourceNotFound
from barledger.services.cache.vault import Vault
from barledger.sources.contract import SourceDeclaration


class Policies:
    """The policies that somebody set, and those that sources declare themselves."""

    def __init__(self, vault: Vault, declared: Callable[[str], SourceDeclaration]) -> None:
        """Keep them in this ledger; ``declared`` gives what a source of this name declares."""
        self._vault = vault
        self._declared = declared

    def get(self, source: str) -> ChangePolicy:
        """Return the policy of a source: the one that was set, else its own, else that all changes are applied."""
        found = self._vault.ledger.policies.policies().get(source)
        if found is not None:
            return found
        return self.declared(source) or ChangePolicy()

    def declared(self, source: str) -> ChangePolicy | None:
        """Return what a source declares itself, or None if nobody can tell."""
        try:
            return self._declared(source).on_change
        except BarledgerError:
            # Bars may come under any name, and some sources cannot be made without options.
            return None

    def sources(self) -> list[str]:
        """Return the sources of which there are series, or which were asked for some."""
        catalog = self._vault.ledger.catalog
        return sorted({series.source for series in (*catalog.series(), *catalog.asked())})

    def check_source(self, source: str) -> None:
        """Raise `SourceNotFound` for a name under which there is no source, and no series, and no policy either."""
        known = self.sources()
        if source in known or source in self.all():
            return
        try:
            self._declared(source)
        except SourceNotFound as error:
            raise replace(error, known=tuple(sorted({*error.known, *known}))) from None
        except BarledgerError:
            # It exists; that it cannot be made without options does not matter.
            return

    def all(self) -> dict[str, ChangePolicy]:
        """Return the policies that were set, by source."""
        return self._vault.ledger.policies.policies()

    def of(self, name: str, declaration: SourceDeclaration, given: ChangePolicy | OnChange | None) -> ChangePolicy:
        """Return what counts for one task: what its caller gives counts most."""
        if isinstance(given, ChangePolicy):
            return given
        policy = self._vault.ledger.policies.policies().get(name, declaration.on_change)
        return policy if given is None else replace(policy, on_change=given)

    def set(self, source: str, policy: ChangePolicy | None, reason: str) -> None:
        """Set a policy; None goes back to what the source declares. Raises `SourceNotFound`."""
        self._vault.check_writable()
        name = check_name("source", source)
        self.check_source(name)
        self._vault.ledger.policies.set_policy(name, policy, self._vault.who("set-policy", reason=reason))


def age(value: Any) -> int | None:
    """Read an age: ns, or a duration such as 90d; None means no limit."""
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    try:
        return parse_duration(value)
    except ValueError as error:
        raise InvalidSetting(setting="most_age", reason=str(error)) from error
