"""Prints what mlcroissant loads of a dataset, as JSON: issues, samples, labels.

A process of its own, since the package asks for its cache folder when it is imported, and keeps
there what it takes from archives under their relative paths: of one dataset only.
"""

from __future__ import annotations

import hashlib
import json
import sys
from typing import Any

import mlcroissant
import numpy as np


def make_plain(value: Any) -> Any:
    """Return a value of a record as JSON has it: an image as shape and digest, fields by name."""
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, dict):
        return {key.rpartition("/")[2]: make_plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return list(map(make_plain, value))
    if hasattr(value, "convert"):  # of a file of its own it makes an RGB image
        pixels = np.asarray(value.convert("L"))
        return [*pixels.shape, hashlib.sha256(pixels.tobytes()).hexdigest()]
    return value


def load_records(path: str, name: str, **options: Any) -> list[Any]:
    """Return the records of a set."""
    return list(map(make_plain, mlcroissant.Dataset(path).records(name, **options)))


if __name__ == "__main__":
    path = sys.argv[1]
    issues = mlcroissant.Dataset(path).metadata.ctx.issues
    only = {"filters": {"samples/split": "test"}}
    found = {
        "errors": sorted(issues.errors),
        "warnings": sorted(issues.warnings),
        "samples": load_records(path, "samples"),
        "test": load_records(path, "samples", **only),
        "labels": load_records(path, "labels"),
        "splits": load_records(path, "splits"),
    }
    print(json.dumps(found))
