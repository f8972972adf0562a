"""Files that appear whole or not at all; local or in a store."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import pytest

from builds import start_python
from digit_sequence.base.files import is_remote, open_new, remove_orphans, suggest_path

WRITE_SLOWLY = """
import sys, time
from pathlib import Path
from digit_sequence.base.files import open_new
with open_new(Path(sys.argv[1])) as file:
    file.write(b"half")
    file.flush()
    print("half", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize(
    ("place", "is_one"),
    [
        ("s3://bucket/x", True),
        ("gs://bucket", True),
        (Path("s3://bucket/x"), True),
        (Path("gs://bucket"), True),
        ("data/default", False),
        ("s3:/bucket", False),
        (Path("data/s3:/x"), False),
        (Path("/data/x"), False),
        (Path(), False),
    ],
)
def test_stores(place, is_one):
    """A URI is a store's, also as a path, which drops one of its slashes."""
    assert is_remote(place) == is_one


def test_new_file(tmp_path):
    """A file and its folder are there after the block, and nothing else is."""
    with open_new(tmp_path / "deep/er/file") as file:
        file.write(b"content")
        assert not (tmp_path / "deep/er/file").exists()
    assert [path.name for path in (tmp_path / "deep/er").iterdir()] == ["file"]
    assert (tmp_path / "deep/er/file").read_bytes() == b"content"


@pytest.mark.parametrize("is_apart", [False, True])
def test_failing_block(tmp_path, is_apart):
    """After an error the file is as it was, and nothing is left over."""
    (tmp_path / "file").write_bytes(b"old")
    folder = tmp_path / "apart" if is_apart else None
    with (
        pytest.raises(ZeroDivisionError),
        open_new(tmp_path / "file", folder) as file,
    ):
        file.write(b"%d" % (1 / 0))
    assert (tmp_path / "file").read_bytes() == b"old"
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["file"]


def test_killed_writer(tmp_path):
    """What a killed writer leaves is no file, and is removed by the next; not that of live ones."""
    target = tmp_path / "file"
    writers = [
        start_python("-c", WRITE_SLOWLY, target, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    try:
        for writer in writers:
            assert writer.stdout.readline() == "half\n"
        writers[0].send_signal(signal.SIGKILL)
        writers[0].wait()
        assert len(list(tmp_path.iterdir())) == 2
        assert not target.exists()
        with open_new(target) as file:
            file.write(b"whole")
        assert target.read_bytes() == b"whole"
        assert len(list(tmp_path.iterdir())) == 2
    finally:
        for writer in writers:
            writer.kill()
            writer.wait()
            writer.stdout.close()
    assert remove_orphans(tmp_path.glob(".file.*")) == 1


def test_writer_survives_those_who_clean(tmp_path):
    """A process that writes while another cleans all the time loses nothing."""
    script = (
        "import sys; from pathlib import Path; from digit_sequence.base.files import *\n"
        "while True: remove_orphans(Path(sys.argv[1]).glob('.a.*'))\n"
    )
    cleaner = start_python("-c", script, tmp_path)
    try:
        end = time.monotonic() + 2
        while time.monotonic() < end:
            with open_new(tmp_path / "a") as file:
                file.write(b"1" * 1000)
            assert (tmp_path / "a").read_bytes() == b"1" * 1000
    finally:
        cleaner.kill()
        cleaner.wait()


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("configs/defualt.yaml", "configs/default.yaml"),
        ("confgs/default.yaml", "configs/default.yaml"),
        ("configs/Default.yaml", "configs/default.yaml"),
        ("data/tinny", "data/tiny"),
        ("configs/default", "configs/default.yaml"),
        ("configs/fax.yaml", ""),  # real.yaml has its end alone
        ("configs/defualt.png", ""),
        ("confgs/defualt.yaml", ""),
        ("configs/default.yaml", ""),
        ("none/at/all", ""),
        ("", ""),
        ("x" * 5000, ""),
        ("a\0b", ""),
    ],
)
def test_paths_that_were_meant(tmp_path, monkeypatch, given, meant):
    """Of a path with one wrong name the right one is suggested, if it is there."""
    monkeypatch.chdir(tmp_path)
    for path in ("configs/default.yaml", "configs/real.yaml", "configs/photo.jpg", "data/tiny/x"):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).touch()
    assert suggest_path(Path(given)) == (f"; did you mean {Path(meant)}?" if meant else "")
    if given and not Path(given).is_absolute():
        found = suggest_path(tmp_path / given)
        assert found == (f"; did you mean {tmp_path / meant}?" if meant else "")
