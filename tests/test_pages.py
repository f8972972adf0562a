"""The pages: links and pictures are there, commands are those of the program, guides run."""

from __future__ import annotations

import re
import shlex
from fnmatch import fnmatch
from functools import partial

import click
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from builds import ROOT
from conftest import sift
from digit_sequence.cli.program import main
from digit_sequence.config.loading import load_config
from digit_sequence.look.gallery import JOBS, list_shown
from digit_sequence.match.match import build_crops
from digit_sequence.numbers.registry import NUMBER_KINDS
from digit_sequence.read.dataset import open_dataset

PAGES = sorted(
    path
    for pattern in ("*.md", "configs/**/*.md", "pipeline/**/*.md", "tests/**/*.md")
    for path in ROOT.glob(pattern)
)
GUIDES = ROOT / "configs/guides.md"


def read_page(path):
    """Return the text of a page."""
    return path.read_text(encoding="utf-8")


def find_blocks(text, language):
    """Return the code blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def find_links(text):
    """Return what links and pictures outside of code point to."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    return re.findall(r"\]\(([^)\s]+)\)", text)


def list_anchors(path):
    """Return the anchors that a code host makes of the headings of a page."""
    text = re.sub(r"^```.*?^```", "", read_page(path), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_resolve(page):
    """Each link is to a file or folder of the clone, and its anchor to a heading there."""
    for link in find_links(read_page(page)):
        if link.startswith("https://"):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        assert not anchor or anchor in list_anchors(target), link


def test_pictures_are_made():
    """Each picture of a page is one that `make reference`, `gallery` or `screenshots` writes."""
    shown = {f"{it.section}.{it.name}" for it in list_shown()}
    shown |= {f"numbers.{name}" for name in NUMBER_KINDS}
    gallery = {f"{name}.png" for name in ("looks", "report", *JOBS, *shown)}
    made = {f"configs/gallery/{name}" for name in gallery} | {
        "configs/default.png",
        "configs/browse.png",
    }
    pictures = {
        (page.parent / link).resolve().relative_to(ROOT).as_posix()
        for page in PAGES
        for link in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", read_page(page))
    }
    assert pictures <= made
    assert all((ROOT / name).stat().st_size < 300_000 for name in pictures)


def test_front_page_is_short():
    """The first page is some 200 lines."""
    assert len(read_page(ROOT / "README.md").splitlines()) <= 220


# -- commands -------------------------------------------------------------------------------------


def list_commands(text):
    """Return the lines of code of a page that call the program, as arguments."""
    lines = "\n".join(find_blocks(text, "(?:sh)?")).replace("\\\n", " ").splitlines()
    lines += [code for code in re.findall(r"`([^`\n]+)`", text) if "digit-sequence " in code]
    for line in lines:
        _, program, rest = line.partition("digit-sequence ")
        if program and not line.startswith("#") and "docker" not in line:
            rest = re.sub(r"\s{2,}\w.*| #.*|[\[\]]", "", rest)
            yield shlex.split(rest)


def list_calls():
    """Return what pages say to give the program, each once."""
    calls = {tuple(call) for page in PAGES for call in list_commands(read_page(page))}
    return sorted(call for call in calls if call and call[0].isalpha())


@pytest.mark.parametrize("call", list_calls(), ids=" ".join)
def test_command_is_one_of_the_program(call):
    """A command that a page shows exists, and so do its options."""
    name, *arguments = call
    context = click.Context(main, **main.context_settings)
    command = main.get_command(context, name)
    assert command is not None, name
    command.make_context(name, [*arguments], parent=context, resilient_parsing=True)


def test_files_of_guides_are_no_part_of_a_clone():
    """What the guides have one make in the top folder is not committed by accident."""
    ignored = [it.strip("/") for it in (ROOT / ".gitignore").read_text().split() if it[0] == "/"]
    guides = [read_page(ROOT / "configs/guides.md"), read_page(ROOT / READING)]
    made = {"digits", "papers", "crops", "zip.csv", "labels.csv"}
    for guide in guides:
        made |= {*re.findall(r"^# (\S+\.yaml)$", guide, re.MULTILINE)}
        made |= {*re.findall(r"^digit-sequence .* -o (\S+)", guide, re.MULTILINE)}
    assert {"own-digits.yaml", "own-paper.png", "like-crops.yaml", "reader.yaml"} <= made
    tops = {name.partition("/")[0] for name in made if name.islower()}
    assert {it for it in tops if not any(fnmatch(it, each) for each in ignored)} == set()


READING = "pipeline/digit_sequence/learn/README.md"
"""The page about training and reading, which begins with a guide."""


def test_targets_exist():
    """Each `make` that a page shows is a target of the Makefile, and its variables are used."""
    makefile = (ROOT / "Makefile").read_text()
    for page in PAGES:
        text = read_page(page)
        shown = [*re.findall(r"`make ([^`]+)`", text), *re.findall(r"^make (.+)$", text, re.M)]
        for words in shown:
            for word in words.partition("#")[0].split():
                variable = word.partition("=")[0]
                found = rf"\$[({{]{variable}\b" if "=" in word else rf"^{re.escape(word)}:"
                assert re.search(found, makefile, re.MULTILINE), f"{page.name}: make {words}"


# -- configs and guides ---------------------------------------------------------------------------

SPLITS = "source: {name: mnist-5k}\nsplits: {train: {numbers: {values: ['5']}, samples: 1}}\n"


def test_configs_of_pages_are_sound(tmp_path):
    """A part of a config that the first page shows is one."""
    (part,) = find_blocks(read_page(ROOT / "README.md"), "yaml")
    (tmp_path / "config.yaml").write_text(SPLITS + part)
    assert {*load_config(tmp_path / "config.yaml").look} == {"cheque", "form"}


def list_guides():
    """Return the text of each guide, by its heading."""
    parts = re.split(r"^## (.+)\n", read_page(GUIDES), flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def run(folder, script, **variables):
    """Run the commands of a block in a folder, as `run_lines` does; return what they print."""
    return "".join(run_lines(folder, script, **variables))


def run_lines(folder, script, **variables):
    """Yield what each command of a block prints, run in a folder by a call in this process."""
    for line in script.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if not words:
            continue
        program = words.index("digit-sequence")
        given = dict(word.split("=", 1) for word in words[:program])
        alone = ["--scheduler", "synchronous"] * (words[program + 1] in ("build", "verify"))
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            for name, value in (given | variables).items():
                patch.setenv(name, value)
            done = CliRunner().invoke(main, [*words[program + 1 :], *alone])
        assert done.exit_code == 0, f"{line}\n{done.output}\n{done.exception!r}"
        yield done.output


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    """Make what a user has: digits, crops with labels, paper, numbers, and the configs."""
    folder = tmp_path_factory.mktemp("guides")
    random = np.random.default_rng(1)
    for digit in range(10):
        (folder / f"digits/{digit}").mkdir(parents=True)
        for i in range(12):
            ink = np.zeros((28, 28), np.uint8)
            ink[5 + i // 3 : 20 + digit % 4, 8 + i % 3 : 12 + digit] = random.integers(150, 255)
            Image.fromarray(255 - ink).save(folder / f"digits/{digit}/{i}.png")
    (folder / "papers").mkdir()
    paper = random.integers(200, 250, (120, 300)).astype(np.uint8)
    Image.fromarray(paper).save(folder / "papers/one.png")
    (folder / "zip.csv").write_text("zip,people\n00501,3\n90210,20\n10001,9\n94043,5\n")
    (folder / "configs").symlink_to(ROOT / "configs")
    run(folder, "digit-sequence build configs/tiny.yaml -o data/default --set look=scan")
    (folder / "crops").mkdir()
    with (folder / "labels.csv").open("w") as labels:
        print("file,number", file=labels)
        for sample in open_dataset(folder / "data/default")["test"]:
            Image.fromarray(sample.image).save(folder / f"crops/{sample.key}.png")
            print(f"{sample.key}.png,{sample.number}", file=labels)
    return folder


@pytest.mark.parametrize("guide", sift(((guide,) for guide in list_guides()), 3))
def test_guide_runs(guide, material, monkeypatch):
    """The commands of a guide run as they are written, with its configs beside them."""
    # How good a match is, others see.
    monkeypatch.setattr("digit_sequence.match.match.N_CORRECTIONS", 1)
    monkeypatch.setattr("digit_sequence.match.match.build_crops", partial(build_crops, count=40))
    text = list_guides()[guide]
    for config in find_blocks(text, "yaml"):
        name, rest = re.fullmatch(r"# (\S+\.yaml)\n(.*)", config, re.DOTALL).groups()
        (material / name).write_text(rest)
    shown = "".join(run(material, script) for script in find_blocks(text, "sh"))
    assert "shrunk" not in shown  # a beginner's canvas is as wide as the numbers need
    for name in re.findall(r" -o (\S+)$", "\n".join(find_blocks(text, "sh")), re.MULTILINE):
        assert (material / name).exists(), name


def test_guides_do_not_meet():
    """No two guides write one file or folder, so each may be tried first, and all in one place."""
    pages = (GUIDES, ROOT / "pipeline/digit_sequence/learn/README.md")
    written = [
        name
        for page in pages
        for part in re.split(r"^## ", read_page(page), flags=re.MULTILINE)
        for name in {
            *re.findall(r"^# (\S+\.yaml)$", part, re.MULTILINE),
            *re.findall(r"^digit-sequence .* -o (\S+)", part, re.MULTILINE),
        }
    ]
    assert len(written) > 8
    assert len(written) == len({*written})


def test_quickstart_runs(material):
    """What follows `make dataset` on the first page runs, but for entering its environment."""
    script = find_blocks(read_page(ROOT / "README.md"), "sh")[0]
    lines = [line for line in script.splitlines() if line.startswith("digit-sequence ")]
    assert len(lines) == 3
    run(material, "\n".join(lines))
    assert (material / "preview.png").stat().st_size > 1000
    assert "<html" in (material / "report.html").read_text()


def test_build_into_a_store_runs(material, object_store):
    """The command that builds into an object store does, on the page's server or another."""
    (script,) = [
        block
        for block in find_blocks(read_page(ROOT / "configs/clusters/README.md"), "sh")
        if "s3://" in block
    ]
    run(material, script, **object_store.environment)
    assert object_store.count("tiny")


@pytest.mark.extras
def test_training_runs(material):
    """From crops to a reader of them, with few samples."""
    page = read_page(ROOT / "pipeline/digit_sequence/learn/README.md")
    script = find_blocks(page, "sh")[0]
    few = " ".join(f"--set splits.{split}.samples=40" for split in ("train", "val", "test"))
    script = re.sub(r"^(.* build \S+)", rf"\1 {few}", script, flags=re.M)
    script = re.sub(r"^(.* train \S+)", r"\1 --epochs 1", script, flags=re.M)
    run(material, script)
    assert (material / "read/readings.csv").read_text().count("\n") > 40
