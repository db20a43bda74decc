"""Scales: relative to what an output agrees with the whole history where it has not the same bits."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from barledger.indicators.definition import Floats, Indicator, Output

BILLIONTH: Final = 1e-9
TIES: Final = "the same, unless what it compares is equal to the last digits"
_CALLED: Final = {
    "value": "each value",
    "ratio": "each value, or of 1 where it is smaller",
    "inputs": "its largest input",
}


def agreement(output: Output) -> str:
    """Return to what an output that is not exact agrees, as a phrase.

    >>> agreement(Output(name="sma")), agreement(Output(name="fosc", scale=100.0))
    ('within 1e-9 of its largest input', 'within 1e-9 of 100')
    >>> agreement(Output(name="massi", scale="value")), agreement(Output(name="vwma", scale="close"))
    ('within 1e-9 of each value', 'within 1e-9 of its largest close')
    """
    scale = output.scale
    if scale == "tie":
        return TIES
    if isinstance(scale, str):
        return f"within 1e-9 of {_CALLED.get(scale, f'its largest {scale}')}"
    return f"within 1e-9 of {scale:g}"


def agreements(indicator: Indicator) -> str:
    """Return the same of all outputs of an indicator."""
    return "; ".join(dict.fromkeys(agreement(one) for one in indicator.outputs))


def nested(own: str, name: str, within: str) -> str:
    """Return the phrase of what is computed from something that is not exact; ``own`` is empty for what itself is.

    >>> nested("within 1e-9 of 100", "fosc", "within 1e-9 of its largest input")
    'within 1e-9 of 100, given fosc, which is within 1e-9 of its largest input'
    """
    return f"{own}{', ' if own else 'exact '}given {name}, which is {within}"


def tolerance(indicator: Indicator, output: Output, values: Floats, inputs: Sequence[Floats]) -> Floats:
    """Return by how much each of some values may differ from the whole history's.

    ``inputs`` are what they are computed from, from as many rows on before the first value as settle it.
    """
    scale = output.scale
    if scale == "tie":
        return np.zeros(len(values))
    if scale == "value":
        return np.asarray(BILLIONTH * np.abs(values))
    if scale == "ratio":
        return np.asarray(BILLIONTH * np.maximum(np.abs(values), 1.0))
    if isinstance(scale, str):
        relied = inputs if scale == "inputs" else [inputs[indicator.inputs.index(scale)]]
        scale = max(float(np.nanmax(np.abs(one), initial=0.0)) for one in relied)
    return np.full(len(values), BILLIONTH * scale)
