"""Links in a dataset directory are named; nothing outside is deleted, moved or written."""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from builds import build, read_tree, write_config
from digit_sequence.base.errors import OutputError
from digit_sequence.base.files import open_new, remove_orphans
from digit_sequence.cli.program import main
from digit_sequence.store.storage import Storage

HERE = ("--scheduler", "synchronous")


@pytest.fixture
def dataset(tiny_config, tmp_path):
    """Return a built dataset, its config, and a folder outside with a file that must stay."""
    config = write_config(tmp_path / "tiny.json", tiny_config())
    build(tiny_config(), tmp_path / "out")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/mine").write_bytes(b"mine")
    return tmp_path / "out", config, tmp_path / "outside"


def replace_by_link(path: Path, target: Path) -> None:
    """Put a link where a folder or a file is; what was there goes to where it leads."""
    if path.is_dir():
        shutil.copytree(path, target, dirs_exist_ok=True)
        shutil.rmtree(path)
        path.symlink_to(target)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.symlink_to(target / "mine")


PLACES = (
    *("images", "labels", "images/train", "labels/test", ".build", ".build/tmp", ".build/runs"),
    *("images/train/train-00000.tar", "labels/train/train-00000.parquet", "dataset.json"),
    *(".build/glyphs", ".build/plan.json"),
)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    "command",
    [
        ("build", "CONFIG", "-o", "OUT", *HERE),
        ("build", "CONFIG", "-o", "OUT", "--set", "seed=9", "--overwrite", *HERE),
        ("verify", "OUT", *HERE),
        ("verify", "OUT", "--repair", *HERE),
        ("verify", "OUT", "--quick", "--repair", *HERE),
    ],
    ids=" ".join,
)
def test_link_is_named_and_leads_nowhere(dataset, place, command):
    """Whatever is done, what a link leads to is as it was; the link is named, or moved away."""
    folder, config, outside = dataset
    replace_by_link(folder / place, outside)
    before = read_tree(outside)
    names = {"CONFIG": str(config), "OUT": str(folder)}
    result = CliRunner().invoke(main, [names.get(word, word) for word in command])
    assert result.exit_code in (0, 1, 2), result.output
    assert isinstance(result.exception, SystemExit | None), result.exception
    assert read_tree(outside) == before
    is_told = f"{place} is a link" in result.output or "is a link\n" in result.output
    assert is_told or "is not the plan of a build" in result.output, result.output


def test_link_is_moved_away_by_repair(dataset):
    """A repair moves the link itself into the quarantine, and builds what it stood for."""
    folder, _, outside = dataset
    before = read_tree(folder)
    replace_by_link(folder / "images/train", outside)
    result = CliRunner().invoke(main, ["verify", str(folder), "--repair", *HERE])
    assert result.exit_code == 0, result.output
    assert (outside / "train-00000.tar").is_file()
    (link,) = (path for path in (folder / ".build/quarantine").rglob("*") if path.is_symlink())
    assert link.readlink() == outside
    shutil.rmtree(folder / ".build/quarantine")
    assert read_tree(folder) == before


@pytest.mark.parametrize("use", ["write", "append", "delete", "move", "move to"])
def test_storage_follows_no_link(tmp_path, use):
    """Each way to change a file refuses a path through a link, and names it."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/a").write_bytes(b"mine")
    storage = Storage(str(tmp_path / "out"))
    storage.write("b", b"1")
    (tmp_path / "out/images").symlink_to(tmp_path / "outside")
    calls = {
        "write": lambda: storage.write("images/a", b"2"),
        "append": lambda: storage.append("images/a", b"2"),
        "delete": lambda: storage.delete("images/a"),
        "move": lambda: storage.move("images/a", "c"),
        "move to": lambda: storage.move("b", "images/a"),
    }
    with pytest.raises(OutputError, match="images is a link: nothing is written or deleted"):
        calls[use]()
    assert read_tree(tmp_path / "outside") == {"a": b"mine"}
    with pytest.raises(OutputError, match="images is a link"):
        storage.list()
    with pytest.raises(OutputError, match="images is a link"):
        storage.list("images/deeper")


def test_link_to_the_directory_itself(tmp_path):
    """OUT may be a link: the user has said so; a link to nothing is told."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "disk")
    Storage(str(tmp_path / "out")).write("images/a", b"1")
    assert (tmp_path / "disk/images/a").read_bytes() == b"1"
    (tmp_path / "lost").symlink_to(tmp_path / "nowhere")
    with pytest.raises(OutputError, match=r"is a link to .*nowhere, which is not there"):
        Storage(str(tmp_path / "lost")).write("a", b"1")


def test_orphans_are_no_links_and_no_pipes(tmp_path):
    """Cleaning removes left-over files alone; a pipe is waited for by nobody."""
    (tmp_path / "tmp").mkdir()
    (tmp_path / "mine").write_bytes(b"mine")
    (tmp_path / "tmp/link").symlink_to(tmp_path / "mine")
    os.mkfifo(tmp_path / "tmp/pipe")
    (tmp_path / "tmp/left").write_bytes(b"")
    assert remove_orphans(sorted((tmp_path / "tmp").iterdir()), tmp_path) == 1
    assert (tmp_path / "mine").read_bytes() == b"mine"
    assert sorted(path.name for path in (tmp_path / "tmp").iterdir()) == ["link", "pipe"]


def test_race_of_links(tmp_path):
    """While a folder and a link take turns in one place, no file appears where the link leads."""
    root, outside = tmp_path / "out", tmp_path / "outside"
    outside.mkdir()
    (root / "images").mkdir(parents=True)
    is_over = threading.Event()

    def swap() -> None:
        while not is_over.is_set():
            shutil.rmtree(root / "images", ignore_errors=True)
            with contextlib.suppress(OSError):  # the writer has made the folder meanwhile
                (root / "images").symlink_to(outside)
                (root / "images").unlink()
                (root / "images").mkdir()

    thread = threading.Thread(target=swap)
    thread.start()
    n_tried = n_written = 0
    end = time.monotonic() + 30
    try:
        # Three hundred tries, and on until one has met the folder.
        while n_tried < 300 or (not n_written and time.monotonic() < end):
            n_tried += 1
            try:
                with open_new(root / f"images/{n_tried}", root / "tmp", root) as file:
                    file.write(b"1")
                n_written += 1
            except OSError:
                continue
    finally:
        is_over.set()
        thread.join()
    assert list(outside.iterdir()) == []
    assert n_written
