"""What is said of a place where a complete dataset is wanted, and something else is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from digit_sequence.base.errors import ConfigError, OutputError
from digit_sequence.base.files import is_remote, suggest_path
from digit_sequence.base.names import BUILD_FOLDER

if TYPE_CHECKING:
    from digit_sequence.store.storage import Storage

KEEP_BUILDING = "run the same build again, which keeps what is there"
"""What to do about a dataset that lacks shards."""


def refuse_file(uri: str) -> None:
    """Raise an OutputError if it is a file; of a config this names the folder of its dataset."""
    path = Path(uri)
    if is_remote(uri) or not path.is_file():
        return
    folder = _find_output(path) if path.suffix in (".yaml", ".yml", ".json") else None
    got = f"a config; give what was built of it, {folder} unless -o said another"
    raise OutputError(f"{uri}: expected the folder of a dataset, got {got if folder else 'a file'}")


def describe_none(storage: Storage) -> OutputError:
    """Return what to say of a folder without a plan: a build may have begun there just now."""
    folder = Path(storage.locate(BUILD_FOLDER)).parent
    advice = "; check the path, or build one: digit-sequence build CONFIG -o OUT"
    try:
        if any(not path.startswith(f"{BUILD_FOLDER}/") for path, _ in storage.walk()):
            got = "none"
        elif storage.is_local and folder.is_dir() and not any(folder.iterdir()):
            got = "an empty folder"
        elif near := suggest_path(folder) if storage.is_local else "":
            got, advice = "none", near
        else:
            got = "none yet; a build that has just begun writes there in some seconds"
    except OutputError:
        got = "none"
    return OutputError(
        f"{storage.uri}: expected a dataset built by this program, got {got}{advice}"
    )


def _find_output(path: Path) -> str | None:
    """Return where a config is built unless something else is said; None if it is no config."""
    from digit_sequence.config.files import read_yaml  # noqa: PLC0415 - to read needs no YAML

    try:
        tree = read_yaml(path)
    except ConfigError:
        return None
    if not isinstance(tree, dict) or "splits" not in tree or "fingerprint" in tree:
        return None  # which a manifest has
    output = tree.get("output")
    uri = output.get("uri") if isinstance(output, dict) else None
    return str(uri or f"data/{path.stem}")
