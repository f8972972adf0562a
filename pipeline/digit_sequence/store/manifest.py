"""The end of a build: the cards of the dataset and, last of all, the manifest.

::

    OUT/
      README.md                          dataset card, as Hugging Face takes it
      croissant.json                     the same for machines, see `croissant`
      dataset.json                       manifest, written last
      images/SPLIT/SHARD.tar             see `containers`
      labels/SPLIT/SHARD.parquet         see `labels`
      .build/plan.json                   config and fingerprint, written first, see `plan_file`
      .build/glyphs                      the digits it is drawn from
      .build/probe                       fingerprint; written by each worker, to see that it can
      .build/runs/TIME-ID.jsonl          what each run did, see `events`

No manifest: the dataset is not complete.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from digit_sequence.base.characters import CHARACTERS, DIGITS, SPACE, show_characters
from digit_sequence.base.digests import hash_contents
from digit_sequence.base.errors import OutputError
from digit_sequence.base.names import CARD_PATH, CROISSANT_PATH, MANIFEST_PATH, SCHEMA_VERSION
from digit_sequence.config.model import Config
from digit_sequence.containers import CONTAINERS
from digit_sequence.plan.plan import Plan
from digit_sequence.sources.registry import open_source
from digit_sequence.store.croissant import make_croissant
from digit_sequence.store.ledger import Ledger, drop_lost
from digit_sequence.store.plan_file import check_owner, describe_plan, hash_plan, to_json
from digit_sequence.store.storage import Storage


def finalize(storage: Storage, plan: Plan, ledger: Ledger) -> dict[str, Any]:
    """Write the cards of a dataset and, last, its manifest; return the manifest.

    Every file is looked for before, by a list of the directory: none may have gone meanwhile.

    Raises
    ------
    OutputError
        If a shard is missing, or another build has taken the directory over.
    """
    drop_lost(storage, plan, ledger)
    missing = next(ledger.missing(), None)
    if missing is not None:
        raise OutputError(
            f"{storage.uri}: expected {plan.n_shards} shards, got {ledger.n_done}; the first "
            f"missing one is {missing.name}; run the build again"
        )
    check_owner(storage, hash_plan(plan))
    manifest, cards = describe_dataset(plan, ledger)
    for path, card in cards.items():
        storage.write(path, card)
    storage.write(MANIFEST_PATH, to_json(manifest))
    return manifest


CARD_DIGESTS = {CARD_PATH: "card_sha256", CROISSANT_PATH: "croissant_sha256"}
"""Where the manifest has the digest of each card."""


def describe_dataset(plan: Plan, ledger: Ledger) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Return the manifest of a complete dataset, and its cards by path."""
    config = plan.config
    manifest: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "program": f"digit-sequence {plan.inputs['versions']['digit-sequence']}",
        "digest": ledger.digest(),
        "fingerprint": plan.fingerprint,
        "splits": ledger.describe_splits(),
        "container": config.output.container,
        "shard_samples": config.output.shard_samples,
        "image": {
            "format": config.output.image,
            "height": config.canvas.height,
            "width": config.canvas.widest,
            "min_width": config.canvas.narrowest,
        },
        **({} if plan.alphabet == DIGITS else {"alphabet": plan.alphabet}),
        "source": {"name": config.source.name, "digest": plan.source_digest},
        "plan": describe_plan(plan),
    }
    cards = {
        CARD_PATH: make_card(config, manifest).encode(),
        CROISSANT_PATH: to_json(make_croissant(plan, ledger, manifest)),
    }
    digests = {CARD_DIGESTS[path]: hash_contents([card]) for path, card in cards.items()}
    return manifest | digests, cards


def make_card(config: Config, manifest: Mapping[str, Any]) -> str:
    """Return the dataset card: front matter for the HF hub, then words for people."""
    pattern = CONTAINERS[config.output.container].pattern
    source = open_source(config.source)
    front = ["configs:", "- config_name: default", "  data_files:"]
    for split in manifest["splits"]:
        front += [f"  - split: {split}", f"    path: {pattern.format(split)}"]
    if source.license is not None:
        front.append(f"license: {source.license}")
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
        f"composed from digits of the source{'s' * (len(source.names) > 1)} "
        f"{' and '.join(f'`{name}`' for name in source.names)} by {manifest['program']}. "
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
    if "alphabet" in manifest:
        lines += ["", _describe_signs(manifest["alphabet"][len(DIGITS) :])]
    for credit in source.list_credits():
        lines += ["", credit]
    return "\n".join(lines) + "\n"


def _describe_signs(signs: str) -> str:
    """Return what a dataset card says of the signs of numbers, and of the space."""
    codes = ", ".join(f"{CHARACTERS.index(sign)} `{sign}`" for sign in signs if sign != SPACE)
    return (
        f"Beside digits the numbers have {show_characters(signs)}: `number` is the text as it is "
        "written, and `digits` has its digits alone. Each character but the space has a box, whose "
        f"`digit` is the code of a sign: {codes or 'there is none'}."
    )
