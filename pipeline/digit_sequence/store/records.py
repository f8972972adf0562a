"""The gate: what a dataset's files say becomes records here, checked, and nothing else reads them.

Anybody may have written the files, and any of them may be damaged. What passes has the types, the
counts and the places that a build writes; what does not is a ValueError that says where.

========  =============================================================
plan      `parse_plan`, `Outline`
manifest  `load_manifest`
labels    `store.labels.read_labels` of a file, `store.label_checks` of rows
========  =============================================================
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from digit_sequence.base.characters import DIGITS, order_characters
from digit_sequence.base.documents import parse_json, take, take_count
from digit_sequence.base.errors import OutputError
from digit_sequence.base.names import MANIFEST_PATH, SCHEMA_VERSION, SPLITS, SplitName
from digit_sequence.codec.decoding import MAX_PIXELS

if TYPE_CHECKING:  # who only reads needs no plan
    from digit_sequence.plan.plan import Shard
    from digit_sequence.store.storage import Storage

MAX_SHARDS = 10**7
"""Shards of one dataset, at most: what a process remembers of each adds up to half a gigabyte."""
MAX_SAMPLES = 10**12
"""Of one split."""
MAX_SHARD_SAMPLES = 100_000
"""As `output.shard_samples` may say."""
MAX_DIGITS = 10**4
_PLAN_KEYS = {
    "fingerprint": str,
    "inputs": dict,
    "samples": dict,
    "shard_samples": int,
    "container": str,
    "source_digest": str,
    "config": dict,
    "sha256": str,
}


@dataclass(frozen=True)
class Outline:
    """What the plan of any version says: enough to tell which shards are done."""

    fingerprint: str
    container: str
    shard_samples: int
    samples: Mapping[SplitName, int]
    """Of each split."""

    def n_shards(self, split: SplitName) -> int:
        """Return how many shards hold a split."""
        return -(-self.samples[split] // self.shard_samples)

    def shard(self, split: SplitName, index: int) -> Shard:
        """Return the shard at `index` of a split."""
        from digit_sequence.plan.plan import Shard  # noqa: PLC0415 - as above

        start = index * self.shard_samples
        return Shard(split, index, start, min(start + self.shard_samples, self.samples[split]))


def make_outline(published: Mapping[str, Any]) -> Outline:
    """Return the outline of a plan file that was checked."""
    fields = ("fingerprint", "container", "shard_samples", "samples")
    return Outline(**{field: published[field] for field in fields})


# -- the plan --------------------------------------------------------------------------------------


def parse_plan(content: bytes) -> dict[str, Any]:
    """Return what a plan file says; a ValueError unless it is one, with its digest."""
    return check_plan(parse_json(content))


def check_plan(published: Any) -> dict[str, Any]:
    """Return a JSON value if it is the plan of a build of any version; else a ValueError."""
    for key, kind in _PLAN_KEYS.items():
        take(published, key, kind)
    _check_counts(published["samples"], published, "samples")
    rest = {key: value for key, value in published.items() if key != "sha256"}
    if published["sha256"] != hash_json(rest):
        raise ValueError(f"expected the sha256 {hash_json(rest)}, got {published['sha256'][:64]}")
    checked: dict[str, Any] = published
    return checked


def _check_counts(samples: Mapping[str, Any], document: Any, place: str) -> None:
    """Check the samples of each split, and that they make as many shards as can be counted."""
    if not samples or not samples.keys() <= set(SPLITS):
        raise ValueError(f"{place}: expected splits of {', '.join(SPLITS)}, got others or none")
    shard_samples = take_count(document, "shard_samples", 1, MAX_SHARD_SAMPLES)
    counts = [take_count(samples, split, 1, MAX_SAMPLES, place) for split in samples]
    n_shards = sum(-(-count // shard_samples) for count in counts)
    if n_shards > MAX_SHARDS:
        raise ValueError(f"expected at most {MAX_SHARDS:,} shards, got {n_shards:,}")


def take_versions(published: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the versions that a plan names, if it does."""
    versions = published["inputs"].get("versions")
    return versions if isinstance(versions, dict) else {}


def hash_json(document: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a JSON value, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


# -- the manifest ----------------------------------------------------------------------------------


def load_manifest(storage: Storage) -> dict[str, Any]:
    """Return the manifest of a dataset.

    Raises
    ------
    FileNotFoundError
        If there is none.
    OutputError
        If it is of another version, or lacks what reading, training and exporting rely on.
    """
    content = storage.read(MANIFEST_PATH)
    try:
        manifest: dict[str, Any] = parse_json(content)
        version = take(manifest, "schema_version", int)
        if version != SCHEMA_VERSION:
            raise OutputError(
                f"{storage.uri}: {MANIFEST_PATH}: expected schema_version {SCHEMA_VERSION}, got "
                f"{version!r}; read it with the version of this program that wrote it, "
                f"{str(manifest.get('program', 'unknown'))[:80]}"
            )
        _check_manifest(manifest)
    except ValueError as error:
        raise OutputError(
            f"{storage.uri}: {MANIFEST_PATH}: expected the manifest of a dataset, got one that "
            f"cannot be read ({error}); run the build again"
        ) from error
    return manifest


def _check_manifest(manifest: Mapping[str, Any]) -> None:
    """Raise a ValueError unless a manifest has all that reading and exporting rely on."""
    for key in ("fingerprint", "digest", "container"):
        take(manifest, key, str)
    image = take(manifest, "image", dict)
    if take(image, "format", str, "image") not in ("png", "jpeg"):
        raise ValueError("image.format: expected png or jpeg, got another")
    height, width = (take_count(image, name, 1, 1 << 16, "image") for name in ("height", "width"))
    take_count(image, "min_width", 1, width, "image")
    if height * width > MAX_PIXELS:
        raise ValueError(f"image: expected at most {MAX_PIXELS:,} pixels, got {height} x {width}")
    alphabet = take(manifest, "alphabet", str) if "alphabet" in manifest else DIGITS
    if order_characters(set(alphabet)) != alphabet:
        raise ValueError("alphabet: expected digits, then known characters in order, got others")
    splits = take(manifest, "splits", dict)
    samples = {}
    for name in splits:
        split = take(splits, name, dict, "splits")
        place = f"splits.{name}"
        samples[name] = take_count(split, "samples", 1, MAX_SAMPLES, place)
        take_count(split, "max_digits", 1, MAX_DIGITS, place)
        take_count(split, "bytes", 0, 1 << 62, place)
    _check_counts(samples, manifest, "splits")
