"""Results replace older results of the same; what is another's is replaced on request alone."""

from __future__ import annotations

import io
import shutil

import pytest
from click.testing import CliRunner
from PIL import Image

from builds import write_config
from digit_sequence.cli.marks import check_own, make_mark, mark_page
from digit_sequence.cli.program import main

MAKERS = {
    "preview": (["preview", "none", "-o"], "mine.png"),
    "report": (["report", "none", "-o"], "mine.html"),
}
"""Commands that write a picture or a page with a mark, and a name for it."""
OTHERS = {
    "sample": (["sample", "train-000000001", "--from", "none", "-o"], "mine.png", "PNG"),
    "build": (["build", "none.yaml", "--performance-report"], "mine.HTM", "HTML page"),
}
"""Commands that write one without, and what it is called."""
PICTURE = io.BytesIO()
Image.new("L", (4, 4)).save(PICTURE, "png")
CONTENTS = [
    b"seed: 1\n",
    b"\xff\xd8\xff\xe0 a photo",
    b"\x00",
    b'digit-sequence x "\xff"',
    PICTURE.getvalue(),
]


def run(*words, status=0):
    """Run a command; return what it says."""
    result = CliRunner().invoke(main, [*map(str, words)])
    assert result.exit_code == status, result.output
    return result.stdout if status == 0 else result.stderr


@pytest.fixture
def two(tiny_config, tmp_path, monkeypatch):
    """Be in a folder with the configs a.yaml and b.yaml."""
    monkeypatch.chdir(tmp_path)
    for name in "ab":
        write_config(tmp_path / f"{name}.yaml", tiny_config())
    return tmp_path


@pytest.mark.parametrize(("command", "name"), MAKERS.values(), ids=MAKERS)
@pytest.mark.parametrize("content", CONTENTS)
def test_other_files_are_not_replaced(command, name, content, tmp_path):
    """A picture or a page does not replace what was not: a config, by a slip of the hand."""
    path = tmp_path / name
    path.write_bytes(content)
    told = run(*command, path, status=2)
    assert f"--output: {path} is there already, not by this command; name another file, or" in told
    assert path.read_bytes() == content


@pytest.mark.parametrize(("command", "name", "kind"), OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("content", CONTENTS[:3])
def test_files_of_other_kinds_are_not_replaced(command, name, kind, content, tmp_path):
    """Where there is no mark, a picture or a page does not replace what is none."""
    path = tmp_path / name
    path.write_bytes(content)
    told = run(*command, path, status=2)
    assert f"{path} is there already and is no {kind}; name another file" in told
    assert path.read_bytes() == content


PICTURES, PAGES, CONFIGS = ".png", ".html or .htm", ".yaml or .yml"
NAMES = {
    "preview": (["preview", "none", "-o"], "--output", PICTURES),
    "sample": (["sample", "train-1", "--from", "none", "-o"], "--output", PICTURES),
    "report": (["report", "none", "-o"], "--output", PAGES),
    "build": (["build", "none.yaml", "--performance-report"], "--performance-report", PAGES),
    "match": (["match", "none", "-o"], "--output", CONFIGS),
    "new": (["new", "--yes"], "CONFIG", CONFIGS),
}
"""Commands that write a file by its name, where it stands, and how the name may end."""


@pytest.mark.parametrize(("command", "where", "endings"), NAMES.values(), ids=NAMES)
@pytest.mark.parametrize("name", ["sheet.txt", "sheet", "sheet.jpg"])
def test_names_say_what_is_written(command, where, endings, name, work):
    """A picture is not written into a .txt: its name is refused before anything is done."""
    told = run(*command, name, status=2)
    assert told == f"error: {where}: expected a name that ends in {endings}, got {name}\n"
    assert not [*work.iterdir()]


def test_results_are_replaced(two):
    """A picture replaces an empty file, and an older one of the same, with other options too."""
    path = two / "sheet.png"
    path.touch()
    sizes = set()
    for options in (["-n", 1], ["-n", 2], ["-n", 2, "--set", "canvas.height=40"]):
        run("preview", "a.yaml", "-o", "sheet.png", *options)
        sizes.add(path.stat().st_size)
        with Image.open(path) as picture:
            picture.load()
            assert picture.text == {"Software": 'digit-sequence preview "a.yaml"'}
    assert len(sizes) == 3


def test_results_of_others_are_not_replaced(two):
    """A picture of another config, or that has no mark, is replaced with --overwrite alone."""
    run("preview", "a.yaml", "-n", 1)
    before = (two / "preview.png").read_bytes()
    told = run("preview", "b.yaml", "-n", 1, status=2)
    assert told == (
        "error: --output: preview.png is there already, the preview of a.yaml; name another file, "
        "or give --overwrite to replace it\n"
    )
    assert (two / "preview.png").read_bytes() == before
    run("preview", "b.yaml", "-n", 1, "--overwrite")
    assert "the preview of b.yaml" in run("preview", "a.yaml", "-n", 1, status=2)
    run("sample", "train-000000001", "--from", "a.yaml", "-o", "preview.png")
    assert "preview.png is there already, not by this command" in run("preview", "a.yaml", status=2)


def test_marks_move_with_what_they_are_of(two):
    """The place in a mark is relative to the file, whatever the current folder is."""
    run("preview", "a.yaml", "-o", two / "preview.png", "-n", 1)
    run("preview", two / "b.yaml", "-o", "b.png", "-n", 1)
    (two / "moved").mkdir()
    for name in ("a.yaml", "preview.png", "images", "labels"):
        if (two / name).exists():
            shutil.move(two / name, two / "moved" / name)
    run("preview", "moved/a.yaml", "-o", "moved/preview.png", "-n", 1)
    run("preview", "./b.yaml", "-o", two / "b.png", "-n", 1)


def test_marks_of_odd_names(tmp_path):
    """Whatever a dataset is called, its mark is one word that no page or picture is broken by."""
    odd = 'a "b" \'<&> --> é'
    mark = make_mark("report", odd, tmp_path / "report.html")
    assert mark.isascii()
    page = tmp_path / "report.html"
    page.write_text(mark_page("<!doctype html>\n<html><head></head></html>", mark))
    check_own(page, mark, overwrite=False)
    assert '<meta name="generator" content=\'digit-sequence report' in page.read_text()
    assert not {*"<>&"} & {*mark}
    assert mark.count('"') == 2
    assert "'" not in mark
    assert make_mark("report", "s3://bucket/x", page) == 'digit-sequence report "s3%3A//bucket/x"'
