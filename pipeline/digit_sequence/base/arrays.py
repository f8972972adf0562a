"""Arrays of Arrow without nulls, made without pandas, which `pyarrow.array` would import."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa


def make_array(values: Any, kind: pa.DataType) -> pa.Array:
    """Return values without nulls as an Arrow array."""
    if pa.types.is_string(kind):
        values = values.tolist() if isinstance(values, np.ndarray) else values
        text = "".join(values)
        sizes = map(len, values if text.isascii() else map(str.encode, values))
        bounds = np.cumsum([0, *sizes], dtype=np.int32)
        buffers = [None, pa.py_buffer(bounds), pa.py_buffer(text.encode())]
    elif pa.types.is_boolean(kind):
        buffers = [None, pa.py_buffer(np.packbits(values, bitorder="little"))]
    else:
        buffers = [None, pa.py_buffer(np.ascontiguousarray(values, kind.to_pandas_dtype()))]
    return pa.Array.from_buffers(kind, len(values), buffers)


def repeat_text(value: str, count: int) -> pa.Array:
    """Return an Arrow array of one ASCII string many times."""
    return cut_text((value * count).encode(), len(value), count)


def cut_text(text: Any, width: int, count: int) -> pa.Array:
    """Return ASCII text as an Arrow array of strings of one width."""
    bounds = np.arange(count + 1, dtype=np.int32) * width
    return pa.Array.from_buffers(
        pa.string(), count, [None, pa.py_buffer(bounds), pa.py_buffer(text)]
    )
