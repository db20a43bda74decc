"""Tasks: what all series of one ingestion have in common."""

from dataclasses import dataclass, field
from threading import BoundedSemaphore, Event

from barledger.domain.change_policy import ChangePolicy
from barledger.domain.validation import OnInvalid
from barledger.services.ingestion.budget import Spending
from barledger.services.ingestion.progress import Progress
from barledger.services.ingestion.retries import Retries
from barledger.services.ingestion.screening import Screen
from barledger.services.ingestion.timing import Timing
from barledger.sources.contract import Source, SourceDeclaration


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Which source is asked, how patiently, and what it may change.

    ``slots`` are as many as may ask at once; ``stop`` ends it from outside; ``screen`` looks at bars before they are
    written.
    """

    source: Source
    declaration: SourceDeclaration
    policy: ChangePolicy
    on_invalid: OnInvalid
    reason: str
    retries: Retries
    timing: Timing
    spending: Spending
    progress: Progress
    slots: BoundedSemaphore
    stop: Event = field(default_factory=Event)
    screen: Screen | None = None
