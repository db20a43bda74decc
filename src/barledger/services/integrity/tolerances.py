"""Tolerances: which differences mean nothing, between a series and its own source, and between two sources."""

from typing import Final

from barledger.domain.comparison import Tolerance
from barledger.domain.discrepancy import check_reason
from barledger.domain.rows import VALUES
from barledger.domain.series import check_name
from barledger.errors import InvalidSetting
from barledger.services.cache.vault import Vault
from barledger.services.integrity.known_sources import KnownSources
from barledger.sources.contract import SourceDeclaration

BETWEEN_SOURCES: Final = Tolerance(price=1e-3, volume=5e-2)
"""What counts between two sources unless somebody set something else.

Two vendors of AAPL's daily bars differ by more than 0.1 % in the close on 500 of 3,270 days, and by about 3.5 % in
volume: above these limits a difference is worth a look, and below them it is the rule.
"""


class Tolerances:
    """The tolerances that somebody set, and those that count without."""

    def __init__(self, vault: Vault, sources: KnownSources) -> None:
        """Keep them in this ledger, between these sources."""
        self._vault, self._sources = vault, sources

    def of(self, source: str, against: str, declaration: SourceDeclaration | None = None) -> Tolerance:
        """Return what counts between two sources; of a source and itself, what it declares."""
        first, second = sorted((source, against))
        found = self._vault.ledger.policies.tolerances().get((first, second))
        if found is not None:
            return found
        if source == against and declaration is not None:
            return declaration.tolerance
        return BETWEEN_SOURCES

    def set_by_people(self) -> dict[tuple[str, str], Tolerance]:
        """Return what somebody set, by pair of sources."""
        return self._vault.ledger.policies.tolerances()

    def set(
        self,
        source: str,
        against: str,
        *,
        price: float | None = None,
        volume: float | None = None,
        fields: dict[str, float] | None = None,
        reason: str = "",
    ) -> Tolerance | None:
        """Set what counts between two sources; without any part, go back to what counts by itself.

        Raises `InvalidSetting`, also without a reason, `InvalidName`, and `SourceNotFound` for a name of no source and
        no series; what was set for one that is gone can be taken back.
        """
        self._vault.check_writable()
        given = {"price": price, "volume": volume, **(fields or {})}
        for name, value in given.items():
            if name not in ("price", *VALUES):
                raise InvalidSetting(setting="tolerance", reason=f"{name!r} is no column of bars")
            if value is not None and not (_is_number(value) and 0 <= value < 1):
                raise InvalidSetting(setting=f"tolerance {name}", reason=f"{value!r} is no number in 0..1")
        made = None
        if any(value is not None for value in given.values()):
            made = Tolerance(
                price=BETWEEN_SOURCES.price if price is None else price,
                volume=BETWEEN_SOURCES.volume if volume is None else volume,
                fields=dict(fields or {}),
            )
        pair = check_name("source", source), check_name("source", against)
        if made is not None or tuple(sorted(pair)) not in self._vault.ledger.policies.tolerances():
            for name in pair:
                self._sources.check(name)
        who = self._vault.who("set-tolerance", reason=check_reason(reason))
        self._vault.ledger.policies.set_tolerance(*pair, made, who)
        return made


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
