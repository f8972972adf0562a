"""What a command is pointed at: a dataset, or a config."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from digit_sequence.base.errors import ConfigError
from digit_sequence.base.files import is_remote
from digit_sequence.building.sampler import Sampler, open_output, open_sampler
from digit_sequence.config.loading import load_config, naming_file
from digit_sequence.store.places import refuse_file
from digit_sequence.store.storage import Storage


def is_dataset(origin: str, overrides: Sequence[str] = ()) -> bool:
    """Return whether it is a directory or a URI; else it is a config, which takes overrides."""
    if not (is_remote(origin) or Path(origin).is_dir()):
        return False
    if overrides:
        raise ConfigError(f"--set: {origin} is a dataset, whose config cannot change")
    return True


def open_origin(origin: str, overrides: Sequence[str] = ()) -> Sampler:
    """Open a dataset directory, or a config with overrides."""
    if is_dataset(origin, overrides):
        return open_output(open_storage(origin))
    config = load_config(Path(origin), overrides)
    with naming_file(origin):
        return open_sampler(config)


def open_storage(uri: str) -> Storage:
    """Open a dataset directory, and no file; an object store is asked whether it answers."""
    refuse_file(uri)
    storage = Storage(uri)
    storage.check()
    return storage
