"""Checks of what is no shard's: the plan, its digits, strays, the manifest and the cards."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import pyarrow as pa

from digit_sequence.base.documents import parse_json, take
from digit_sequence.base.errors import OutputError, SourceError
from digit_sequence.base.names import BUILD_FOLDER, MANIFEST_PATH, PLAN_PATH
from digit_sequence.building.shard_checks import Problem
from digit_sequence.containers import CONTAINERS
from digit_sequence.plan.plan import Plan, Shard
from digit_sequence.run.events import RUNS_FOLDER
from digit_sequence.sources.bank import parse_bank
from digit_sequence.store.done import label_path, read_sizes
from digit_sequence.store.glyphs import GLYPHS_PATH
from digit_sequence.store.ledger import Ledger, shard_paths
from digit_sequence.store.manifest import CARD_DIGESTS, describe_dataset
from digit_sequence.store.plan_file import (
    PROBE_PATH,
    describe_plan,
    load_plan,
    load_plan_copy,
    to_json,
)
from digit_sequence.store.storage import TEMPORARY_FOLDER, Storage

_MOST_SAMPLES = 10**6
"""Of shards without a label file whose files are looked for."""
QUARANTINE = f"{BUILD_FOLDER}/quarantine"
"""Where repair moves files that do not belong to the dataset."""
_UNCHECKED_FOLDERS = (f"{RUNS_FOLDER}/", f"{TEMPORARY_FOLDER}/", f"{QUARANTINE}/")


def load_any_plan(storage: Storage) -> tuple[Plan, list[Problem]]:
    """Load the plan, or if its file is damaged the copy in the manifest; and what is damaged."""
    try:
        plan = load_plan(storage, any_versions=True)
        if storage.read(PLAN_PATH) != to_json(describe_plan(plan)):
            return plan, [Problem(PLAN_PATH, "is not as it was written")]
        return plan, []
    except OutputError as error:
        copied = load_plan_copy(storage, any_versions=True)
        if copied is None:
            raise
        return copied, [Problem(PLAN_PATH, str(error))]


def check_bank(storage: Storage, plan: Plan) -> list[Problem]:
    """Check the digits that the dataset carries."""
    packed = _read(storage, GLYPHS_PATH)
    if isinstance(packed, Problem):
        return [packed]
    try:
        parse_bank(packed, plan.source_digest)
    except SourceError as error:
        return [Problem(GLYPHS_PATH, str(error))]
    return []


def _read(storage: Storage, path: str) -> bytes | Problem:
    """Return the bytes of a file, or why there are none; raise if an object store is away."""
    try:
        return storage.read(path)
    except FileNotFoundError:
        return Problem(path, "is missing")
    except OutputError as error:
        if not storage.is_local:
            raise
        return Problem(path, str(error))


def find_strays(
    storage: Storage,
    plan: Plan,
    labelled: Sequence[Shard],
    files: Collection[str],
    links: Collection[str],
) -> list[Problem]:
    """Find what no build has written; hidden files are left to others, such as git."""
    found = {path for path in files if _is_ours(path)}
    links = sorted(path for path in links if _is_ours(path))
    irregular = []
    for path in _list_files(storage, plan, labelled, found):
        if path in found:
            found.remove(path)
        elif path not in links and storage.is_irregular(path):
            irregular.append(path)
            found = {inner for inner in found if not inner.startswith(f"{path}/")}
    return [
        *(Problem(path, "is a link", is_stray=True) for path in links),
        *(Problem(path, "is not a file", is_stray=True) for path in irregular),
        *(Problem(path, "is no file of this dataset", is_stray=True) for path in sorted(found)),
    ]


def _list_files(
    storage: Storage, plan: Plan, labelled: Sequence[Shard], found: Collection[str]
) -> Iterator[str]:
    """Yield the path of every file that a build writes, but those of no use to ask for.

    A plan may be for far more shards than there are files: of those without a label file, after
    many, only the files that are there are looked at.
    """
    yield from (PLAN_PATH, GLYPHS_PATH, PROBE_PATH, MANIFEST_PATH, *CARD_DIGESTS)
    for shard in labelled:
        yield from _list_images(storage, plan, shard)
        yield label_path(shard)
    there = set(labelled)
    unlabelled = (shard for shard in plan.shards() if shard not in there)
    n_samples = 0
    for shard in unlabelled:
        yield from _list_images(storage, plan, shard)
        yield label_path(shard)
        n_samples += shard.n_samples
        if n_samples > _MOST_SAMPLES:
            yield from [path for path in found if path.startswith("images/")]
            return


def _list_images(storage: Storage, plan: Plan, shard: Shard) -> list[str]:
    """Return the files of a shard: by the plan, or where other code has named them by its rows."""
    container = CONTAINERS[plan.config.output.container]
    if plan.published is None or not container.has_file_per_image:
        return shard_paths(plan, shard)
    try:
        with storage.open(label_path(shard)) as file:
            return list(read_sizes(file, shard.n_samples))
    except (FileNotFoundError, OutputError, pa.ArrowException, KeyError, TypeError, ValueError):
        return []


def _is_ours(path: str) -> bool:
    if path.startswith(_UNCHECKED_FOLDERS):
        return False
    return not path.startswith(".") or f"{path}/".startswith(f"{BUILD_FOLDER}/")


def check_manifest(storage: Storage, plan: Plan, ledger: Ledger) -> list[Problem]:
    """Compare the manifest and the cards with what a build would write; if all shards are sound.

    Where other versions wrote them, as far as this one knows them: the manifest has digests of the
    cards that they wrote, and may hold more.
    """
    if next(ledger.missing(), None) is not None:
        return []
    content = _read(storage, MANIFEST_PATH)
    expected, _ = describe_dataset(plan, ledger)
    manifest: dict[str, Any] | None = expected
    found = {path: _read(storage, path) for path in CARD_DIGESTS}
    if plan.published:  # of a version without it, perhaps
        absent = [path for path, card in found.items() if isinstance(card, Problem)]
        manifest = _take_known(expected, content, absent)
        known = manifest or {}
        found = {
            p: card for p, card in found.items() if p not in absent or CARD_DIGESTS[p] in known
        }
    problems = []
    for path, inside in (found | {MANIFEST_PATH: content}).items():
        if isinstance(inside, Problem):
            problems.append(inside)
        elif not _is_expected(path, inside, manifest):
            problems.append(Problem(path, "is not what the shards and the plan say"))
    return problems


def _is_expected(path: str, content: bytes, manifest: dict[str, Any] | None) -> bool:
    """Tell whether a card or the manifest is as it should be."""
    if manifest is None:  # it is broken, and nothing else knows the cards
        return path in CARD_DIGESTS
    if path in CARD_DIGESTS:
        return bool(hashlib.sha256(content).hexdigest() == manifest[CARD_DIGESTS[path]])
    return content == to_json(manifest)


def _take_known(
    expected: dict[str, Any], content: bytes | Problem, absent: Collection[str]
) -> dict[str, Any] | None:
    """Return what another version's manifest says, with what this one expects in its place.

    None if it is no manifest, or has no digest of a card that is not absent.
    """
    try:
        found = parse_json(b"" if isinstance(content, Problem) else content)
        digests = {
            digest: take(found, digest, str)
            for path, digest in CARD_DIGESTS.items()
            if digest in found or path not in absent
        }
        known = {key: expected[key] for key in expected if key not in CARD_DIGESTS.values()}
        return {**found, **known, **digests}
    except (TypeError, ValueError):
        return None
