"""Who may ask what of a server, and what is asked twice."""

from barledger.services.access.keys import KeyService, NewKey, Recognised
from barledger.services.access.replies import ReplyService

__all__ = ["KeyService", "NewKey", "Recognised", "ReplyService"]
