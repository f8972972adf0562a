"""Repair: what is broken is undone, so that a build of the same plan mends it and no more."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from digit_sequence.base.errors import SourceError
from digit_sequence.base.names import MANIFEST_PATH, PLAN_PATH
from digit_sequence.building.dataset_checks import QUARANTINE, load_any_plan
from digit_sequence.building.shard_checks import Problem
from digit_sequence.building.verify import find_shard
from digit_sequence.plan.plan import Plan
from digit_sequence.sources.bank import GlyphBank, pack_bank
from digit_sequence.sources.bank_cache import find_bank, load_bank
from digit_sequence.sources.registry import open_source
from digit_sequence.store.done import label_path
from digit_sequence.store.glyphs import GLYPHS_PATH
from digit_sequence.store.plan_file import check_versions, describe_plan, to_json
from digit_sequence.store.storage import Storage


def repair_dataset(storage: Storage, problems: Iterable[Problem]) -> None:
    """Undo what is broken, so that building the same plan again mends the dataset and no more.

    Broken shards lose their commit record, files that do not belong are moved to
    ``.build/quarantine``, and the plan and its digits are written again.

    Raises
    ------
    OutputError
        If other versions built it.
    SourceError
        If the digits are broken, and the source gives others by now.
    """
    plan, _ = load_any_plan(storage)
    check_versions(storage, plan, "to repair it")
    problems = list(problems)
    for problem in problems:  # first, for a stray may stand where a file is to be
        if problem.is_stray:
            storage.move(problem.path, f"{QUARANTINE}/{uuid.uuid4().hex[:8]}/{problem.path}")
    for problem in problems:
        if problem.shard is not None:
            storage.delete(label_path(find_shard(plan, problem.shard)))
        elif problem.path == GLYPHS_PATH:
            storage.write(GLYPHS_PATH, pack_bank(_find_bank(plan)))
        elif problem.path == PLAN_PATH:
            storage.write(PLAN_PATH, to_json(describe_plan(plan)))
    storage.delete(MANIFEST_PATH)  # last, for it may hold the only sound copy of the plan


def _find_bank(plan: Plan) -> GlyphBank:
    """Take the digits from the cache, or from the source if it needs no path."""
    bank = find_bank(plan.source_digest)
    source = open_source(plan.config.source).without_paths()
    if bank is None and source is not None:
        bank = load_bank(source)
    if bank is None or bank.digest != plan.source_digest:
        raise SourceError(
            f"{GLYPHS_PATH}: the digits {plan.source_digest[:16]} of the source "
            f"{plan.config.source.name} are not in the cache; give the build command again, whose "
            "config names the source"
        )
    return bank
