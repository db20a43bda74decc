"""Kernels that go on from a state: their batch, over all bars from a fresh one."""

from collections.abc import Sequence

import numpy as np

from barledger.indicators.definition import Floats
from barledger.indicators.own.handles import Advance
from barledger.indicators.own.kernel import sealed


def run(advance: Advance, state: Floats, inputs: Sequence[Floats], outputs: int) -> tuple[Floats, ...]:
    """Return the outputs over all bars, from a state that is used up."""
    out = np.empty((outputs, len(inputs[0])))
    advance(state, [sealed(one) for one in inputs], out)
    return tuple(out)
