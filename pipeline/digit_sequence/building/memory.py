"""How much memory a worker needs for a shard, known before the run.

What is counted is a worker's own memory. Files mapped into memory, which are the libraries and the
glyph bank, are there once for all workers of a machine and are not counted.

=========  ========================================================================================
base       the interpreter and the libraries' own state, with the compiled loops if they are used
shard      the shard file, in memory until it is written; of Parquet its images, table and pages
rows       the label rows: of the batches, joined, copied for their digest, and encoded
batch      random words, canvases and whatever an engine keeps for each of their pixels; with
           looks that of the look that needs most, and what is put together of all of them
=========  ========================================================================================
"""

from __future__ import annotations

import ctypes
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

from digit_sequence.base.engines import Engine
from digit_sequence.base.errors import ConfigError
from digit_sequence.config.model import Config
from digit_sequence.containers import CONTAINERS
from digit_sequence.render.draw import fit_batch
from digit_sequence.render.layout import choose_map_engine, has_line_maps
from digit_sequence.run.limits import MemoryLimit
from digit_sequence.transforms.transform import Ink, Page

_BASE_BYTES: dict[Engine, int] = {"skimage": 95_000_000, "numba": 125_000_000}
"""Measured: a worker of Dask that has imported `build`, drawn and written a shard of one sample."""
_ROW_BYTES, _ROW_DIGIT_BYTES, _ROW_COPIES = 250, 45, 5
_MASK_BYTES, _POLYGON_BYTES = 6, 16
"""For each row of the canvas that a digit's mask and its polygons cover."""
_CANVAS_BYTES: dict[Engine, int] = {"skimage": 40, "numba": 3}
_GLYPH_BYTES: dict[Engine, int] = {"skimage": 40, "numba": 0}
"""For each pixel of the canvases and of the glyphs of a batch."""
_SCRATCH_BYTES: dict[Engine, int] = {"skimage": 100, "numba": 45}
"""For each pixel of the one canvas that is being drawn, or encoded."""
_DIGIT_BYTES = 1000
"""For each digit of a batch: its geometry and its draws."""
_LOOK_BYTES = 4
"""For each pixel of the canvases of a batch that is put together from the samples of its looks."""
_MAPPED_BYTES: dict[Engine, int] = {"skimage": 200, "numba": 20}
"""For each pixel of the canvases of a batch, where line maps locate them; and a byte for each layer
that may be as large as its canvas."""
KEPT_BYTES = 2**25
"""Freed memory that a process keeps; the most that glibc takes."""
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # of mallopt(3)


@dataclass(frozen=True)
class TaskMemory:
    """Bytes that a worker needs to build a shard."""

    base: int
    shard: int
    rows: int
    batch: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.base + self.shard + self.rows + self.batch


@cache
def keep_freed_memory() -> None:
    """Have the C library keep what is freed between batches, where it is glibc.

    It would give arrays back at once, all the more in workers of Dask, which are set to keep 64 kB;
    then those of the next batch are mapped anew, page by page: up to a quarter of a build's time.
    """
    with suppress(OSError, AttributeError, TypeError):  # TypeError: Windows
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES)
        libc.mallopt(_M_MMAP_THRESHOLD, KEPT_BYTES)


def estimate_memory(
    config: Config,
    n_samples: int,
    sample_bytes: float,
    max_digits: int,
    glyph_pixels: int,
    engine: Engine,
) -> TaskMemory:
    """Estimate the memory that a worker needs for a shard.

    Parameters
    ----------
    config : Config
    n_samples : int
        Of the shard.
    sample_bytes : float
        Bytes of a sample in a shard file.
    max_digits : int
        Of the longest number.
    glyph_pixels : int
        Of one glyph.
    engine : {"skimage", "numba"}
    """
    canvas_pixels = config.canvas.height * config.canvas.widest

    def fit(part: Config) -> int:
        return min(fit_batch(part, max_digits * glyph_pixels, engine), n_samples)

    def render(part: Config) -> float:
        pixel_bytes = _CANVAS_BYTES[engine] + _count_pixel_bytes(part, max_digits, engine)
        digit_bytes = glyph_pixels * _GLYPH_BYTES[engine] + _DIGIT_BYTES
        return fit(part) * (canvas_pixels * pixel_bytes + max_digits * digit_bytes)

    digit_bytes = _ROW_DIGIT_BYTES + config.canvas.height * (
        _MASK_BYTES * (config.labels.masks is not None) + _POLYGON_BYTES * config.labels.polygons
    )
    batch = max(map(render, config.per_look.values() or (config,))) + fit(config) * 2 * sample_bytes
    if config.look:
        batch += fit(config) * (canvas_pixels * _LOOK_BYTES + max_digits * _DIGIT_BYTES)
    return TaskMemory(
        base=_BASE_BYTES[engine],
        shard=round(n_samples * sample_bytes * CONTAINERS[config.output.container].copies),
        rows=n_samples * (_ROW_BYTES + digit_bytes * max_digits) * _ROW_COPIES,
        batch=round(batch) + canvas_pixels * _SCRATCH_BYTES[engine],
    )


def _count_pixel_bytes(config: Config, max_digits: int, engine: Engine) -> int:
    """Return the bytes that transforms take for each pixel of the canvases of a batch."""
    by_definition = [
        transform.pixel_bytes
        for transform in config.transforms
        if (isinstance(transform, Ink) and _is_defined(transform, Ink, engine))
        or (isinstance(transform, Page) and _is_defined(transform, Page, engine))
    ]
    if has_line_maps(config):
        by_definition.append(_MAPPED_BYTES[choose_map_engine(config, engine)] + max_digits)
    return max(by_definition, default=0)


def _is_defined(transform: Ink | Page, stage: type[Ink | Page], engine: Engine) -> bool:
    """Return whether the engine runs the definition of a transform."""
    return engine == "skimage" or type(transform).apply_compiled is stage.apply_compiled


def check_memory(need: TaskMemory, config: Config, limit: MemoryLimit) -> None:
    """Raise a ConfigError if a shard needs more memory than there is, and say what fits."""
    if need.total <= limit.n_bytes:
        return
    n_samples = config.output.shard_samples
    for_samples = limit.n_bytes - need.base - need.batch
    fitting = int(n_samples * for_samples / (need.shard + need.rows))
    remedy = f"lower it to {fitting:,} or less" if fitting >= 1 else "make the canvas smaller"
    raise ConfigError(
        f"output.shard_samples: expected shards that a worker can build in "
        f"{limit.n_bytes / 1e6:,.0f} MB ({limit.origin}), got {n_samples:,} samples, which need "
        f"about {need.total / 1e6:,.0f} MB; {remedy}, or set another --memory-limit"
    )
