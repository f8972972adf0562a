"""What a dataset directory holds, and what is still missing.

::

    OUT/
      README.md                          dataset card
      dataset.json                       manifest, written last
      images/SPLIT/SHARD.tar             see `shards`
      labels/SPLIT/SHARD.parquet         see `labels`
      .build/plan.json                   config and fingerprint, written first

A shard is written before its label file, whose footer therefore says that the shard is complete.
No manifest: the dataset is not complete.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pipeline import __version__
from pipeline.codec import EXTENSIONS
from pipeline.config import Config, Mnist, Mnist5k, parse_config
from pipeline.errors import OutputError
from pipeline.labels import Commit, read_commit
from pipeline.names import (
    BUILD_FOLDER,
    CARD_PATH,
    MANIFEST_PATH,
    PLAN_PATH,
    SCHEMA_VERSION,
    label_file,
)
from pipeline.plan import Plan, Shard, make_plan
from pipeline.storage import Storage

_PLAN_KEYS = ("fingerprint", "inputs", "samples", "source_digest", "config")
_SHARD_EXTENSIONS = {"webdataset": "tar", "parquet": "parquet"}


def label_path(shard: Shard) -> str:
    """Return the path of a shard's label file in the dataset."""
    return label_file(shard.split, shard.name)


def publish_plan(storage: Storage, plan: Plan, overwrite: bool = False) -> None:
    """Claim a directory for a plan, or take up the same plan again.

    Raises
    ------
    OutputError
        If the directory holds something else; nothing is touched then.
    """
    document = _describe_plan(plan)
    published = _read_plan(storage)
    if published is None:
        _check_empty(storage)
    elif overwrite:
        _delete_shards(storage)
        published = None  # its file stays until it is replaced: the directory is never foreign
    elif published["fingerprint"] != plan.fingerprint:
        differing = "\n".join(_differences(published["inputs"], document["inputs"]))
        raise OutputError(
            f"{storage.uri}: holds the build of another config; these differ:\n{differing}\n"
            "Nothing was touched; choose another output, or --overwrite to delete that dataset"
        )
    elif published != document:
        _check_not_smaller(storage, published["samples"], document["samples"])
        storage.delete(MANIFEST_PATH)
    if published != document:
        storage.write(PLAN_PATH, _to_json(document))


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
    for path in [MANIFEST_PATH, CARD_PATH, *storage.list("labels"), *storage.list("images")]:
        storage.delete(path)


def _check_not_smaller(storage: Storage, old: Mapping[str, int], new: Mapping[str, int]) -> None:
    for split, samples in old.items():
        if new[split] < samples:
            raise OutputError(
                f"{storage.uri}: planned for {samples:,} samples of {split}, and a dataset can "
                f"grow but not shrink: got {new[split]:,}; choose another output, or --overwrite"
            )


def _describe_plan(plan: Plan) -> dict[str, Any]:
    return {
        "fingerprint": plan.fingerprint,
        "inputs": dict(plan.inputs),
        "samples": {name: split.n_samples for name, split in plan.splits.items()},
        "source_digest": plan.source_digest,
        "config": plan.config.model_dump(mode="json", exclude={"output": {"uri"}}),
    }


def load_plan(storage: Storage) -> Plan:
    """Return the plan of a dataset directory.

    Raises
    ------
    OutputError
        If there is none, or it was made with other versions of this package or its libraries.
    """
    published = _read_plan(storage)
    if published is None:
        raise OutputError(f"{storage.uri}: expected a dataset built by this program, got none")
    config = parse_config(published["config"], f"{storage.uri}/{PLAN_PATH}")
    plan = make_plan(config, published["source_digest"])
    if plan.fingerprint != published["fingerprint"]:
        differing = "\n".join(_differences(published["inputs"], plan.inputs))
        raise OutputError(
            f"{storage.uri}: was planned with other versions than this process has:\n{differing}\n"
            "install the versions of the plan, or build into another directory"
        )
    return plan


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
        if set(published) != set(_PLAN_KEYS):
            raise ValueError(f"expected the keys {', '.join(_PLAN_KEYS)}")
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, RecursionError) as error:
        raise OutputError(
            f"{storage.uri}: {PLAN_PATH}: is not the plan of a build: {error}; restore it, or "
            "build into another directory"
        ) from error
    return published


def _to_json(document: Mapping[str, Any]) -> bytes:
    return (json.dumps(document, indent=1) + "\n").encode()


def find_commits(storage: Storage, plan: Plan) -> dict[str, Commit]:
    """Return what label files say of the complete shards of a plan, by shard name.

    A shard is complete if its label file exists and names this fingerprint, this shard and its
    rows, and the shard has the size that the label file records.
    """
    sizes = storage.list("images")
    labelled = storage.list("labels")
    candidates = [shard for shard in plan.shards() if label_path(shard) in labelled]

    def check(shard: Shard) -> Commit | None:
        with storage.open(label_path(shard)) as file:
            commit = read_commit(file)
        expected = (plan.fingerprint, shard.name, shard.n_samples)
        if commit is None or (commit.fingerprint, commit.shard, commit.rows) != expected:
            return None
        return commit if _shard_bytes(plan, shard, sizes) == commit.shard_bytes else None

    with ThreadPoolExecutor(16) as pool:
        commits = zip(candidates, pool.map(check, candidates), strict=True)
        return {shard.name: commit for shard, commit in commits if commit is not None}


def _shard_bytes(plan: Plan, shard: Shard, sizes: Mapping[str, int]) -> int | None:
    """Return the bytes that a shard has on disk, or None if a file of it is missing."""
    config = plan.config
    extension = _SHARD_EXTENSIONS.get(config.output.container)
    if extension:
        return sizes.get(f"images/{shard.split}/{shard.name}.{extension}")
    numbers, indices = plan.splits[shard.split].identities(shard.start, shard.stop)
    suffix = EXTENSIONS[config.output.image]
    found = [
        sizes.get(f"images/{shard.split}/{number}/{number}_{index}{suffix}")
        for number, index in zip(numbers, indices, strict=True)
    ]
    return None if None in found else sum(size for size in found if size is not None)


def finalize(storage: Storage, plan: Plan, commits: Mapping[str, Commit]) -> dict[str, Any]:
    """Write the dataset card and, last, the manifest; return the manifest.

    Raises
    ------
    OutputError
        If a shard is missing.
    """
    missing = [shard.name for shard in plan.shards() if shard.name not in commits]
    if missing:
        raise OutputError(
            f"{storage.uri}: expected {plan.n_shards} shards, got {len(commits)}; the first "
            f"missing one is {missing[0]}; run the build again"
        )
    manifest = _make_manifest(plan, commits)
    storage.write(CARD_PATH, _make_card(plan.config, manifest).encode())
    storage.write(MANIFEST_PATH, _to_json(manifest))
    return manifest


def _make_manifest(plan: Plan, commits: Mapping[str, Commit]) -> dict[str, Any]:
    digest = hashlib.sha256()
    splits = {}
    for name, split in plan.splits.items():
        done = [commits[shard.name] for shard in split.shards()]
        for commit in done:
            digest.update(f"{commit.shard} {commit.shard_sha256} {commit.labels_sha256}\n".encode())
        splits[name] = {
            "samples": split.n_samples,
            "shards": split.n_shards,
            "bytes": sum(commit.shard_bytes for commit in done),
            "scaled": sum(commit.scaled for commit in done),
        }
    config = plan.config
    return {
        "schema_version": SCHEMA_VERSION,
        "program": f"digit-sequence {__version__}",
        "digest": digest.hexdigest(),
        "fingerprint": plan.fingerprint,
        "splits": splits,
        "container": config.output.container,
        "shard_samples": config.output.shard_samples,
        "image": {
            "format": config.output.image,
            "height": config.canvas.height,
            "width": config.canvas.width,
        },
        "source": {"name": config.source.name, "digest": plan.source_digest},
        "inputs": dict(plan.inputs),
    }


def _make_card(config: Config, manifest: Mapping[str, Any]) -> str:
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
