"""Glyphs of tests, and IDX files of them."""

from __future__ import annotations

import struct

import numpy as np


def encode_idx(array):
    """Return the bytes of an IDX file of uint8."""
    header = struct.pack(f">{1 + array.ndim}I", 0x800 + array.ndim, *array.shape)
    return header + array.astype(np.uint8).tobytes()


def make_glyphs(n_glyphs, side=5, seed=0):
    """Return random images that all have ink, and their digits, all ten in turn."""
    images = np.random.default_rng(seed).integers(1, 256, (n_glyphs, side, side), np.uint8)
    return images, np.arange(n_glyphs) % 10
