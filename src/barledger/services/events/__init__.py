"""Events: what happened since a moment, of everything that somebody may follow."""

from barledger.services.events.service import Event, EventService

__all__ = ["Event", "EventService"]
