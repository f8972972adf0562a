"""The plan file, ``.build/plan.json``: what a directory is claimed for, whoever reads it.

===============  ==================================================================================
fingerprint      digest of `inputs`
inputs           all that may change a byte, versions of code and libraries included
samples          of each split
shard_samples    of each shard but the last of a split
container        how the images of a shard are stored
source_digest    of the glyphs, which are beside it in ``.build/glyphs``
config           as it was given, but for paths
sha256           of all this
===============  ==================================================================================

It is the first file that a build writes. Building and drawing need the versions that it names. To
verify, to count what is done and to read need none: an `Outline` is all that any version says.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from digit_sequence.base.blocks import publish_block
from digit_sequence.base.documents import parse_json, take
from digit_sequence.base.errors import ConfigError, OutputError
from digit_sequence.base.names import (
    BUILD_FOLDER,
    CARD_PATHS,
    MANIFEST_PATH,
    PLAN_PATH,
)
from digit_sequence.base.text import list_first
from digit_sequence.config.loading import parse_config
from digit_sequence.plan.plan import Plan, make_plan
from digit_sequence.sources.bank import GlyphBank, pack_bank
from digit_sequence.sources.excluded import has_file
from digit_sequence.store.glyphs import GLYPHS_PATH, has_glyphs
from digit_sequence.store.places import describe_none
from digit_sequence.store.records import (
    MAX_SHARDS,
    Outline,
    check_plan,
    hash_json,
    make_outline,
    parse_plan,
    take_versions,
)
from digit_sequence.store.storage import Storage

PROBE_PATH = f"{BUILD_FOLDER}/probe"
_SHOWN = 60
"""Characters of a value in a message, at most."""
_REMEDY = (
    "Nothing was touched; choose another output, or --overwrite to delete the dataset that is there"
)


def outline_plan(plan: Plan) -> Outline:
    """Return the outline of a plan."""
    output = plan.config.output
    samples = {name: split.n_samples for name, split in plan.splits.items()}
    return Outline(plan.fingerprint, output.container, output.shard_samples, samples)


def load_outline(storage: Storage) -> Outline:
    """Return the outline of a dataset directory, whatever version planned it.

    Raises
    ------
    OutputError
        If the directory holds no plan.
    """
    return make_outline(read_published(storage))


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
    check_countable(plan)
    document = describe_plan(plan)
    published = _read_plan(storage)
    if published is None:
        _check_empty(storage)
    elif conflict := _find_conflict(published, document):
        if not overwrite:
            raise OutputError(f"{storage.uri}: {conflict}")
        _delete_shards(storage)
        published = None  # its file stays until it is replaced: the directory is never foreign
    elif published != document:
        storage.delete(MANIFEST_PATH)
    if published is None or not has_glyphs(storage, plan):
        storage.write(GLYPHS_PATH, pack_bank(bank))
    if published != document:
        storage.write(PLAN_PATH, to_json(document))


def check_countable(plan: Plan) -> None:
    """Raise a ConfigError if there are more shards than a process can count."""
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
    for path in [MANIFEST_PATH, *CARD_PATHS, GLYPHS_PATH, *shards]:
        storage.delete(path)


def _find_conflict(old: Mapping[str, Any], new: Mapping[str, Any]) -> str | None:
    """Return why a directory with one plan cannot become that of another."""
    if old["fingerprint"] != new["fingerprint"]:
        is_other = {**old["inputs"], "versions": 0} != {**new["inputs"], "versions": 0}
        what = "config" if is_other else "version of this program or of a library"
        return (
            f"holds the build of another {what}. {_REMEDY}. These differ:\n"
            f"{list_first(_differences(old['inputs'], new['inputs']))}"
        )
    for split, samples in old["samples"].items():
        if (got := new["samples"].get(split, 0)) < samples:
            return (
                f"planned for {samples:,} samples of {split}, and a dataset can grow but not "
                f"shrink: got {got:,}. {_REMEDY}"
            )
    return None


def describe_plan(plan: Plan) -> dict[str, Any]:
    """Return what plan.json holds, and the manifest repeats.

    It has the same bytes wherever it was made: of paths to the source only the last part is kept,
    and of mirrors, which a dataset must not make anybody ask, nothing.
    """
    if plan.published is not None:
        return dict(plan.published)
    config = publish_block(plan.config)
    del config["output"]["uri"]
    document = {
        "fingerprint": plan.fingerprint,
        "inputs": dict(plan.inputs),
        "samples": {name: split.n_samples for name, split in plan.splits.items()},
        "shard_samples": plan.config.output.shard_samples,
        "container": plan.config.output.container,
        "source_digest": plan.source_digest,
        "config": config,
    }
    return document | {"sha256": hash_json(document)}


def hash_plan(plan: Plan) -> str:
    """Return the SHA-256 of a plan: fingerprint, sizes and all."""
    digest: str = describe_plan(plan)["sha256"]
    return digest


def check_owner(storage: Storage, plan_sha256: str) -> None:
    """Raise an OutputError if the directory's plan is another one by now."""
    if read_published(storage)["sha256"] != plan_sha256:
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
    return _parse_plan(storage, read_published(storage), any_versions)


def load_plan_copy(storage: Storage, any_versions: bool = False) -> Plan | None:
    """Return the plan that the manifest repeats, or None if there is no sound manifest."""
    try:
        document = parse_json(storage.read(MANIFEST_PATH))
        published = check_plan(take(document, "plan", dict))
    except (FileNotFoundError, ValueError):
        return None
    return _parse_plan(storage, published, any_versions)


def check_versions(storage: Storage, plan: Plan, purpose: str) -> None:
    """Raise an OutputError if a plan cannot be drawn by this process, as `purpose` needs."""
    if plan.published is not None:
        current = make_plan(plan.config, plan.source_digest)
        raise OutputError(
            f"{storage.uri}: was planned with other versions than this process has, and {purpose} "
            "needs those of the plan; install them. These differ:\n"
            f"{list_first(_differences(plan.inputs, current.inputs))}"
        )


def _parse_plan(storage: Storage, published: Mapping[str, Any], any_versions: bool) -> Plan:
    place = f"{storage.uri}/{PLAN_PATH}"
    try:
        config = parse_config(published["config"], place)
        if any(split.has_paths for split in config.splits.values()):
            raise OutputError(
                f"{storage.uri}: {PLAN_PATH}: expected numbers, got the name of a file of numbers; "
                "no build has written that"
            )
        if has_file(config.source):
            raise OutputError(
                f"{storage.uri}: {PLAN_PATH}: expected rows in source.exclude, got the name of a "
                "file; no build has written that"
            )
        plan = make_plan(config, published["source_digest"])
        check_countable(plan)
        _check_agreement(plan, published)
    except ConfigError as error:
        version = take_versions(published).get("digit-sequence", "unknown")
        raise ConfigError(
            f"{error}\nit was planned by version {version} of this program: use that one"
        ) from error
    if plan.fingerprint == published["fingerprint"]:
        return plan
    if not any_versions:
        raise OutputError(
            f"{storage.uri}: was planned with other versions than this process has; install those "
            "of the plan, or build into another directory. These differ:\n"
            f"{list_first(_differences(published['inputs'], plan.inputs))}"
        )
    return replace(plan, inputs=published["inputs"], published=published)


def _check_agreement(plan: Plan, published: Mapping[str, Any]) -> None:
    """Raise an OutputError unless a plan file says of its config what follows from it."""
    outline = outline_plan(plan)
    expected = replace(outline, fingerprint=published["fingerprint"])
    if make_outline(published) != expected:
        raise OutputError(
            f"{PLAN_PATH}: expected samples and shards as its config says, {expected.samples} in "
            f"shards of {expected.shard_samples}, got others"
        )


def _differences(old: Any, new: Any, place: str = "") -> Iterator[str]:
    """Yield the leaves in which two trees of JSON values differ."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted({*old, *new}):
            yield from _differences(old.get(key), new.get(key), f"{place}.{key}" if place else key)
    elif old != new:
        yield f"{place}: {_shorten(old)} there, {_shorten(new)} here"


def _shorten(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def read_published(storage: Storage) -> dict[str, Any]:
    """Return what the plan file of a dataset directory says, whatever version wrote it.

    Raises
    ------
    OutputError
        If there is none, or it is not sound.
    """
    published = _read_plan(storage)
    if published is None:
        raise describe_none(storage)
    return published


def _read_plan(storage: Storage) -> dict[str, Any] | None:
    try:
        return parse_plan(storage.read(PLAN_PATH))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise OutputError(
            f"{storage.uri}: {PLAN_PATH}: is not the plan of a build: {error}; restore it, or "
            "build into another directory"
        ) from error


def to_json(document: Mapping[str, Any]) -> bytes:
    """Return a JSON file."""
    return (json.dumps(document, indent=1) + "\n").encode()
