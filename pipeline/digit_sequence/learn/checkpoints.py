"""Checkpoints and weights: written whole, and read as what may come from anyone.

PyTorch's files are pickles. They are read by its unpickler for tensors and plain values alone
(``weights_only``), which runs no code; a file that says it is larger than a checkpoint can be is
refused before, and what is in it is checked before it is used.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import torch
from pydantic import TypeAdapter

from digit_sequence.base.characters import show_characters
from digit_sequence.base.digests import hash_contents
from digit_sequence.base.errors import ConfigError, OutputError
from digit_sequence.base.files import open_new
from digit_sequence.base.text import list_first
from digit_sequence.learn.crops import Taught
from digit_sequence.learn.network import NETWORKS, Recognizer, make_recognizer

CHECKPOINTS = ("last.pt", "best.pt")
"""Of a run: to go on from, and its best weights."""
MAX_CHECKPOINT_BYTES = 1 << 26
"""Weights, two moments and the history take 3 MB."""

Record = TypeVar("Record")


def save_atomically(path: Path, content: Any) -> None:
    """Write a checkpoint that is there whole or not at all."""
    try:
        with open_new(path) as file:
            torch.save(content, file)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error


@contextmanager
def reading(path: Path, advice: str = "remove it to train anew") -> Iterator[None]:
    """Turn whatever a file that is no checkpoint of this program raises into one message.

    Parameters
    ----------
    path : Path
    advice : str
        What to do about it.

    Raises
    ------
    OutputError
        Naming the file, and the kind of the failure: its text may be the file's.
    """
    try:
        yield
    except Exception as error:  # broken files make PyTorch raise many kinds
        reason = str(error) if isinstance(error, OutputError) else type(error).__name__
        raise OutputError(
            f"{path}: expected a checkpoint of this program, tensors and plain values, got a file "
            f"that cannot be read ({reason}); {advice}"
        ) from error


def load_checkpoint(path: Path, advice: str = "remove it to train anew") -> Any:
    """Read a checkpoint; only tensors and plain values, never code.

    Parameters
    ----------
    path : Path
    advice : str
        What to do about a file that is none.

    Raises
    ------
    OutputError
        If it cannot be read, or is too large to be one.
    """
    with reading(path, advice):
        if not path.is_file():
            raise OutputError("it is no file")
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
                raise OutputError("it is compressed")
            if sum(entry.file_size for entry in entries) > MAX_CHECKPOINT_BYTES:
                raise OutputError(f"it says it is larger than {MAX_CHECKPOINT_BYTES:,} bytes")
            if archive.testzip() is not None:  # PyTorch does not look at the checksums
                raise OutputError("it is damaged: a checksum differs")
        return torch.load(path, map_location="cpu", weights_only=True)


def check_like(saved: Mapping[str, Any], expected: Mapping[str, Any], what: str) -> None:
    """Check that saved tensors have the names, shapes and types of others.

    Raises
    ------
    OutputError
        If they do not.
    """
    if set(saved) != set(expected):
        raise OutputError(f"{what}: other tensors than here")
    for name, tensor in expected.items():
        found = saved[name]
        if (
            not isinstance(found, torch.Tensor)
            or found.layout != torch.strided
            or (found.shape, found.dtype) != (tensor.shape, tensor.dtype)
        ):
            raise OutputError(f"{what}: a tensor of another shape or type")


def check_identity(folder: Path, found: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    """Refuse to go on with another run, and say what differs.

    Raises
    ------
    OutputError
        If the run that the folder holds is another.
    """
    differing = [
        f"{name}: {found.get(name)!r} there, {value!r} here"
        for name, value in expected.items()
        if found.get(name) != value
    ]
    if differing:
        raise OutputError(
            f"{folder}: holds another run. Nothing was touched; choose another --output, or "
            f"--overwrite to train anew. These differ:\n{list_first(differing)}"
        )


def parse_record(kind: type[Record], content: Mapping[str, Any]) -> Record:
    """Return a dataclass of plain values, each checked against its type."""
    record = kind(**content)
    return TypeAdapter(kind).validate_python(vars(record))


def load_weights(path: Path, advice: str = "remove it to train anew") -> tuple[Recognizer, Taught]:
    """Return a network that a run has taught, and on what images.

    Raises
    ------
    OutputError
        If the file has no weights of this network.
    """
    saved = load_checkpoint(path, advice)
    with reading(path, advice):
        if set(saved) != {"taught", "network", "model"}:
            raise OutputError("it does not say what images its weights know, or of which network")
        taught = parse_record(Taught, saved["taught"])
        if saved["network"] not in NETWORKS:
            raise OutputError("it is of no network of this program")
        model = make_recognizer(taught.alphabet, saved["network"])
        check_like(saved["model"], model.state_dict(), "model")
        if not all(torch.isfinite(tensor).all() for tensor in saved["model"].values()):
            raise OutputError("model: a weight that is no number")
        model.load_state_dict(saved["model"])
    return model.eval(), taught


def open_weights(path: Path) -> tuple[Recognizer, Taught]:
    """Return what `load_weights` does, of a run's folder or its best.pt."""
    advice = "name the best.pt of a run of this version's train, or its folder"
    file = path / "best.pt" if path.is_dir() else path
    if not file.exists():
        raise OutputError(f"{file}: expected the weights of a run, got nothing there; {advice}")
    return load_weights(file, advice)


def adopt_weights(model: Recognizer, path: Path, alphabet: str) -> str:
    """Give a network the weights of another run, its folder or its best.pt; return their digest.

    Raises
    ------
    ConfigError
        If they know other characters than the alphabet, or are of another network.
    """
    other, taught = open_weights(path)
    if taught.alphabet != alphabet:
        raise ConfigError(
            f"{path}: expected weights that know the characters of the dataset, "
            f"{show_characters(alphabet)}, got those of {show_characters(taught.alphabet)}"
        )
    if other.network != model.network:
        raise ConfigError(
            f"{path}: expected weights of the network {model.network}, got those of "
            f"{other.network}; train with --network {other.network}"
        )
    model.load_state_dict(other.state_dict())
    return hash_contents(tensor.numpy().tobytes() for tensor in model.state_dict().values())
