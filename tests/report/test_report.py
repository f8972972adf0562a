"""The page of a report: right figures, no network, hostile text escaped, faults told."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
from collections import Counter
from html.parser import HTMLParser
from itertools import chain, pairwise

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from PIL import Image

pytest.importorskip("altair", reason="needs the extra report")

from digit_sequence.base.errors import OutputError
from digit_sequence.building.sampler import open_sampler
from digit_sequence.cli.program import main
from digit_sequence.read.dataset import open_dataset
from digit_sequence.report.registry import PANELS
from digit_sequence.report.report import make_report
from digit_sequence.report.subject import BuiltSubject, LiveSubject
from digit_sequence.store.storage import Storage


class Page(HTMLParser):
    """What stands in a page: its tags with attributes, its tables, its text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.words, self.tables, self._cell = [], [], [], None
        self.feed(text)

    def handle_starttag(self, tag, attrs):  # noqa: D102
        self.tags.append((tag, dict(attrs)))
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self._cell = ""

    def handle_endtag(self, tag):  # noqa: D102
        if tag in ("td", "th"):
            self.tables[-1][-1].append(self._cell)
            self._cell = None

    def handle_data(self, data):  # noqa: D102
        self.words.append(data)
        if self._cell is not None:
            self._cell += data

    def find(self, tag):
        """Return the attributes of all tags of a name."""
        return [attrs for name, attrs in self.tags if name == tag]

    def find_table(self, *head):
        """Return the rows of the table whose head begins with some words."""
        (table,) = (it for it in self.tables if tuple(it[0][: len(head)]) == head)
        return table[1:]


@pytest.fixture(scope="module")
def folder(built):
    """Return a dataset with every transform."""
    return built()


@pytest.fixture(scope="module")
def text(folder):
    """Return its page."""
    return make_report(BuiltSubject(Storage(str(folder))))


@pytest.fixture(scope="module")
def page(text):
    """Return its page, parsed."""
    return Page(text)


@pytest.fixture
def copy(plain, tmp_path):
    """Return a copy of it, to be damaged."""
    return shutil.copytree(plain, tmp_path / "out")


def test_page_is_well_formed(text):
    """A strict parser of HTML takes the page without a complaint."""
    html5lib = pytest.importorskip("html5lib")
    html5lib.HTMLParser(strict=True).parse(text)


def test_page_is_called_as_its_dataset(text, folder):
    """The title is the name of the dataset; where it lies stands among the details alone."""
    assert f"<title>Report of {folder.name}</title>" in text
    assert f"<h1>{folder.name}</h1>" in text
    assert text.count(str(folder.parent)) == 1


def test_page_needs_no_network(text, page):
    """Nothing in the page names another place, and its policy forbids to load any."""
    for _, attrs in page.tags:
        for name in ("href", "src", "xlink:href", "action", "data", "srcset"):
            assert attrs.get(name, "#").startswith(("#", "data:image/png;base64,"))
    assert not re.search(r"url\(|@import|<link|<iframe", text)
    (policy,) = (it["content"] for it in page.find("meta") if "http-equiv" in it)
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-")
    assert "unsafe" not in policy
    assert not any("style" in attrs for _, attrs in page.tags)  # the policy would drop it


def test_page_is_small(text, page, folder):
    """A page has some ten kilobytes for a plot, and no more samples than it shows."""
    samples = sum(len(split) for split in open_dataset(folder).values())
    assert len(page.find("image")) <= 2 * samples + 40
    assert len(text) < 4_000_000


def test_figures_are_told_to_all(page):
    """Each drawing has words; each plot its values as a table; each box of a switch a label."""
    drawings = [attrs for _, attrs in page.tags if attrs.get("role") == "img"]
    assert drawings
    assert all(attrs["aria-label"].strip() for attrs in drawings)
    identifiers = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(identifiers) == len({*identifiers})
    assert {"boxes", "masks"} <= {*identifiers}


def test_splits_are_counted(page, folder):
    """The table of splits has the samples and digits of the dataset."""
    expected = [
        [
            name,
            f"{len(split):,}",
            f"{len(split):,}",
            f"{sum(len(sample.number) for sample in split):,}",
        ]
        for name, split in open_dataset(folder).items()
    ]
    assert [row[:4] for row in page.find_table("split", "samples")] == expected


def test_digits_are_counted(page, folder):
    """Digits, digits by position and pairs of neighbours are those of the numbers."""
    splits = {
        name: [sample.number for sample in split] for name, split in open_dataset(folder).items()
    }
    numbers = list(chain.from_iterable(splits.values()))
    rows = page.find_table("digit", "digits, train")
    for digit in "0123456789":
        counts = ["".join(own).count(digit) for own in splits.values()]
        assert rows[int(digit)] == [digit, *map(str, counts)]
    positions = Counter((place, it) for number in numbers for place, it in enumerate(number))
    for place, row in enumerate(page.find_table("position \\ digit")):
        assert row[1:] == [str(positions[place, digit]) for digit in "0123456789"]
    pairs = Counter(pair for number in numbers for pair in pairwise(number))
    for digit, row in zip("0123456789", page.find_table("digit \\ next digit"), strict=True):
        assert row[1:] == [str(pairs[digit, following]) for following in "0123456789"]


def test_signs_are_counted_apart(tiny_config):
    """A sign that occurs has a bar, a column and a row of its own; none is among the nines."""
    splits = {"train": {"numbers": {"values": ["-1,9", "9,€ 2"]}, "samples": 2}}
    sampler = open_sampler(tiny_config(splits=splits))
    page = Page(make_report(LiveSubject("signs", sampler, 2)))
    numbers, alphabet = ["-1,9", "9,€2"], "0123456789,-€"
    assert page.find_table("digit", "digits, train") == [
        [it, str("".join(numbers).count(it))] for it in alphabet
    ]
    positions = Counter((place, it) for number in numbers for place, it in enumerate(number))
    for place, row in enumerate(page.find_table("position \\ digit")):
        assert row[1:] == [str(positions[place, it]) for it in alphabet]
    pairs = Counter(pair for number in numbers for pair in pairwise(number))
    assert page.find_table("digit \\ next digit") == [
        [it, *(str(pairs[it, following]) for following in alphabet)] for it in alphabet
    ]


def test_lengths_are_counted(page, folder):
    """The table of lengths has a row for each."""
    lengths = {
        name: Counter(len(sample.number) for sample in split)
        for name, split in open_dataset(folder).items()
    }
    for length, *counts in page.find_table("characters of a number", "samples, train"):
        assert counts == [str(own[int(length)]) for own in lengths.values()]


def test_parameters_are_those_of_the_labels(text, folder):
    """Each number that a transform drew has its plot, with the share of where it was applied."""
    rows = pa.concat_tables([split.labels() for split in open_dataset(folder).values()])
    blur = rows["blur_sigma"].to_numpy()
    share = (blur != 0).mean()
    assert f'<h3>blur_sigma</h3><span class="note">applied to {share:.1%} of the samples' in text
    counts = Counter(word for word in rows["trailing"].to_pylist() if word)
    (table,) = (it for it in Page(text).tables if it[0][0].startswith("mark after the last digit"))
    assert dict(table[1:]) == {word: str(count) for word, count in counts.items()}


def test_reuse_is_counted(page, folder):
    """Glyphs of the source, allographs and numbers of each split, and those that are used most."""
    rows = {tuple(row[:2]): row[2:] for row in page.find_table("what", "split")}
    for name, split in open_dataset(folder).items():
        labels = split.labels()
        shapes, glyphs = (
            np.concatenate(labels[it].to_numpy()) for it in ("allograph", "glyph_ids")
        )
        words = {
            "glyphs": glyphs[shapes == ""].tolist(),
            "allographs": glyphs[shapes != ""].tolist(),
            "numbers": labels["number"].to_pylist(),
        }
        for what, counts in ((what, Counter(some)) for what, some in words.items() if some):
            different, once, _, most = rows[what, name]
            assert (different, most) == (str(len(counts)), str(max(counts.values())))
            assert once == str(sum(count == 1 for count in counts.values()))


def test_splits_are_apart(page):
    """No glyph and no image of a build is in two splits; numbers may be."""
    rows = {row[0]: row[1:] for row in page.find_table("what", "train and test")}
    assert rows["glyphs"] == rows["images"] == ["0"]
    assert "No glyph and no image is in two splits." in page.words


def test_record_of_the_build(page, folder):
    """The run of the build stands there, and the versions that it depends on."""
    (run,) = page.find_table("began", "outcome")
    assert run[0].endswith(" UTC")
    assert run[1] == "complete"
    assert run[7:] == ["0", "0", "0"]
    versions = dict(page.find_table("of", "version or value"))
    assert versions["dataset"] == str(folder)
    plan = json.loads((folder / ".build/plan.json").read_text())
    assert versions["numpy"] == np.__version__
    assert versions["fingerprint"] == plan["fingerprint"]


def test_samples_show_boxes(page, folder):
    """The first tile is the first sample: its label, and a rectangle for each digit."""
    first = open_dataset(folder)["train"][0]
    labels = [attrs["aria-label"] for attrs in page.find("svg") if "aria-label" in attrs]
    assert labels[0] == f"Image of {first.number}, {first.key}"
    rectangles = [attrs for attrs in page.find("rect") if "class" in attrs]
    for rectangle, (_, top, left, bottom, right) in zip(rectangles, first.boxes, strict=False):
        edges = [int(rectangle[name]) for name in ("x", "y", "width", "height")]
        assert edges == [left, top, right - left, bottom - top]


def test_samples_have_masks(plain, copy):
    """Masks are drawn again where labels have none; not by another version, which is no fault."""
    page = Page(make_report(BuiltSubject(Storage(str(plain)))))
    masks = [attrs["href"] for attrs in page.find("image") if attrs.get("class") == "mask"]
    assert len(masks) >= 9 + 5
    with Image.open(io.BytesIO(base64.b64decode(masks[0].partition(",")[2]))) as image:
        shown = np.asarray(image.convert("RGBA"))[..., 3] > 0
    first = open_dataset(plain)["train"][0]
    _, top, left, bottom, right = first.boxes.T
    rows, columns = np.nonzero(shown)
    assert (rows.min(), rows.max() + 1) == (top.min(), bottom.max())
    assert (columns.min(), columns.max() + 1) == (left.min(), right.max())
    (copy / ".build/glyphs").unlink()
    words = "".join(Page(make_report(BuiltSubject(Storage(str(copy))))).words)
    assert "not whole" not in words


# -- a config -------------------------------------------------------------------------------------


def test_config_is_drawn_live(tiny_config, folder):
    """The page of a config has the samples that a build would have, masks as well."""
    sampler = open_sampler(tiny_config())
    page = Page(make_report(LiveSubject("tiny.yaml", sampler, 7)))
    assert [row[:3] for row in page.find_table("split", "samples")] == [
        ["train", "7", "7"],
        ["test", "5", "5"],
    ]
    assert page.find("image")[1]["class"] == "mask"
    assert "How it was built" not in page.words


# -- what is damaged, missing or hostile -----------------------------------------------------------


def test_incomplete_dataset(copy):
    """Of a build that was stopped, what is there is shown, and what is missing said."""
    (copy / "dataset.json").unlink()
    gone = sorted((copy / "labels/train").iterdir())[-1]
    rows = pq.read_metadata(gone).num_rows
    gone.unlink()
    page = Page(make_report(BuiltSubject(Storage(str(copy)))))
    train = page.find_table("split", "samples")[0]
    assert int(train[1]) == int(train[2]) - rows
    assert "train: 1 of 3 shards lack a label file" in page.words


def test_damaged_files(copy):
    """A label file or a shard that cannot be read is named, and all else is shown."""
    labels, shard = sorted((copy / "labels/train").iterdir())[0], copy / "images/test"
    labels.write_bytes(labels.read_bytes()[:500])
    for path in shard.iterdir():
        path.write_bytes(path.read_bytes()[:600])
    words = "".join(Page(make_report(BuiltSubject(Storage(str(copy))))).words)
    assert f"labels/train/{labels.name}: the label file cannot be read" in words
    assert "images/test/" in words
    assert "Drawn parameters" in words


def test_damaged_manifest(copy):
    """Without a sound manifest the plan says what there should be."""
    (copy / "dataset.json").write_text("{")
    words = "".join(Page(make_report(BuiltSubject(Storage(str(copy))))).words)
    assert "expected the manifest of a dataset, got one that cannot be read" in words


def test_nothing_is_built(copy):
    """A directory with a plan alone, or none of whose label files can be read, is one error."""
    for path in (copy / "labels").rglob("*.parquet"):
        path.write_bytes(b"PAR1")
    with pytest.raises(OutputError, match=r"no label file can be read: .*train-00000"):
        make_report(BuiltSubject(Storage(str(copy))))
    shutil.rmtree(copy / "labels")
    with pytest.raises(OutputError, match="no shard is built yet"):
        BuiltSubject(Storage(str(copy)))


def rewrite(folder, change):
    """Put other label rows into all label files of a dataset; their footers stay."""
    for path in (folder / "labels").rglob("*.parquet"):
        rows = pq.read_table(path)
        pq.write_table(change(rows).replace_schema_metadata(rows.schema.metadata), path)


HOSTILE = (
    "</script></svg><script>alert('1')</script><img src=x onerror=\"alert(2)\">&amp;\x1b\u202e"
)


def test_hostile_text_is_escaped(copy):
    """Markup in numbers, looks and names of columns is shown as text, wherever it stands."""

    def change(rows):
        place = rows.column_names.index("number")
        hostile = pa.array([HOSTILE] * len(rows))
        rows = rows.set_column(place, "number", hostile).append_column("look", hostile)
        return rows.append_column(f"<b>{HOSTILE}", hostile)

    rewrite(copy, change)
    (log,) = (copy / ".build/runs").iterdir()
    event = json.loads(log.read_text().splitlines()[0]) | {"host": HOSTILE}
    log.write_text(json.dumps(event) + "\n")
    hostile = make_report(BuiltSubject(Storage(str(copy))))
    page = Page(hostile)
    assert len(page.find("script")) == 1
    assert not page.find("img")
    assert not page.find("b")
    assert "\x1b" not in hostile
    assert "\u202e" not in hostile
    assert "alert" in "".join(page.words)


def test_columns_of_other_types(copy):
    """A column that this program declares is of its type, or the label file is named."""
    rewrite(copy, lambda rows: rows.append_column("look", pa.array([[1]] * len(rows))))
    with pytest.raises(OutputError, match="column look: expected string, got list"):
        make_report(BuiltSubject(Storage(str(copy))))


def test_boxes_that_hold_nothing(copy):
    """Samples without digits, and digits without extent, are shown; nothing is measured on them."""

    def change(rows):
        boxes = [[dict(box, bottom=box["top"]) for box in own] for own in rows["boxes"].to_pylist()]
        boxes[0] = []
        place = rows.column_names.index("boxes")
        return rows.set_column(place, "boxes", pa.array(boxes, rows.schema.field("boxes").type))

    rewrite(copy, change)
    words = "".join(Page(make_report(BuiltSubject(Storage(str(copy))))).words)
    assert "17 of them show no line of ink that can be measured" in words


def test_unknown_columns(copy):
    """Columns of another version are shown by their names; what is no number is told."""

    def change(rows):
        values = np.full(len(rows), np.nan)
        values[0] = 1e300
        rows = rows.append_column("later", pa.array(values))
        return rows.append_column("nested", pa.array([{"a": 1}] * len(rows)))

    rewrite(copy, change)
    words = "".join(Page(make_report(BuiltSubject(Storage(str(copy))))).words)
    assert "later" in words
    assert "values are no numbers" in words


# -- the command ----------------------------------------------------------------------------------


def run(*arguments, status=0):
    """Run the program; return what it printed."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == status, result.output
    return result.output


def test_command(plain, tmp_path):
    """`report OUT` writes the page; what it cannot do is one message and exit code 2."""
    told = run("report", plain, "-o", tmp_path / "page.html")
    assert told.startswith(f"{tmp_path / 'page.html'}: ")
    assert (tmp_path / "page.html").read_text().startswith("<!DOCTYPE html>")
    for arguments, reason in (
        ((tmp_path / "none.yaml",), "none.yaml"),
        ((tmp_path,), "expected a dataset built by this program"),
        ((plain, "--set", "seed=3"), "is a dataset, whose config cannot change"),
        ((plain, "--labels", "names"), "expected --against"),
        ((plain, "--against", tmp_path), "expected at least 8 images"),
    ):
        told = run("report", *arguments, "-o", tmp_path / "other.html", status=2)
        assert told.startswith("error: ")
        assert reason in told
    assert not (tmp_path / "other.html").exists()


def test_panels_say_what_good_looks_like():
    """Each panel has a title and one or two sentences."""
    for panel in PANELS.values():
        assert panel.title
        assert panel.lead.endswith(".")
        assert 1 <= panel.lead.count(". ") + 1 <= 3


def test_doubles_are_found(copy):
    """Images that repeat another one pixel for pixel, and glyphs in two splits, are told."""

    def change(rows):
        hashes = pa.array([7] * len(rows), pa.int64())
        glyphs = pa.array([[1] * len(boxes) for boxes in rows["boxes"].to_pylist()])
        glyphs = glyphs.cast(rows.schema.field("glyph_ids").type)
        rows = rows.set_column(rows.column_names.index("pixel_hash"), "pixel_hash", hashes)
        return rows.set_column(rows.column_names.index("glyph_ids"), "glyph_ids", glyphs)

    rewrite(copy, change)
    words = "".join(Page(make_report(BuiltSubject(Storage(str(copy))))).words)
    assert "16 images repeat another one pixel for pixel." in words
    assert "There are glyphs and images that are in two splits." in words
