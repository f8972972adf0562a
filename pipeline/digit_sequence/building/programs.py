"""Building from a program: what ``from digit_sequence import build`` gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from digit_sequence.base.current_folder import leave_lost_folder
from digit_sequence.base.errors import ConfigError
from digit_sequence.building.dataset import BuildResult, build_dataset
from digit_sequence.building.sampler import open_sampler
from digit_sequence.config.loading import load_config
from digit_sequence.config.model import Config
from digit_sequence.run.schedulers import SchedulerOptions, open_scheduler
from digit_sequence.store.storage import Storage


def build(
    config: Config | str | Path,
    output: str | Path | None = None,
    *,
    overrides: Sequence[str] = (),
    engine: str | None = None,
    overwrite: bool = False,
    on_progress: Callable[[int, bool], None] = lambda _samples, _is_new: None,
    should_stop: Callable[[], bool] = lambda: False,
    **scheduler: Any,
) -> BuildResult:
    """Build the dataset that a config describes, as ``digit-sequence build`` does.

    Shards that are there already are kept, so a build that was stopped goes on when it is called
    again.

    Parameters
    ----------
    config : Config, str or Path
        A config, or the path of its YAML file.
    output : str or Path, optional
        Output directory, or a URI such as ``s3://bucket/folder``. Default: the config's
        ``output.uri``, else ``data/`` and the name of the file.
    overrides : sequence of str
        Keys of the file to replace: ``["canvas.width=256"]``. Only for a path.
    engine : {"skimage", "numba"}, optional
        What draws: the same bytes at another speed. Default: numba if it is installed.
    overwrite : bool
        Delete the dataset of another config that is there.
    on_progress : callable
        Called with a count of samples and whether this call has made them.
    should_stop : callable
        Asked before every new task; true: finish the shards under way and no more.
    **scheduler
        Fields of `digit_sequence.run.schedulers.SchedulerOptions`: ``scheduler="threads"``,
        ``workers=4``. Default: a process for each core. Processes import the calling script,
        so there the call stands below ``if __name__ == "__main__":``.

    Returns
    -------
    BuildResult
        The manifest, how many samples were built, and the seconds that took.

    Raises
    ------
    ConfigError
        If the config, an override or an option is not valid.
    SourceError
        If the digits cannot be read.
    OutputError
        If the directory holds something else, or cannot be written.
    BuildError
        If shards failed, or the cluster is gone; what is built is kept.
    BuildStopped
        If `should_stop` became true before the end.
    """
    path = None if isinstance(config, Config) else Path(config)
    if isinstance(config, Config):
        if overrides:
            raise ConfigError(f"overrides: expected none with a Config, got {list(overrides)}")
        settings = config
    else:
        settings = load_config(Path(config), overrides)
    storage = Storage(str(output or choose_output(settings, path)))
    leave_lost_folder()
    storage.check()
    sampler = open_sampler(settings, engine)
    with open_scheduler(SchedulerOptions(**scheduler)) as run:
        return build_dataset(sampler, storage, run, on_progress, overwrite, should_stop)


def choose_output(config: Config, path: Path | None) -> str:
    """Return where a dataset goes if nothing else is said: output.uri, or data/ and a file's name.

    Raises
    ------
    ConfigError
        If the config names no output, and comes from no file.
    """
    if config.output.uri:
        return config.output.uri
    if path is None:
        raise ConfigError("output: expected a folder, in the call or as output.uri, got none")
    return f"data/{path.stem}"
