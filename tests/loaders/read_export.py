"""Read exports with the loader they are made for, and print what it gives, as JSON.

``python read_export.py doctr|litdata|mds SPLIT FOLDER ...`` prints [[number, SHA-256 of the
pixels], ...] of each folder, in the order of the loader. Runs in ``.venv-loaders``, which
`make test-all` makes.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np


def declare_operators() -> None:
    """Let torchvision be imported where its compiled operators cannot be loaded.

    Its wheels are compiled for CUDA; beside a PyTorch without, they register no operators, and the
    import stops at the first that is missing. None is run here, so a declaration is enough.
    """
    import torch

    spec = find_spec("torchvision")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    if torch.version.cuda is not None:
        return
    source = Path(spec.submodule_search_locations[0], "_meta_registrations.py").read_text()
    library = torch.library.Library("torchvision", "DEF")
    names = {*re.findall(r'register_meta\("(\w+)"', source)}
    for name in names | {*re.findall(r'"torchvision::(\w+)"', source)}:
        library.define(f"{name}(Tensor x) -> Tensor")
    declare_operators.library = library  # type: ignore[attr-defined]  # goes when it is collected


def read_doctr(folder: str, split: str) -> Iterator[tuple[str, np.ndarray]]:
    """Read with docTR's RecognitionDataset, whose images are float32 (3, H, W) in 0 to 1."""
    from doctr.datasets import RecognitionDataset

    root = Path(folder, split)
    dataset = RecognitionDataset(str(root / "images"), str(root / "labels.json"))
    for position in range(len(dataset)):
        sample = dataset[position]
        yield sample.target, np.round(sample.image.numpy()[0] * 255).astype(np.uint8)


def read_mds(folder: str, split: str) -> Iterator[tuple[str, np.ndarray]]:
    """Read with mosaicml-streaming's StreamingDataset."""
    from streaming import StreamingDataset

    for sample in StreamingDataset(local=str(Path(folder, split)), shuffle=False, batch_size=1):
        yield sample["text"], np.asarray(sample["image"])


def read_litdata(folder: str, split: str) -> Iterator[tuple[str, np.ndarray]]:
    """Read with litData's StreamingDataset."""
    from litdata import StreamingDataset

    for sample in StreamingDataset(str(Path(folder, split)), shuffle=False):
        yield sample["text"], np.asarray(sample["image"])


READERS = {"doctr": read_doctr, "litdata": read_litdata, "mds": read_mds}


def hash_samples(samples: Iterator[tuple[str, np.ndarray]]) -> list[tuple[str, str]]:
    """Return number and SHA-256 of the pixels of each sample."""
    return [(number, hashlib.sha256(pixels.tobytes()).hexdigest()) for number, pixels in samples]


if __name__ == "__main__":
    kind, split, *folders = sys.argv[1:]
    declare_operators()
    print(json.dumps([hash_samples(READERS[kind](folder, split)) for folder in folders]))
