"""A caller's own bars: validated, and written exactly as given."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from barledger.domain.intake import intake
from barledger.domain.series import Series, check_name
from barledger.domain.validation import OnInvalid, Validated
from barledger.errors import InvalidSetting
from barledger.services.cache import DataCacheService
from barledger.services.cache.changes import Draft
from barledger.services.cache.commit import Written
from barledger.services.cache.vault import Vault
from barledger.services.ingestion.scribe import put_aside


@dataclass(frozen=True, slots=True)
class Entry:
    """One series of a `write_many`: whose bars, and the bars in any form."""

    instrument: str
    timeframe: str
    data: Any
    expected_revision: int | None = None


class Writing:
    """Writes what callers bring. No policy of a source concerns it."""

    def __init__(self, vault: Vault, cache: DataCacheService) -> None:
        """Write into this store and ledger."""
        self._vault = vault
        self._cache = cache

    def write(
        self,
        series: Series,
        data: Any,
        *,
        reason: str,
        expected_revision: int | None,
        on_invalid: OnInvalid,
        version: str,
        columns: Mapping[str, str] | None,
    ) -> Written:
        """Write bars of one series; with another ``version`` than latest, as a named and immutable one."""
        validated = intake(data, series.timeframe, on_invalid=on_invalid, columns=columns)
        if version != "latest":
            return self._write_named(series, validated, version, reason)
        aside = put_aside(self._vault, series, validated.rejected)
        if not len(validated.rows):
            revision = self._vault.ledger.revisions.state(series).revision
            return Written(series=(series,), revision=revision, quarantined=aside, fields={})
        draft = Draft(series=series, rows=validated.rows, expected_revision=expected_revision)
        return replace(self._cache.write([draft], reason=reason), quarantined=aside)

    def write_many(
        self,
        entries: Iterable[Entry | tuple[str, str, Any]],
        *,
        source: str,
        reason: str,
        on_invalid: OnInvalid,
    ) -> Written:
        """Write the bars of several series as one revision."""
        drafts, aside = [], 0
        for given in entries:
            entry = _entry(given)
            series = Series.of(entry.instrument, entry.timeframe, source)
            validated = intake(entry.data, series.timeframe, on_invalid=on_invalid)
            aside += put_aside(self._vault, series, validated.rejected)
            if len(validated.rows):
                expected = entry.expected_revision
                drafts.append(Draft(series=series, rows=validated.rows, expected_revision=expected))
        if not drafts:
            return Written(series=(), revision=0, quarantined=aside, fields={})
        return replace(self._cache.write(drafts, reason=reason), quarantined=aside)

    def _write_named(self, series: Series, validated: Validated, version: str, reason: str) -> Written:
        aside = put_aside(self._vault, series, validated.rejected)
        done = self._cache.write_named(series, validated.rows, version=check_name("version", version), reason=reason)
        return replace(done, quarantined=aside)


def _entry(given: Any) -> Entry:
    if isinstance(given, Entry):
        return given
    if not isinstance(given, tuple) or len(given) not in (3, 4):
        reason = f"a {type(given).__name__} is neither an Entry nor (instrument, timeframe, data)"
        raise InvalidSetting(setting="entries", reason=reason)
    return Entry(*given)
