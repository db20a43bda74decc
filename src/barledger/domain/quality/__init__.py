"""Quality: the five metrics, each a score in 0..1 with what it rests on, as pure functions.

Each function's docstring has the formula; `Metric` is what all of them return.
"""

from barledger.domain.quality.accuracy import BETWEEN_SOURCES, Agreement, accuracy, compare_sources
from barledger.domain.quality.completeness import completeness
from barledger.domain.quality.consistency import consistency
from barledger.domain.quality.integrity import integrity
from barledger.domain.quality.metric import METRICS, Case, Metric, MetricName, check_metrics, spoken, unmeasured
from barledger.domain.quality.timeliness import Arrivals, Lag, due_after, live, timeliness

__all__ = [
    "BETWEEN_SOURCES",
    "METRICS",
    "Agreement",
    "Arrivals",
    "Case",
    "Lag",
    "Metric",
    "MetricName",
    "accuracy",
    "check_metrics",
    "compare_sources",
    "completeness",
    "consistency",
    "due_after",
    "integrity",
    "live",
    "spoken",
    "timeliness",
    "unmeasured",
]
