"""Every command, given damaged and hostile files: one error, no traceback, no hang, no escape.

``make test`` runs 230 inputs, ``make test-all`` 1,300 more.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from builds import build, read_tree, write_config
from digit_sequence.base.errors import PipelineError
from digit_sequence.cli.program import main
from digit_sequence.read.dataset import open_dataset
from hostile.damage import KINDS, VALUES, change_bytes, change_json, dump, harm

SECONDS = 30
"""Longer is a hang."""
HERE = ("--scheduler", "synchronous")
COMMANDS = {
    "status": ("status", "OUT"),
    "preview": ("preview", "OUT", "-n", "3", "-o", "PNG"),
    "verify": ("verify", "OUT", "--sample", "1", *HERE),
    "quick": ("verify", "OUT", "--quick"),
    "repair": ("verify", "OUT", "--repair", *HERE),
    "export": ("export", "OUT", "--to", "coco", "-o", "DIR", *HERE),
    "sample": ("sample", "train-1", "--from", "OUT", "-o", "PNG"),
    "build": ("build", "CONFIG", "-o", "OUT", *HERE),
    "overwrite": ("build", "CONFIG", "-o", "OUT", "--overwrite", "--set", "seed=9", *HERE),
}
REPORT = ("report", "OUT", "-o", "PAGE")  # apart: plots take a second
_STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@contextmanager
def bound_time() -> Iterator[None]:
    """Fail what takes longer than `SECONDS`."""

    def fail(*_: object) -> None:
        raise AssertionError(f"still running after {SECONDS} s")

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def check_command(words: tuple[str, ...], names: dict[str, str]) -> int:
    """Run a command; it ends with an exit code of its own, in time, and steers no terminal."""
    with bound_time():
        result = CliRunner().invoke(main, [names.get(word, word) for word in words])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code in (0, 1, 2), result.output
    assert result.exit_code != 1 or words[0] == "verify", result.output
    assert not _STEERING.search(result.output), repr(result.output)
    assert len(result.output) < 100_000
    return result.exit_code


def read_all(folder: Path) -> None:
    """Read every sample, as a training job does; an error of this program may come."""
    with bound_time(), contextlib.suppress(PipelineError):
        for split in open_dataset(folder).values():
            for position in range(0, min(len(split), 20), 5):
                batch = split.read_batch(range(position, min(position + 5, len(split))))
                assert batch.images.shape[1:] == split.dataset.image_shape


@pytest.fixture(scope="module")
def stage(tiny_config, tmp_path_factory):
    """Return a folder with a dataset of each container, and the config of each."""
    folder = tmp_path_factory.mktemp("hostile")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIGIT_SEQUENCE_CACHE", str(folder / "cache"))
        for container in ("webdataset", "files", "parquet"):
            config = tiny_config(output={"container": container})
            write_config(folder / f"{container}.json", config)
            build(config, folder / container)
        yield folder


def try_dataset(stage: Path, command: str, kind: str, data: st.DataObject) -> None:
    """Harm a dataset in one way, sometimes in another one too, and run a command on it."""
    container = data.draw(st.sampled_from(["webdataset", "files", "parquet"]))
    kinds = dict.fromkeys([kind, data.draw(st.sampled_from([kind, kind, *KINDS]))])
    with tempfile.TemporaryDirectory(dir=stage) as name:
        folder = Path(name)
        shutil.copytree(stage / container, folder / "out")
        (folder / "outside").mkdir()
        (folder / "outside/mine").write_bytes(b"mine")
        for each in kinds:
            try:
                harm(folder / "out", each, data.draw)
            except (OSError, ValueError, TypeError, StopIteration, AttributeError, RecursionError):
                continue  # the first harm has left nothing for this one
        if command == "read":
            read_all(folder / "out")
        else:
            names = {
                "OUT": str(folder / "out"),
                "CONFIG": str(stage / f"{container}.json"),
                "PNG": str(folder / "picture.png"),
                "DIR": str(folder / "export"),
                "PAGE": str(folder / "page.html"),
            }
            check_command(COMMANDS.get(command, REPORT), names)
        assert read_tree(folder / "outside") == {"mine": b"mine"}
        left = {path.name for path in folder.iterdir()}
        assert left <= {"out", "outside", "picture.png", "page.html", "export"}


def try_config(stage: Path, tiny_config, data: st.DataObject) -> None:
    """Give build and preview a hostile config, or hostile files of digits."""
    tree = json.loads((stage / "webdataset.json").read_text())
    with tempfile.TemporaryDirectory(dir=stage) as name:
        folder = Path(name)
        if data.draw(st.booleans()):
            for key in ("images", "labels"):
                content = Path(tree["source"][key]).read_bytes()
                if data.draw(st.booleans()):
                    content = change_bytes(content, data.draw)
                (folder / key).write_bytes(content)
                tree["source"][key] = str(folder / key)
            content = dump(tree)
        else:
            content = dump(change_json(tree, data.draw))
            if data.draw(st.booleans()):
                key = data.draw(st.sampled_from([str(value) for value in VALUES[:8]]))
                content = dump(tree | {key: 1})
            elif data.draw(st.booleans()):
                content = change_bytes(content, data.draw)
        (folder / "config.yaml").write_bytes(content)
        words = data.draw(
            st.sampled_from(
                [
                    ("build", "CONFIG", "-o", "OUT", "--dry-run", *HERE),
                    ("preview", "CONFIG", "-n", "2", "-o", "PNG"),
                ]
            )
        )
        names = {
            "OUT": str(folder / "out"),
            "CONFIG": str(folder / "config.yaml"),
            "PNG": str(folder / "picture.png"),
        }
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DIGIT_SEQUENCE_CACHE", str(folder / "cache"))
            patch.chdir(folder)
            check_command(words, names)


def few(count: int):
    """Return settings for some inputs, which are not shrunk: one that hangs takes `SECONDS`.

    CI, whose inputs are the same each time, takes a third.
    """
    return settings(
        max_examples=max(1, count // 3) if os.environ.get("CI") else count,
        deadline=None,
        phases=[Phase.explicit, Phase.reuse, Phase.generate],
        suppress_health_check=[*HealthCheck],
        print_blob=True,
    )


SPREAD = pytest.mark.parametrize(
    ("command", "kind"), [(command, kind) for command in (*COMMANDS, "read") for kind in KINDS]
)


@SPREAD
@few(2)
@given(st.data())
def test_hostile_datasets(stage, command, kind, data):
    """Two damaged or hostile datasets for each command and each kind of harm."""
    try_dataset(stage, command, kind, data)


@few(50)
@given(st.data())
def test_hostile_configs(stage, tiny_config, data):
    """Fifty hostile configs and files of digits."""
    try_config(stage, tiny_config, data)


@pytest.mark.slow
@SPREAD
@few(10)
@given(st.data())
def test_many_hostile_datasets(stage, command, kind, data):
    """The same, five times as many: 900."""
    try_dataset(stage, command, kind, data)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@few(4)
@given(st.data())
def test_hostile_datasets_in_reports(stage, kind, data):
    """A page about damaged and hostile datasets: 36."""
    try_dataset(stage, "report", kind, data)


@pytest.mark.slow
@few(400)
@given(st.data())
def test_many_hostile_configs(stage, tiny_config, data):
    """The same, eight times as many."""
    try_config(stage, tiny_config, data)
