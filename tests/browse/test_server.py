"""The server: who gets an answer, what stands in it, and how the command begins and ends."""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import subprocess
import time
from http.client import HTTPConnection

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from builds import start_python, write_config
from digit_sequence.base.errors import OutputError
from digit_sequence.browse.crops import CropCollection
from digit_sequence.browse.explorer import Explorer
from digit_sequence.browse.live import LiveCollection
from digit_sequence.browse.server import bind, make_token
from digit_sequence.building.sampler import open_sampler
from digit_sequence.cli.program import main
from digit_sequence.store.filesystems import open_filesystem
from digit_sequence.store.storage import Storage
from servers import BUCKET
from visitors import ENDLESS, TOKEN, Visitor, fetch, visit


@pytest.fixture
def copy(plain, tmp_path):
    """Return a copy of it, to be damaged."""
    return shutil.copytree(plain, tmp_path / "out")


# -- who is answered ------------------------------------------------------------------------------


def test_page_and_files(address):
    """The page and its files are there, under a policy that lets it load nothing else."""
    for name, kind in (("", "text/html"), ("page.css", "text/css"), ("page.js", "text/javascript")):
        status, headers, text = fetch(address + name)
        assert status == 200
        assert headers["content-type"].startswith(kind)
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
        assert "unsafe" not in policy
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in headers
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text)


def test_page_has_no_inline_code(address):
    """No script, style or handler stands in the page itself, and no markup is made of text."""
    _, _, page = fetch(address)
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:|<script>", page)
    _, _, script = fetch(address + "page.js")
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", script)


@pytest.mark.parametrize("path", ["", "x/", "../", "token-of-a-tes/", f"{TOKEN}x/", f"{TOKEN}"])
def test_token_is_needed(address, path):
    """Without the token in the address there is nothing."""
    root = address.removesuffix(f"{TOKEN}/")
    for name in ("", "describe"):
        status, _, text = fetch(root + path + name)
        assert status == 404
        assert text == "expected the address that digit-sequence browse has printed"


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1", "localhost:1", "127.0.0.1.evil:{port}"]
)
def test_other_hosts_are_refused(address, host):
    """A name that was bound anew to this machine is not this server's."""
    port = address.split(":")[2].partition("/")[0]
    status, _, _ = fetch(address, Host=host.format(port=port))
    assert status == 421
    assert fetch(address, Host=f"localhost:{port}")[0] == 200


def test_other_origins_are_refused(address):
    """A request of another page is refused, even with the token."""
    for origin in ("https://evil.example", "null", "http://127.0.0.1"):
        status, headers, _ = fetch(address + "0/page", {}, Origin=origin)
        assert status == 403
        assert "access-control-allow-origin" not in headers
    own = address.removesuffix(f"/{TOKEN}/")
    assert fetch(address + "0/page", {}, Origin=own)[0] == 200


def test_requests_that_are_none(address):
    """What is no request is told; what is too large is not read."""
    for path, body, told in (
        ("0/page", [], "request: "),
        ("0/page", {"start": -1}, "start: expected"),
        ("0/page", {"count": 100_000}, "count: expected"),
        ("0/page", {"question": {"where": "x" * 200_000}}, "where"),
        ("0/sample", {}, "key"),
        ("0/sample", {"key": "train-99"}, "holds 12 samples"),
        ("0/sample", {"key": "../../etc/passwd"}, "expected a key SPLIT-ORDINAL"),
        ("1/page", {}, "expected a dataset below 1, got 1"),
    ):
        status, _, text = fetch(address + path, body)
        assert status == 400
        assert told in json.loads(text)["error"]
    assert fetch(address + "0/page", {}, Content_Length="2000000")[0] == 413
    assert fetch(address + "0/page")[0] == 405
    assert fetch(address + "0/other", {})[0] == 404
    assert fetch(address + "../page.html")[0] == 404
    assert fetch(address + "%2e%2e/page.py")[0] == 404


def test_answers(address, visitor):
    """The server gives what the explorer gives."""
    for call, body in (("page", {"count": 3}), ("sample", {"key": "train-2"})):
        status, headers, text = fetch(f"{address}0/{call}", body)
        assert status == 200
        assert headers["content-type"] == "application/json"
        direct = getattr(visitor, call)(**body)
        assert json.loads(text) == json.loads(json.dumps(direct))
    assert json.loads(fetch(address + "describe")[2])[0]["samples"] == {"train": 12, "test": 5}


def test_requests_that_are_closed_end(address):
    """A question whose request is closed holds nobody up, be it under way or not."""
    content = json.dumps({"question": {"where": ENDLESS}})
    host, _, path = address.removeprefix("http://").partition("/")
    connections = [HTTPConnection(host, timeout=60) for _ in range(3)]
    for connection in connections:
        connection.request("POST", f"/{path}0/page", content)
    began = time.monotonic()
    for connection in connections:
        connection.close()
    status, _, text = fetch(address + "0/page", {"question": {"where": "n_digits > 0"}})
    assert status == 200
    assert json.loads(text)["total"] == 17
    assert time.monotonic() - began < 20


def test_tokens_are_random():
    """No address is like another one, and each has some two hundred bits."""
    tokens = {make_token() for _ in range(100)}
    assert len(tokens) == 100
    assert min(map(len, tokens)) >= 32


def test_only_this_machine():
    """The socket is of the loopback; a port in use is told of."""
    with bind(0) as listening:
        name, port = listening.getsockname()
        assert name == "127.0.0.1"
        with pytest.raises(OutputError, match=f"--port {port}: another program listens there"):
            bind(port)


# -- what is damaged, missing or hostile -----------------------------------------------------------


def list_faults(visitor):
    """Return what is wrong with samples, and with all."""
    page = visitor.page()
    return [it["fault"] for it in page["samples"] if "fault" in it], page["faults"]


def test_incomplete_dataset(copy):
    """Of a build that was stopped, what is there is shown, and what is missing said."""
    (copy / "dataset.json").unlink()
    (copy / "labels/train/train-00001.parquet").unlink()
    visitor = visit(copy)
    own, faults = list_faults(visitor)
    assert own == []
    assert any("train: 1 of 3 shards lack a label file" in it for it in faults)
    keys = [f"train-{i:09d}" for i in (0, 1, 2, 3, 4, 10, 11)]
    assert visitor.keys(split="train") == keys
    assert visitor.keys(split="train", start=4, count=2) == keys[4:6]
    assert visitor.keys(split="train", where="true") == keys
    assert visitor.explorer.describe()["samples"] == {"train": 7, "test": 5}


def test_damaged_files(copy):
    """A damaged label file, row or image is named, and all others are shown."""
    paths = sorted((copy / "labels/train").iterdir())
    paths[0].write_bytes(paths[0].read_bytes()[:500])
    visitor = visit(copy)
    own, _ = list_faults(visitor)
    assert len(own) == 5
    assert all("labels/train/train-00000.parquet" in it for it in own)
    assert len(visitor.keys(where="n_digits > 0")) == 12
    _, faults = list_faults(visitor)
    assert any("train-00000.parquet" in it for it in faults)
    assert len(visitor.keys()) == 12


def test_one_damaged_image(copy):
    """One image that cannot be decoded leaves those beside it alone."""
    row = pq.read_table(copy / "labels/train/train-00000.parquet").to_pylist()[2]
    path = copy / row["file"]
    content = bytearray(path.read_bytes())
    content[row["offset"] : row["offset"] + 20] = bytes(20)
    path.write_bytes(content)
    visitor = visit(copy)
    faults = {it["key"] for it in visitor.page()["samples"] if "fault" in it}
    assert faults == {row["key"]}
    assert "no image" in visitor.sample(row["key"])["picture"]["fault"]


def test_damage_within_a_label_file(copy):
    """Damage that no footer tells of is found by the query that meets it."""
    path = copy / "labels/train/train-00000.parquet"
    group = pq.ParquetFile(path).metadata.row_group(0)
    columns = {group.column(i).path_in_schema: group.column(i) for i in range(group.num_columns)}
    content = bytearray(path.read_bytes())
    begin = columns["spacing.list.element"].dictionary_page_offset or 0
    begin = begin or columns["spacing.list.element"].data_page_offset
    content[begin : begin + 40] = b"\xff" * 40
    path.write_bytes(content)
    visitor = visit(copy)
    assert len(visitor.keys()) == 17
    assert len(visitor.keys(where="list_sum(spacing) >= 0")) == 12
    assert any("train-00000.parquet" in it for it in visitor.page()["faults"])


def test_first_page_reads_what_it_shows(copy):
    """A page without a question reads the label files of its samples alone."""
    visitor = visit(copy)
    for path in (copy / "labels").rglob("*.parquet"):
        if path.name != "train-00000.parquet":
            path.unlink()
    page = visitor.page(count=5)
    assert page["total"] == 17
    assert [it["key"] for it in page["samples"] if "fault" not in it] == visitor.keys(count=5)


def test_nothing_is_built(copy):
    """A directory none of whose label files can be read is one error."""
    for path in (copy / "labels").rglob("*.parquet"):
        path.write_bytes(b"PAR1")
    with pytest.raises(OutputError, match=r"no label file can be read: .*train-00000"):
        visit(copy)
    shutil.rmtree(copy / "labels")
    with pytest.raises(OutputError, match="no shard is built yet"):
        visit(copy)


HOSTILE = '</script><img src=x onerror="alert(1)">\'";--\x1b[2J\u202e'


def test_hostile_texts(copy):
    """Markup stays text, what steers a terminal is shown by its code, names are quoted in SQL."""
    name = f'a" ; DROP {HOSTILE}'
    for path in (copy / "labels").rglob("*.parquet"):
        rows = pq.read_table(path)
        metadata = rows.schema.metadata
        texts = pa.array([HOSTILE] * len(rows))
        rows = rows.set_column(rows.column_names.index("number"), "number", texts)
        rows = rows.append_column("look", texts).append_column(name, pa.array(range(len(rows))))
        pq.write_table(rows.replace_schema_metadata(metadata), path)
    visitor = visit(copy)
    found = visitor.page(sort=name, descending=True, conditions=[{"column": name, "low": 1}])
    assert len(found["samples"]) == 13
    sample = visitor.sample(found["samples"][0]["key"])
    described = visitor.explorer.describe()
    for document in (found, sample, described):
        text = json.dumps(document, ensure_ascii=False)
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert "alert(1)" in text


# -- an object store, a config, and real crops -----------------------------------------------------


def test_object_store(object_store, folder, visitor, monkeypatch):
    """A dataset in an object store is the same as on a disk: pages, questions, one sample."""
    open_filesystem.cache_clear()
    for name, value in object_store.environment.items():
        monkeypatch.setenv(name, value)
    storage = Storage(f"s3://{BUCKET}/browse")
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            storage.write(path.relative_to(folder).as_posix(), path.read_bytes())
    remote = visit(storage.uri)
    for question in ({}, {"where": "blur_sigma > 0.1", "sort": "blur_sigma"}):
        assert remote.page(**question) == visitor.page(**question)
    own, local = (it.sample("train-3") for it in (remote, visitor))
    assert own["picture"] == local["picture"]
    assert own["groups"] == local["groups"]


def test_config_is_drawn_live(tiny_config, plain):
    """Of a config, the samples are those that a build has."""
    collection = LiveCollection("tiny.yaml", open_sampler(tiny_config()), 7)
    visitor = Visitor(Explorer(collection, "tiny.yaml"))
    built = {it["key"]: it for it in visit(plain).page()["samples"]}
    shown = visitor.page()["samples"]
    assert len(shown) == 12
    for sample in shown:
        own = built[sample["key"]]
        assert (sample["image"], sample["boxes"]) == (own["image"], own["boxes"])
    assert visitor.keys(split="test", sort="number") == visit(plain).keys(
        split="test", sort="number"
    )


def test_samples_without_end(tiny_config):
    """Of a split without end, as many samples as are asked for are drawn."""
    splits = {"train": {"numbers": {"random": {"lengths": [1, 4]}}, "samples": None}}
    collection = LiveCollection("endless.yaml", open_sampler(tiny_config(splits=splits)), 6)
    visitor = Visitor(Explorer(collection, "endless.yaml"))
    assert visitor.page()["total"] == 6
    key = visitor.keys()[-1]
    sample = visitor.sample(key)
    drawn = visitor.draw(key, number=sample["number"], sample_index=sample["sample_index"])
    assert drawn["picture"] == sample["picture"]


def test_masks_and_polygons(visitor):
    """Asked for, masks and outlines of each digit are there."""
    for sample in visitor.page(with_masks=True, count=3)["samples"]:
        assert sample["mask"].startswith("data:image/png;base64,")
        assert len(sample["polygons"]) == len(sample["boxes"])
        for (_, left, top, width, height), rings in zip(
            sample["boxes"], sample["polygons"], strict=True
        ):
            corners = [int(it) for ring in rings for it in ring.split()]
            assert (min(corners[::2]), min(corners[1::2])) == (left, top)
            assert (max(corners[::2]), max(corners[1::2])) == (left + width, top + height)
    assert not visitor.page(count=1)["samples"][0]["mask"]


@pytest.fixture
def crops(folder, tmp_path):
    """Return a folder of images, with their numbers in their names."""
    from digit_sequence.codec.encoding import encode_image
    from digit_sequence.read.dataset import open_dataset

    (tmp_path / "crops").mkdir()
    for place, sample in enumerate(open_dataset(folder)["train"][:9]):
        content = encode_image(sample.image, "png")
        (tmp_path / "crops" / f"{sample.number}_{place}.png").write_bytes(content)
    return tmp_path / "crops"


def test_crops(crops):
    """Real crops are shown and filtered by what is known of them; none can be drawn."""
    visitor = Visitor(Explorer(CropCollection(crops, "names"), str(crops)))
    assert len(visitor.keys()) == 9
    assert len(visitor.keys(conditions=[{"column": "number", "equal": "42"}])) == 3
    sample = visitor.sample(visitor.keys()[0])
    assert "got images" in sample["why_not"]
    assert sample["command"] == ""


# -- the command ----------------------------------------------------------------------------------


def run(*arguments):
    """Run the program; return its exit code and what it printed."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    return result.exit_code, result.output


def test_command_refuses(plain, tiny_config, tmp_path, crops):
    """What cannot be browsed is one message and exit code 2."""
    config = write_config(tmp_path / "tiny.yaml", tiny_config())
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for arguments, reason in (
            ((plain, "--port", port), f"--port {port}: another program listens there"),
            ((tmp_path / "none.yaml",), "none.yaml"),
            ((tmp_path,), "expected a dataset built by this program"),
            ((plain, "--set", "seed=3"), "is a dataset, whose config cannot change"),
            ((plain, "--labels", "names"), "--labels: expected --against a folder of real crops"),
            ((config, "--against", tmp_path / "no"), "no"),
            ((config, "--against", tmp_path), "expected at least 8 images"),
            ((config, "--against", crops, "--labels", tmp_path / "no.csv"), "no.csv"),
        ):
            code, told = run("browse", *arguments, "--no-open")
            assert code == 2, told
            assert "error: " in told
            assert reason in told


@pytest.mark.parametrize("browser", [None, "cat %s"], ids=["none", "of-the-terminal"])
def test_command(plain, tmp_path, browser):
    """It prints its address, says if there is no browser, and ends by Ctrl-C as others do."""
    process = start_python(
        *("-m", "digit_sequence", "browse", plain),
        *(() if browser else ("--no-open",)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"BROWSER": browser or "", "PATH": str(tmp_path), "DISPLAY": ""},
    )
    try:
        address = process.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:[0-9]+/[\w-]{32,}/", address)
        assert fetch(address)[0] == 200
        status, _, text = fetch(address + "0/page", {"question": {"where": "n_digits > 1"}})
        assert status == 200
        assert json.loads(text)["samples"]
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert told.splitlines()[-1] == "stopped"
    told_of = f"note: no browser was found; open {address} in one\n"
    assert (told_of in told) == (browser is not None)
