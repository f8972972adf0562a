"""What a dataset directory holds, and what is still missing.

::

    OUT/
      README.md                          dataset card
      dataset.json                       manifest, written last
      images/SPLIT/SHARD.tar             see `shards`
      labels/SPLIT/SHARD.parquet         see `labels`
      .build/plan.json                   config and fingerprint, written first
      .build/glyphs                      the digits it is drawn from
      .build/probe                       fingerprint; written by each worker, to see that it can
      .build/runs/TIME-ID.jsonl          what each run did, see `events`

A shard is written before its label file, whose footer therefore says that the shard is complete.
No manifest: the dataset is not complete.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import PurePath
from typing import Any, TypeVar

import numpy as np

from digit_sequence import __version__
from digit_sequence.base.errors import ConfigError, OutputError, SourceError
from digit_sequence.base.names import (
    BUILD_FOLDER,
    CARD_PATH,
    MANIFEST_PATH,
    PLAN_PATH,
    SCHEMA_VERSION,
    label_file,
)
from digit_sequence.codec.encoding import EXTENSIONS
from digit_sequence.config.model import Config, Mnist, Mnist5k, parse_config
from digit_sequence.plan.plan import Plan, Shard, make_plan
from digit_sequence.sources.bank import GlyphBank, open_bank, pack_bank, parse_bank
from digit_sequence.sources.reading import RawGlyphs
from digit_sequence.store.labels import Commit, read_commit
from digit_sequence.store.storage import Storage

GLYPHS_PATH = f"{BUILD_FOLDER}/glyphs"
PROBE_PATH = f"{BUILD_FOLDER}/probe"
MAX_SHARDS = 10**7
"""Shards of one dataset, at most: what a process remembers of each adds up to half a gigabyte."""
_PLAN_KEYS = {
    "fingerprint": str,
    "inputs": dict,
    "samples": dict,
    "source_digest": str,
    "config": dict,
    "sha256": str,
}
_READERS = 16
"""Label files read at a time, for the latency of an object store."""
_SHARD_EXTENSIONS = {"webdataset": "tar", "parquet": "parquet"}

Found = TypeVar("Found")


def label_path(shard: Shard) -> str:
    """Return the path of a shard's label file in the dataset."""
    return label_file(shard.split, shard.name)


def publish_plan(storage: Storage, plan: Plan, bank: GlyphBank, overwrite: bool = False) -> None:
    """Claim a directory for a plan, or take up the same plan again.

    The glyphs go with it, so that a worker needs nothing but the directory, and any sample can be
    drawn again when the source is gone.

    Parameters
    ----------
    overwrite : bool
        Delete the dataset of another config, or a larger one, that is there.

    Raises
    ------
    OutputError
        If the directory holds something else; nothing is touched then.
    """
    _check_countable(plan)
    document = describe_plan(plan)
    published = _read_plan(storage)
    if published is None:
        _check_empty(storage)
    elif conflict := _find_conflict(published, document):
        if not overwrite:
            raise OutputError(
                f"{storage.uri}: {conflict}\nNothing was touched; choose another output, or "
                "--overwrite to delete that dataset"
            )
        _delete_shards(storage)
        published = None  # its file stays until it is replaced: the directory is never foreign
    elif published != document:
        storage.delete(MANIFEST_PATH)
    if published is None or not _has_glyphs(storage, plan):
        storage.write(GLYPHS_PATH, pack_bank(bank))
    if published != document:
        storage.write(PLAN_PATH, to_json(document))


def _has_glyphs(storage: Storage, plan: Plan) -> bool:
    try:
        parse_bank(storage.read(GLYPHS_PATH), plan.source_digest)
    except (FileNotFoundError, SourceError):
        return False
    return True


def _check_countable(plan: Plan) -> None:
    if plan.n_shards > MAX_SHARDS:
        raise ConfigError(
            f"output.shard_samples: expected at most {MAX_SHARDS:,} shards, got {plan.n_shards:,}; "
            "put more samples into a shard"
        )


def _check_empty(storage: Storage) -> None:
    """Refuse a directory with files; what a build cut off at its very start has left is none."""
    found = [path for path in storage.list() if not path.startswith(f"{BUILD_FOLDER}/")]
    if found:
        raise OutputError(
            f"{storage.uri}: expected an empty directory or a dataset built by this program, "
            f"got {len(found)} other files, {found[0]} among them; choose another output"
        )


def _delete_shards(storage: Storage) -> None:
    """Delete what a build wrote; the manifest first, which says that all is there."""
    shards = [*storage.list("labels"), *storage.list("images")]
    for path in [MANIFEST_PATH, CARD_PATH, GLYPHS_PATH, *shards]:
        storage.delete(path)


def _find_conflict(old: Mapping[str, Any], new: Mapping[str, Any]) -> str | None:
    """Return why a directory with one plan cannot become that of another."""
    if old["fingerprint"] != new["fingerprint"]:
        differing = "\n".join(_differences(old["inputs"], new["inputs"]))
        return f"holds the build of another config; these differ:\n{differing}"
    for split, samples in old["samples"].items():
        if (got := new["samples"].get(split, 0)) < samples:
            return (
                f"planned for {samples:,} samples of {split}, and a dataset can grow but not "
                f"shrink: got {got:,}"
            )
    return None


def describe_plan(plan: Plan) -> dict[str, Any]:
    """Return what plan.json holds, and the manifest repeats.

    It has the same bytes wherever it was made: of paths to the source only the last part is kept,
    and of mirrors, which a dataset must not make anybody ask, nothing.
    """
    unkept = {"output": {"uri"}, "source": {"path", "mirrors"}}
    config = plan.config.model_dump(mode="json", exclude=unkept)
    for key in ("path", "images", "labels"):
        if path := getattr(plan.config.source, key, None):
            config["source"][key] = PurePath(path).name
    document = {
        "fingerprint": plan.fingerprint,
        "inputs": dict(plan.inputs),
        "samples": {name: split.n_samples for name, split in plan.splits.items()},
        "source_digest": plan.source_digest,
        "config": config,
    }
    return document | {"sha256": _hash_json(document)}


def hash_plan(plan: Plan) -> str:
    """Return the SHA-256 of a plan: fingerprint, sizes and all."""
    digest: str = describe_plan(plan)["sha256"]
    return digest


def check_owner(storage: Storage, plan_sha256: str) -> None:
    """Raise an OutputError if the directory's plan is another one by now."""
    published = _read_plan(storage)
    if published is None:
        raise OutputError(f"{storage.uri}: expected a dataset built by this program, got none")
    if published["sha256"] != plan_sha256:
        raise OutputError(
            f"{storage.uri}: another build has taken over the directory while this one ran; "
            "build into another directory"
        )


def load_plan(storage: Storage, any_versions: bool = False) -> Plan:
    """Return the plan of a dataset directory.

    Parameters
    ----------
    any_versions : bool
        Take one that was made with other versions: nothing is to be drawn.

    Raises
    ------
    OutputError
        If there is none, or it was made with other versions of this package or its libraries.
    """
    published = _read_plan(storage)
    if published is None:
        raise OutputError(f"{storage.uri}: expected a dataset built by this program, got none")
    return _parse_plan(storage, published, any_versions)


def load_plan_copy(storage: Storage) -> Plan | None:
    """Return the plan that the manifest repeats, or None if there is no sound manifest."""
    try:
        published = json.loads(storage.read(MANIFEST_PATH))["plan"]
        _check_plan(published)
    except (FileNotFoundError, KeyError, TypeError, ValueError, RecursionError):
        return None
    return _parse_plan(storage, published)


def _parse_plan(storage: Storage, published: Mapping[str, Any], any_versions: bool = False) -> Plan:
    config = parse_config(published["config"], f"{storage.uri}/{PLAN_PATH}")
    if any(split.numbers.file is not None for split in config.splits.values()):
        raise OutputError(
            f"{storage.uri}: {PLAN_PATH}: expected numbers, got the name of a file of numbers; "
            "no build has written that"
        )
    plan = make_plan(config, published["source_digest"])
    if plan.fingerprint != published["fingerprint"] and not any_versions:
        differing = "\n".join(_differences(published["inputs"], plan.inputs))
        raise OutputError(
            f"{storage.uri}: was planned with other versions than this process has:\n{differing}\n"
            "install the versions of the plan, or build into another directory"
        )
    return plan


def load_glyphs(storage: Storage, plan: Plan) -> GlyphBank:
    """Return the glyphs that a dataset is drawn from.

    Raises
    ------
    OutputError
        If they are missing or not those of the plan.
    SourceError
        If they cannot be put into the cache.
    """
    remedy = f"run `digit-sequence verify {storage.uri} --repair`"

    def read() -> RawGlyphs:
        try:
            return parse_bank(storage.read(GLYPHS_PATH), plan.source_digest)
        except FileNotFoundError as error:
            raise OutputError(f"{storage.uri}: {GLYPHS_PATH}: is missing; {remedy}") from error
        except SourceError as error:
            raise OutputError(f"{storage.uri}: {GLYPHS_PATH}: {error}; {remedy}") from error

    return open_bank(read, plan.source_digest)


def _differences(old: Any, new: Any, place: str = "") -> Iterator[str]:
    """Yield the leaves in which two trees of JSON values differ."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted({*old, *new}):
            yield from _differences(old.get(key), new.get(key), f"{place}.{key}" if place else key)
    elif old != new:
        yield f"  {place}: {json.dumps(old)} there, {json.dumps(new)} here"


def _read_plan(storage: Storage) -> dict[str, Any] | None:
    try:
        published: dict[str, Any] = json.loads(storage.read(PLAN_PATH))
        _check_plan(published)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, RecursionError) as error:
        raise OutputError(
            f"{storage.uri}: {PLAN_PATH}: is not the plan of a build: {error}; restore it, or "
            "build into another directory"
        ) from error
    return published


def _check_plan(published: Any) -> None:
    """Raise a ValueError unless a JSON value has the keys and the digest of a plan."""
    if {key: type(value) for key, value in dict(published).items()} != _PLAN_KEYS:
        raise ValueError(f"expected the keys {', '.join(_PLAN_KEYS)} of a plan")
    if any(type(count) is not int for count in published["samples"].values()):
        raise ValueError(f"expected counts as samples, got {published['samples']}")
    rest = {key: value for key, value in published.items() if key != "sha256"}
    if published["sha256"] != _hash_json(rest):
        raise ValueError(f"expected the sha256 {published['sha256']}, got {_hash_json(rest)}")


def _hash_json(document: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def to_json(document: Mapping[str, Any]) -> bytes:
    """Return a JSON file."""
    return (json.dumps(document, indent=1) + "\n").encode()


class Ledger:
    """Which shards of a plan are complete, and what their label files say; a few bytes each."""

    def __init__(self, plan: Plan) -> None:
        _check_countable(plan)
        self._plan = plan
        self._columns = {
            name: np.zeros(split.n_shards, _LEDGER_ROW) for name, split in plan.splits.items()
        }

    def add(self, shard: Shard, commit: Commit) -> None:
        """Note that a shard is complete."""
        text = f"{commit.shard} {commit.shard_sha256} {commit.labels_sha256}"
        digest = np.frombuffer(hashlib.sha256(text.encode()).digest(), np.uint8)
        row = (True, commit.shard_bytes, commit.scaled, digest)
        self._columns[shard.split][shard.index] = row

    def __contains__(self, shard: Shard) -> bool:
        return bool(self._columns[shard.split]["done"][shard.index])

    @property
    def n_done(self) -> int:
        """Complete shards."""
        return sum(int(rows["done"].sum()) for rows in self._columns.values())

    @property
    def done_samples(self) -> int:
        """Samples of the complete shards."""
        return sum(
            split.shard(int(index)).n_samples
            for name, split in self._plan.splits.items()
            for index in np.flatnonzero(self._columns[name]["done"])
        )

    def missing(self) -> Iterator[Shard]:
        """Yield the shards that are not complete, in order."""
        return (shard for shard in self._plan.shards() if shard not in self)

    def describe_splits(self) -> dict[str, dict[str, int]]:
        """Return the counts of each split, as the manifest has them."""
        return {
            name: {
                "samples": split.n_samples,
                "shards": split.n_shards,
                "bytes": int(self._columns[name]["bytes"].sum()),
                "scaled": int(self._columns[name]["scaled"].sum()),
                "max_digits": split.numbers.max_digits,
            }
            for name, split in self._plan.splits.items()
        }

    def digest(self) -> str:
        """Return the SHA-256 over all shards and label rows."""
        digest = hashlib.sha256()
        for rows in self._columns.values():
            digest.update(np.ascontiguousarray(rows["digest"]).data)
        return digest.hexdigest()


_LEDGER_ROW = np.dtype(
    [("done", np.bool_), ("bytes", np.int64), ("scaled", np.int64), ("digest", np.uint8, 32)]
)


def read_ledger(storage: Storage, plan: Plan) -> Ledger:
    """Find the complete shards of a plan.

    A shard is complete if its label file exists and names this fingerprint, this shard and its
    rows, and the shard has the size that the label file records.
    """
    sizes = storage.list("images")
    labelled = storage.list("labels")
    ledger = Ledger(plan)

    def check(shard: Shard) -> tuple[Shard, Commit | None]:
        try:
            with storage.open(label_path(shard)) as file:
                commit = read_commit(file)
        except FileNotFoundError:  # a repair has taken it back meanwhile
            return shard, None
        is_complete = commit is not None and not check_commit(plan, shard, commit, sizes)
        return shard, commit if is_complete else None

    candidates = (shard for shard in plan.shards() if label_path(shard) in labelled)
    for shard, commit in map_shards(check, candidates):
        if commit is not None:
            ledger.add(shard, commit)
    return ledger


def map_shards(call: Callable[[Shard], Found], shards: Iterable[Shard]) -> Iterator[Found]:
    """Apply a function that waits for files to shards, some at a time; results are in order."""
    shards = iter(shards)
    with ThreadPoolExecutor(_READERS) as pool:
        while window := list(islice(shards, 100 * _READERS)):
            yield from pool.map(call, window)


def check_commit(
    plan: Plan, shard: Shard, commit: Commit, sizes: Mapping[str, int]
) -> tuple[str, str] | None:
    """Return what is wrong with a shard and its commit record: (path, reason); None if nothing.

    Parameters
    ----------
    sizes : mapping of str to int
        Bytes of the files below ``images``, by path.
    """
    for field, expected in (
        ("schema_version", SCHEMA_VERSION),
        ("fingerprint", plan.fingerprint),
        ("shard", shard.name),
        ("rows", shard.n_samples),
    ):
        if (got := getattr(commit, field)) != expected:
            return label_path(shard), f"footer: {field}: expected {expected}, got {got}"
    if not 0 <= commit.scaled <= commit.rows:
        return label_path(
            shard
        ), f"footer: scaled: expected 0 to {commit.rows}, got {commit.scaled}"
    n_bytes = 0
    for path in shard_paths(plan, shard):
        if path not in sizes:
            return path, "is missing"
        n_bytes += sizes[path]
    if n_bytes != commit.shard_bytes:
        place = next(iter(shard_paths(plan, shard)))
        return place, f"expected {commit.shard_bytes:,} bytes, got {n_bytes:,}"
    return None


def shard_paths(plan: Plan, shard: Shard) -> list[str]:
    """Return the paths of the files that hold the images of a shard."""
    output = plan.config.output
    extension = _SHARD_EXTENSIONS.get(output.container)
    if extension:
        return [f"images/{shard.split}/{shard.name}.{extension}"]
    numbers, indices = plan.splits[shard.split].identities(shard.start, shard.stop)
    return [
        f"images/{shard.split}/{number}/{number}_{index}{EXTENSIONS[output.image]}"
        for number, index in zip(numbers, indices, strict=True)
    ]


def finalize(storage: Storage, plan: Plan, ledger: Ledger) -> dict[str, Any]:
    """Write the dataset card and, last, the manifest; return the manifest.

    Raises
    ------
    OutputError
        If a shard is missing, or another build has taken the directory over.
    """
    missing = next(ledger.missing(), None)
    if missing is not None:
        raise OutputError(
            f"{storage.uri}: expected {plan.n_shards} shards, got {ledger.n_done}; the first "
            f"missing one is {missing.name}; run the build again"
        )
    check_owner(storage, hash_plan(plan))
    manifest = make_manifest(plan, ledger)
    storage.write(CARD_PATH, make_card(plan.config, manifest).encode())
    storage.write(MANIFEST_PATH, to_json(manifest))
    return manifest


def make_manifest(plan: Plan, ledger: Ledger) -> dict[str, Any]:
    """Return the manifest of a complete dataset."""
    config = plan.config
    return {
        "schema_version": SCHEMA_VERSION,
        "program": f"digit-sequence {__version__}",
        "digest": ledger.digest(),
        "fingerprint": plan.fingerprint,
        "splits": ledger.describe_splits(),
        "container": config.output.container,
        "shard_samples": config.output.shard_samples,
        "image": {
            "format": config.output.image,
            "height": config.canvas.height,
            "width": config.canvas.width,
        },
        "source": {"name": config.source.name, "digest": plan.source_digest},
        "plan": describe_plan(plan),
    }


def make_card(config: Config, manifest: Mapping[str, Any]) -> str:
    """Return the dataset card: front matter for the HF hub, then words for people."""
    patterns = {
        "webdataset": "images/{}/*.tar",
        "parquet": "images/{}/*.parquet",
        "files": "images/{}/**",
    }
    pattern = patterns[config.output.container]
    front = ["configs:", "- config_name: default", "  data_files:"]
    for split in manifest["splits"]:
        front += [f"  - split: {split}", f"    path: {pattern.format(split)}"]
    if isinstance(config.source, Mnist | Mnist5k):
        front.append("license: cc-by-sa-3.0")
    front += ["task_categories:", "- image-to-text", "tags:", "- ocr", "- handwriting", "- mnist"]
    rows = [
        f"| {name} | {split['samples']:,} | {split['shards']:,} | {split['bytes']:,} |"
        for name, split in manifest["splits"].items()
    ]
    image = manifest["image"]
    lines = [
        "---",
        *front,
        "---",
        "# Handwritten numbers",
        "",
        f"Grey images of {image['height']} x {image['width']} pixels, {image['format'].upper()}, "
        f"composed from digits of the source `{config.source.name}` by {manifest['program']}. "
        "No digit image is used in two splits.",
        "",
        "| split | samples | shards | bytes |",
        "| --- | ---: | ---: | ---: |",
        *rows,
        "",
        "`images/` holds the images, `labels/` a Parquet file for each shard: the number as a "
        "string, a box for every digit, where the image's bytes are (`file`, `offset`, `size`), "
        "and every parameter that was drawn. `dataset.json` identifies the build.",
    ]
    if isinstance(config.source, Mnist | Mnist5k):
        lines += ["", "MNIST: Y. LeCun and C. Cortes and C. Burges, CC BY-SA 3.0."]
    return "\n".join(lines) + "\n"
