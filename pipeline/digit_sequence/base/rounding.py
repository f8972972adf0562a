"""Values that are the same on all processors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def round_factor(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Round factors to multiples of 2**-24, far finer than a grey level.

    The last bit of sines, exponentials and the like differs between processors.
    """
    rounded: NDArray[np.float64] = np.round(values * 2.0**24) / 2.0**24
    return rounded
