"""Glyphs of tests, and IDX files of them."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from conftest import draw_bank


def encode_idx(array):
    """Return the bytes of an IDX file of uint8."""
    header = struct.pack(f">{1 + array.ndim}I", 0x800 + array.ndim, *array.shape)
    return header + array.astype(np.uint8).tobytes()


def make_glyphs(n_glyphs, side=5, seed=0):
    """Return random images that all have ink, and their digits, all ten in turn."""
    images = np.random.default_rng(seed).integers(1, 256, (n_glyphs, side, side), np.uint8)
    return images, np.arange(n_glyphs) % 10


def write_emnist(folder: Path) -> None:
    """Write files in the form of EMNIST, of digits and all letters."""
    bank = draw_bank(28, 6)
    own = {digit: bank.images[bank.digits == digit] for digit in range(10)}
    labels = np.repeat(np.arange(62), 6)
    images = np.concatenate(
        [np.rot90(own[label % 10], label // 10 % 4, (1, 2)) for label in range(62)]
    )
    images = images // (1 + np.arange(len(images)) % 2)[:, None, None]  # no two are alike
    images[:, 0, 0] = np.arange(len(images)) % 256
    for part, shift in (("train", 0), ("test", 1)):
        shifted = np.roll(images, shift, axis=2)
        for kind, array in (("images-idx3", shifted.transpose(0, 2, 1)), ("labels-idx1", labels)):
            (folder / f"emnist-byclass-{part}-{kind}-ubyte").write_bytes(encode_idx(array))
