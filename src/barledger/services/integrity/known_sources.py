"""Known sources: whether a name is that of a source, or of series, before something is said of it."""

from collections.abc import Callable, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase

from barledger.domain.patterns import is_pattern
from barledger.errors import BarledgerError, InvalidSetting, SourceNotFound
from barledger.services.cache.vault import Vault
from barledger.services.integrity.refetching import SourceMaker

SourceNames = Callable[[], Sequence[str]]


class KnownSources:
    """The sources that can be asked, and those of which there are series."""

    def __init__(self, vault: Vault, make_source: SourceMaker, names: SourceNames) -> None:
        """Know these by name, and whatever else the maker makes."""
        self._vault, self._make_source, self._names = vault, make_source, names

    @property
    def held(self) -> frozenset[str]:
        """Return the sources of which there are series."""
        return frozenset(series.source for series in self._vault.ledger.catalog.series())

    def check(self, name: str) -> str:
        """Return the name; raises `SourceNotFound` with those that there are if it is of no source and no series."""
        held = self.held
        if name in held or name in self._names():
            return name
        try:
            self._make_source(name, {}).close()
        except SourceNotFound as error:
            near = get_close_matches(name.lower(), sorted({*held, *self._names(), *error.known}), n=3)
            meant = f"; did you mean {' or '.join(near)}?" if near and "did you mean" not in error.hint else ""
            known = tuple(sorted({*error.known, *held}))
            raise SourceNotFound(source=name, known=known, hint=f"{error.hint}{meant}") from None
        except BarledgerError:
            pass  # there is such a source, and it needs an option or a package
        return name

    def check_pattern(self, pattern: str) -> str:
        """Return the pattern if a source has such a name; raises `InvalidSetting`, and `SourceNotFound` for a name."""
        if not is_pattern(pattern):
            return self.check(pattern)
        known = sorted({*self.held, *self._names()})
        if pattern != "*" and not any(fnmatchcase(name, pattern) for name in known):
            listed = ", ".join(sorted(self.held)) or "none"
            reason = f"{pattern!r} is a pattern of no source; there are series of {listed}, and see `barledger sources`"
            raise InvalidSetting(setting="source", reason=reason)
        return pattern
