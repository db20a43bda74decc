"""Cycles, by Ehlers' Hilbert transform."""

from typing import Final

from barledger.indicators.talib.entry import Entry
from barledger.indicators.talib.rules import HILBERT

_EHLERS: Final = "Ehlers, Rocket Science for Traders (2001)"
_SMOOTH: Final = (
    "Prices are smoothed by a WMA of 4. Filters and periods begin at 0 with the {begin} bar. The period is kept within "
    "6..50 bars and grows by at most a half, or shrinks by at most a third, a bar. On prices that stand still for "
    "dozens of bars the phase is that of roundings, and no number of bars before settles it. "
)
_EARLY: Final = _SMOOTH.format(begin="13th")
_LATE: Final = _SMOOTH.format(begin="38th")

ENTRIES: Final = (
    Entry(
        name="ht_dcperiod",
        title="Hilbert transform: dominant cycle period",
        scale="value",
        rule=HILBERT,
        aliases="dominant_cycle",
        formula="the smoothed period of the cycle, in bars, by the homodyne discriminator",
        convention=_EARLY + "32 bars come before the first value.",
        reference=_EHLERS,
    ),
    Entry(
        name="ht_dcphase",
        title="Hilbert transform: dominant cycle phase",
        scale=360.0,
        rule=HILBERT,
        formula="atan(sum of sin x / sum of cos x) over one dominant cycle, in degrees",
        convention=_LATE + "Runs from -45 to 315; 63 bars come before the first value.",
        reference=_EHLERS,
    ),
    Entry(
        name="ht_phasor",
        title="Hilbert transform: phasor components",
        outputs="inphase quadrature",
        rule=HILBERT,
        formula="the in-phase and the quadrature part of the detrended price",
        convention=_EARLY + "32 bars come before the first value.",
        reference=_EHLERS,
    ),
    Entry(
        name="ht_sine",
        title="Hilbert transform: sine wave",
        outputs="sine lead:leadsine",
        scale=1.0,
        rule=HILBERT,
        formula="sine = sin(phase), lead = sin(phase + 45 degrees), of ht_dcphase",
        convention=_LATE + "63 bars come before the first value.",
        reference=_EHLERS,
    ),
    Entry(
        name="ht_trendmode",
        title="Hilbert transform: trend or cycle",
        outputs="ht_trendmode:integer",
        scale="tie",
        rule=HILBERT,
        formula="1 in a trend, 0 in a cycle: by the crossings of the sine wave, its phase rate and the trendline",
        convention=_LATE + "1 also where the price is 1.5 % or more off the trendline; 63 bars come before the first.",
        reference=_EHLERS,
    ),
)
