"""Detection: what looks wrong within a series, without its source.

Pure computing on arrays. `inspect` takes anybody's frame, `findings` barledger's own bars.
"""

from barledger.detection.inspection import FrameFinding, Inspection, inspect
from barledger.detection.series import findings

__all__ = ["FrameFinding", "Inspection", "findings", "inspect"]
