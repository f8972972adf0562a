"""Safety: whatever a file holds, only documented errors come out, and nothing runs or escapes."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import pickle
import re
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from builds import build, read_tree
from digit_sequence.base.characters import CHARACTERS
from digit_sequence.base.errors import OutputError, PipelineError, SourceError
from digit_sequence.building.sampler import open_output, open_sampler
from digit_sequence.building.status import find_status
from digit_sequence.building.verify import verify_dataset
from digit_sequence.config.loading import load_config, parse_config
from digit_sequence.numbers.file import FileSettings, read_numbers
from digit_sequence.run.schedulers import SchedulerOptions, open_scheduler
from digit_sequence.sources.bank import parse_bank
from digit_sequence.sources.bank_cache import load_bank, open_bank
from digit_sequence.store.labels import read_commit
from digit_sequence.store.ledger import read_ledger
from digit_sequence.store.plan_file import load_plan, load_plan_copy, to_json
from digit_sequence.store.storage import Storage

fuzz_dataset = settings(
    max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
fuzz = settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def folder(built_of_few, tmp_path):
    """Copy a built dataset, to damage it."""
    return Path(shutil.copytree(built_of_few(), tmp_path / "out"))


def use_dataset(folder):
    """Do with a dataset what reads each of its files; documented errors are fine."""
    storage = Storage(str(folder))
    for use in (
        find_status,
        lambda storage: read_ledger(storage, load_plan(storage)).digest(),
        open_output,
        load_plan_copy,
        verify,
    ):
        with contextlib.suppress(PipelineError):
            use(storage)


def verify(storage):
    """Verify a dataset here."""
    with open_scheduler(SchedulerOptions("synchronous")) as run:
        return verify_dataset(storage, run, redraw=1)


# -- fuzz -----------------------------------------------------------------------------------------

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=30)
    | st.sampled_from(["../../x", "/etc/passwd", "a\0b", "1" * 5000, "!!python/object:x"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)


@st.composite
def edits(draw, document):
    """Replace, remove or add a value somewhere in a tree of JSON values."""
    document = json.loads(json.dumps(document))
    place = document
    while True:
        keys = sorted(place) if isinstance(place, dict) else range(len(place))
        key = draw(st.sampled_from(list(keys)))
        if isinstance(place[key], dict | list) and place[key] and draw(st.booleans()):
            place = place[key]
            continue
        match draw(st.sampled_from(["replace", "remove", "add"])):
            case "replace":
                place[key] = draw(values)
            case "remove":
                del place[key]
            case _ if isinstance(place, dict):
                place[draw(st.text(max_size=9))] = draw(values)
            case _:
                place.append(draw(values))
        return document


@given(data=st.data())
@fuzz
def test_any_config(tiny_config, data):
    """A config with anything in it is one that can be planned, or a documented error."""
    tree = tiny_config().model_dump(mode="json", exclude_none=True)
    with contextlib.suppress(PipelineError):
        open_sampler(parse_config(data.draw(edits(tree)), "fuzz"))


@given(content=st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
@fuzz
def test_any_config_file(tmp_path, content):
    """A config file of any bytes is a documented error."""
    (tmp_path / "config.yaml").write_bytes(content)
    with pytest.raises(PipelineError):
        load_config(tmp_path / "config.yaml")


DANGEROUS_YAML = [
    "!!python/object/apply:os.system ['touch MARK']",
    "seed: !!python/object/apply:os.system ['touch MARK']",
    "!!python/object/new:os.system [touch MARK]",
    "a: &a [*a, *a]",
    "a: &a ['x']\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c]",
    "[" * 3_000,
    "seed: 1" + "0" * 10_000,
    "? {a: 1}\n: 2",
]


@pytest.mark.parametrize("text", DANGEROUS_YAML)
def test_yaml_runs_nothing(tmp_path, monkeypatch, text):
    """YAML that names Python objects, nests for ever or grows is a documented error."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(PipelineError):
        load_config(tmp_path / "config.yaml")
    assert not (tmp_path / "MARK").exists()


@given(
    content=st.binary(max_size=200)
    | st.text("0123456789,\n\r\"' x\0", max_size=200).map(str.encode),
    column=st.none() | st.text(max_size=5),
)
@fuzz
def test_any_file_of_numbers(tmp_path, content, column):
    """A file of numbers of any bytes gives strings of digits and signs, or a documented error."""
    path = tmp_path / "numbers.csv"
    path.write_bytes(content)
    with contextlib.suppress(PipelineError):
        numbers = read_numbers(FileSettings(path=str(path), column=column))
        assert numbers
        assert all({*number} <= {*CHARACTERS} for number in numbers)
        assert all(len(number) <= 64 for number in numbers)


def sign(document):
    """Return a plan with the digest that fits it."""
    rest = {key: value for key, value in document.items() if key != "sha256"}
    text = json.dumps(rest, sort_keys=True)
    return {**rest, "sha256": hashlib.sha256(text.encode()).hexdigest()}


@given(data=st.data(), is_signed=st.booleans())
@fuzz_dataset
def test_any_plan(folder, data, is_signed):
    """A plan.json with anything in it, even with the right digest, gives documented errors only."""
    path = folder / ".build/plan.json"
    content = path.read_bytes()
    try:
        document = data.draw(edits(json.loads(content)))
        path.write_bytes(to_json(sign(document) if is_signed else document))
        use_dataset(folder)
    finally:
        path.write_bytes(content)


@given(data=st.data(), name=st.sampled_from(["dataset.json", ".build/plan.json", "README.md"]))
@fuzz_dataset
def test_any_bytes(folder, data, name):
    """Whatever bytes stand in a file, reading the dataset gives documented errors only."""
    content = (folder / name).read_bytes()
    try:
        (folder / name).write_bytes(data.draw(st.binary(max_size=200)))
        use_dataset(folder)
    finally:
        (folder / name).write_bytes(content)


@given(data=st.data())
@fuzz_dataset
def test_any_manifest(folder, data):
    """A manifest with anything in it is told, and read for no more than it is."""
    path = folder / "dataset.json"
    content = path.read_bytes()
    try:
        document = json.loads(content)
        document["plan"] = sign(data.draw(edits(document["plan"])))
        path.write_bytes(to_json(document))
        use_dataset(folder)
        (folder / ".build/plan.json").rename(folder / ".build/plan.old")
        use_dataset(folder)
    finally:
        path.write_bytes(content)
        (folder / ".build/plan.old").rename(folder / ".build/plan.json")


@given(data=st.data())
@fuzz_dataset
def test_any_label_file(folder, data):
    """A label file with bytes changed anywhere is never taken for complete unless it reads so."""
    path = folder / "labels/train/train-00001.parquet"
    content = path.read_bytes()
    changed = bytearray(content)
    for _ in range(data.draw(st.integers(1, 8))):
        changed[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        path.write_bytes(changed[: data.draw(st.integers(0, len(content)))] or changed)
        read_commit(path)
        found = verify(Storage(str(folder))).problems
        assert bool(found) == (path.read_bytes() != content)
    finally:
        path.write_bytes(content)


def pack(**arrays):
    """Pack arrays as a bank is packed, with the digest that fits."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return sign_bank(buffer.getvalue())


def sign_bank(content):
    """Put the digest before packed glyphs."""
    return hashlib.sha256(content).hexdigest().encode() + b"\n" + content


@given(content=st.binary(max_size=400), is_signed=st.booleans())
@fuzz
def test_any_packed_glyphs(content, is_signed):
    """Packed glyphs of any bytes, even with the right digest, are a documented error."""
    with pytest.raises(SourceError):
        parse_bank(sign_bank(content) if is_signed else content, "0" * 64)


GLYPHS = np.ones((2, 8, 8), np.uint8)
WRONG_BANKS = {
    "no arrays": {},
    "other type": {"images": GLYPHS.astype(float), "digits": GLYPHS[0, 0], "parts": GLYPHS[0, 0]},
    "other rank": {"images": GLYPHS[0], "digits": GLYPHS[0], "parts": GLYPHS[0]},
    "other length": {"images": GLYPHS, "digits": GLYPHS[0, 0], "parts": GLYPHS[0, 0]},
    "no glyphs": {"images": GLYPHS[:0], "digits": GLYPHS[0, 0, :0], "parts": GLYPHS[0, 0, :0]},
    "no digit": {"images": GLYPHS, "digits": GLYPHS[:, 0, 0] * 10, "parts": GLYPHS[:, 0, 0]},
}


@pytest.mark.parametrize("arrays", WRONG_BANKS.values(), ids=WRONG_BANKS)
def test_packed_glyphs_that_are_none(arrays):
    """Arrays that are no glyphs are refused, though they are packed as glyphs are."""
    with pytest.raises(SourceError, match=r"packed glyphs: expected an \.npz of glyphs, got"):
        parse_bank(pack(**arrays), "0" * 64)


# -- pickles --------------------------------------------------------------------------------------


class Touch:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        """Say how to make this object again: by making the file."""
        return (Path.touch, (self.path,))


@pytest.fixture
def mark(tmp_path):
    """Return the path of a file that an unpickled object would make."""
    path = tmp_path / "unpickled"
    pickle.loads(pickle.dumps(Touch(path)))
    assert path.exists()
    path.unlink()
    return path


def dump_array(mark):
    """Return an .npy that holds a pickle."""
    buffer = io.BytesIO()
    np.save(buffer, np.array([Touch(mark)], object), allow_pickle=True)
    return buffer.getvalue()


def test_packed_glyphs_are_not_unpickled(folder, mark):
    """Pickles in the glyphs of a dataset are refused, not run."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in ("images", "digits", "parts"):
            archive.writestr(f"{name}.npy", dump_array(mark))
    for content in (buffer.getvalue(), pickle.dumps(Touch(mark)), dump_array(mark)):
        (folder / ".build/glyphs").write_bytes(sign_bank(content))
        with pytest.raises(OutputError, match=r"\.build/glyphs: packed glyphs: expected"):
            open_output(Storage(str(folder)))
        use_dataset(folder)
    assert not mark.exists()


def test_cached_bank_is_not_unpickled(tiny_config, mark, tmp_path):
    """Pickles in the cache are refused, not run, even where every digest is right."""
    config = tiny_config()
    open_sampler(config)
    (path,) = (tmp_path / "cache").rglob("bank.json")
    record = json.loads(path.read_text())
    content = dump_array(mark)
    for name in ("images", "digits", "parts", "ink"):
        (path.parent / f"{name}.npy").write_bytes(content)
        sha256 = hashlib.sha256(content).hexdigest()
        record["files"][f"{name}.npy"] |= {"bytes": len(content), "sha256": sha256}
    path.write_text(json.dumps(sign(record)))
    with pytest.raises(SourceError, match="delete the folder"):
        load_bank(config.source)
    assert not mark.exists()


def test_cached_bank_of_other_files(tiny_config, tmp_path):
    """A record of the cache that leaves files out, or names others, vouches for nothing."""
    config = tiny_config()
    open_sampler(config)
    (path,) = (tmp_path / "cache").rglob("bank.json")
    record = json.loads(path.read_text())
    for files in ({}, {"../../../x": {}}, [], None, {"images.npy": 1}):
        path.write_text(json.dumps(sign({**record, "files": files})))
        with pytest.raises(SourceError, match="delete the folder"):
            load_bank(config.source)


@given(content=st.binary(max_size=100))
@fuzz
def test_any_pointer_of_the_cache(tiny_config, tmp_path, content):
    """What a cache says about a source is a digest, or a documented error."""
    config = tiny_config()
    open_sampler(config)
    (path,) = (tmp_path / "cache/sources").iterdir()
    whole = path.read_bytes()
    try:
        path.write_bytes(content)
        with pytest.raises(SourceError, match="delete the folder"):
            load_bank(config.source)
    finally:
        path.write_bytes(whole)


def test_digest_leads_nowhere(tmp_path):
    """A digest that is a path is refused before it is looked up."""
    for digest in ("../../../etc", "/etc", "", "0" * 63, "0" * 64 + "\n", "A" * 64):
        with pytest.raises(SourceError, match="expected the digest of a glyph bank"):
            open_bank(pytest.fail, digest)


# -- places ---------------------------------------------------------------------------------------

NUMBERS = ["../../x", "/etc/x", "a\0b", "", " 1", "\uff11", "1" * 65, "1" * 100_000]


@pytest.mark.parametrize("number", NUMBERS, ids=ascii)
@pytest.mark.parametrize("container", ["webdataset", "files"])
def test_numbers_that_are_places(tiny_config, tmp_path, number, container):
    """A number that would be another place on the disk is refused with the config."""
    tree = tiny_config(output={"container": container}).model_dump(mode="json", exclude_none=True)
    tree["splits"] = {"train": {"numbers": {"values": [number]}, "samples": 1}}
    with pytest.raises(PipelineError):
        build(parse_config(tree, "fuzz"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("container", ["webdataset", "files"])
def test_signs_lead_nowhere(tiny_config, tmp_path, container):
    """Numbers of signs that would be another place on the disk are names in their own."""
    numbers = {"values": ["1/2", "-1", "../..", "/", "1:2"]}
    splits = {"train": {"numbers": numbers, "samples": 5}}
    build(tiny_config(splits=splits, output={"container": container}), tmp_path / "out/in")
    assert {path.name for path in tmp_path.iterdir()} == {"out", "cache"}
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["in"]
    names = [path for path in read_tree(tmp_path / "out/in") if path.startswith("images/")]
    assert all(re.fullmatch(r"images/train/[\w-]+(/[\w-]+)?\.(png|tar)", name) for name in names)
    assert len(names) == (5 if container == "files" else 1)


def test_longest_number(tiny_config, tmp_path):
    """The longest number that is allowed fits into the name of a file."""
    splits = {"train": {"numbers": {"values": ["0" * 64]}, "samples": 2}}
    config = tiny_config(
        splits=splits, canvas={"height": 12, "width": 256}, output={"container": "files"}
    )
    build(config, tmp_path / "out")
    assert f"images/train/{'0' * 64}/{'0' * 64}_1.png" in read_tree(tmp_path / "out")


PLAN_PLACES = [
    {"splits": {"train": {"numbers": {"values": ["../../x"]}, "samples": 1}}},
    {"splits": {"../x": {"numbers": {"values": ["1"]}, "samples": 1}}},
    {"splits": {"train": {"numbers": {"file": {"path": "/etc/hostname"}}, "samples": 1}}},
    {"output": {"container": "../x"}},
]


@pytest.mark.parametrize("change", PLAN_PLACES, ids=str)
def test_plan_that_leads_out(folder, change):
    """A plan that names other places is refused, and nothing is read or written there."""
    path = folder / ".build/plan.json"
    document = json.loads(path.read_text())
    document["config"] |= change
    path.write_bytes(to_json(sign(document)))
    before = read_tree(folder.parent)
    with pytest.raises(PipelineError):
        open_output(Storage(str(folder)))
    use_dataset(folder)
    assert read_tree(folder.parent) == before
