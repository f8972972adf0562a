"""What a build has made: for people, and for programs."""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING, Any

from digit_sequence.base.text import describe_bytes
from digit_sequence.cli.tables import echo_table
from digit_sequence.cli.terminal import echo, echo_lines

if TYPE_CHECKING:  # for types alone: the build command starts a process before it imports them
    from digit_sequence.building.dataset import BuildResult


def echo_result(result: BuildResult, uri: str) -> None:
    """Print what a build has made, and what to do next."""
    splits = result.manifest["splits"]
    rows = [("split", "images", "shards", "size of shards", "")]
    for name, split in splits.items():
        counts = (f"{split['samples']:,}", f"{split['shards']:,}", describe_bytes(split["bytes"]))
        rows.append((name, *counts, ""))
    echo_table(rows)
    scaled, n_samples = (sum(it[name] for it in splits.values()) for name in ("scaled", "samples"))
    if scaled:
        width = result.manifest["image"]["width"]
        echo(
            f"{scaled:,} of {n_samples:,} lines were wider than {width} columns and were shrunk to "
            "fit (column `scaled`)"
        )
    rate = result.built_samples / result.seconds
    echo(
        f"built {result.built_samples:,} images in {result.seconds:.1f} s, {rate:,.0f} images/s"
        if result.built_samples
        else "nothing to build: the dataset was complete"
    )
    echo(f"digest {result.manifest['digest']}")
    echo(f"in {uri}; look at it:")
    echo_lines(f"  digit-sequence preview {quote(uri)}")


def list_result(result: BuildResult, uri: str) -> dict[str, Any]:
    """Return what a build has made, for programs."""
    return {
        "output": uri,
        "built": result.built_samples,
        "seconds": round(result.seconds, 3),
        "splits": result.manifest["splits"],
        "digest": result.manifest["digest"],
    }
