"""InstrumentService: what is known of instruments, and when they trade."""

from barledger.domain.calendar import Calendar
from barledger.domain.exchange_calendar import calendar_called
from barledger.domain.instrument import Instrument
from barledger.services.cache.vault import Vault


class InstrumentService:
    """Puts together what people declared and what sources told."""

    def __init__(self, vault: Vault) -> None:
        """Work on this ledger."""
        self._vault = vault

    def describe(self, instrument: str) -> Instrument:
        """Return what is known of an instrument, and who said it."""
        return Instrument.of(instrument, self._vault.ledger.instruments.facts())

    def calendar(self, instrument: str) -> Calendar:
        """Return when the instrument trades; raises `CalendarNotFound`."""
        return calendar_called(self.describe(instrument).calendar)
