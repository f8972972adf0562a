"""Object stores: a real one on loopback, killed, silent, faulty, refused; the local bytes on it."""

from __future__ import annotations

import os
import random
import re
import signal
import socket
import time
import uuid

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import fs

from builds import ALL_TRANSFORMS, build, build_apart, drop_records, read_tree, write_config
from digit_sequence.base.digests import hash_pixels
from digit_sequence.base.errors import BuildError, OutputError
from digit_sequence.building.dataset import build_dataset
from digit_sequence.building.dataset_checks import QUARANTINE
from digit_sequence.building.sampler import open_sampler
from digit_sequence.building.verify import verify_dataset
from digit_sequence.cli.program import main
from digit_sequence.codec.encoding import decode_image
from digit_sequence.run.events import RUNS_FOLDER
from digit_sequence.run.schedulers import SchedulerOptions, open_scheduler
from digit_sequence.store.filesystems import open_filesystem
from digit_sequence.store.plan_file import load_plan
from digit_sequence.store.storage import Storage
from servers import ACCESS_KEY, BUCKET, SECRET_KEY, Driver, open_proxy, wait_until

N_SHARDS = 120
MANY = {
    "train": {"numbers": {"random": {"lengths": [1, 5]}}, "samples": 300},
    "test": {"numbers": {"values": ["007", "42"]}, "samples": 60},
}


@pytest.fixture(autouse=True)
def _credentials(object_store, monkeypatch):
    """Let this process, and those it starts, reach the store, with a client made for each test."""
    open_filesystem.cache_clear()
    for name, value in object_store.environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def folder():
    """Return the name of a folder of the bucket that is not there yet."""
    return f"test-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def uri(folder):
    """Return the URI of that folder."""
    return f"s3://{BUCKET}/{folder}"


@pytest.fixture(scope="module")
def many(tiny_config, tmp_path_factory):
    """Return a config of 120 shards, and the tree that a local build of it leaves."""
    config = tiny_config(**ALL_TRANSFORMS, splits=MANY, output={"shard_samples": 3})
    folder = tmp_path_factory.mktemp("many")
    return config, build_apart(config, folder)


def verify(uri, **options):
    """Return the problems of a dataset."""
    with open_scheduler(SchedulerOptions("threads", workers=2)) as run:
        return verify_dataset(Storage(uri), run, **options).problems


@pytest.fixture
def start_build(tmp_path):
    """Return a function that starts a build in a process of its own."""
    drivers = []

    def start(config, uri, *options):
        path = write_config(tmp_path / "config.yaml", config)
        arguments = ("build", path, "-o", uri, "--workers", 2, *options)
        drivers.append(Driver(tmp_path / f"log-{len(drivers)}", *arguments))
        return drivers[-1]

    yield start
    for driver in drivers:
        if driver.is_running:
            driver.kill()


def run(*arguments):
    """Run the command line here, and return its exit code."""
    with pytest.raises(SystemExit) as ended:
        main(list(map(str, arguments)))
    return ended.value.code


# -- everything works there -----------------------------------------------------------------------


@pytest.mark.parametrize("container", ["webdataset", "parquet", "files"])
def test_build_is_the_local_one(built, tiny_config, object_store, folder, uri, container):
    """A store holds the bytes that a local build writes, and is not built again."""
    config = tiny_config(**ALL_TRANSFORMS, output={"container": container})
    result = build(config, uri, "threads", workers=2)
    assert result.built_samples == 17
    tree = object_store.read_tree(folder)
    assert drop_records(tree) == drop_records(read_tree(built(container=container)))
    assert build(config, uri).built_samples == 0


@pytest.mark.slow
def test_every_command(many, object_store, folder, uri, tmp_path):
    """Build, status, verify, preview and sample take a URI, of -o and of the config."""
    config, tree = many
    path = write_config(tmp_path / "config.yaml", config, output={"uri": uri, "shard_samples": 3})
    assert run("build", path, "--scheduler", "threads") == 0
    assert drop_records(object_store.read_tree(folder)) == tree
    assert run("build", path, "-o", uri, "--scheduler", "threads") == 0
    assert run("status", uri) == 0
    assert run("verify", uri, "--sample", "5", "--scheduler", "threads") == 0
    assert run("verify", uri, "--quick", "--scheduler", "threads") == 0
    assert run("preview", uri, "-o", tmp_path / "sheet.png") == 0
    assert run("sample", "train-000000004", "--from", uri, "-o", tmp_path / "x.png") == 0
    assert (tmp_path / "sheet.png").stat().st_size > 10_000
    row = pq.read_table(pa.BufferReader(tree["labels/train/train-00001.parquet"])).to_pylist()[1]
    drawn = decode_image((tmp_path / "x.png").read_bytes())
    assert (row["key"], row["pixel_hash"]) == ("train-000000004", hash_pixels(drawn))


def test_endpoint_of_the_uri(tiny_config, object_store, folder, uri, monkeypatch):
    """The query of a URI may name the endpoint, which the environment then need not."""
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    build(tiny_config(), f"{uri}/?endpoint_override={object_store.endpoint}&scheme=http")
    assert "dataset.json" in object_store.read_tree(folder)


def test_reading_by_label_row(built, tiny_config, object_store, uri):
    """An image is read with one ranged request at the place that its label row names."""
    build(tiny_config(**ALL_TRANSFORMS), uri)
    root = uri.removeprefix("s3://")
    files = object_store.connect()
    rows = pq.read_table(f"{root}/labels/train", filesystem=files).to_pylist()
    assert len(rows) == 12
    for row in rows:
        with files.open_input_file(f"{root}/{row['file']}") as shard:
            image = decode_image(shard.read_at(row["size"], row["offset"]))
        assert hash_pixels(image) == row["pixel_hash"]


@pytest.mark.slow
def test_verify_and_repair(many, object_store, folder, uri):
    """What is damaged in a store is found, and repaired to the same bytes; strays are kept."""
    config, tree = many
    build(config, uri, "threads")
    files, root = object_store.connect(), f"{BUCKET}/{folder}"
    damaged = {
        "images/train/train-00003.tar": bytes([tree["images/train/train-00003.tar"][0] ^ 1])
        + tree["images/train/train-00003.tar"][1:],
        "labels/train/train-00007.parquet": b"",
        "labels/train/train-00008.parquet": tree["labels/train/train-00008.parquet"][:-9],
        "images/train/stray.tar": b"stray",
        ".build/glyphs": tree[".build/glyphs"][:-1],
    }
    for path, content in damaged.items():
        with files.open_output_stream(f"{root}/{path}") as file:
            file.write(content)
    files.delete_file(f"{root}/images/test/test-00001.tar")
    # Images are looked at when the glyphs are whole again.
    quick = {"images/test/test-00001.tar", *damaged} - {"images/train/train-00003.tar"}
    assert {problem.path for problem in verify(uri)} == quick
    assert run("verify", uri, "--repair", "--scheduler", "threads") == 0
    assert verify(uri, redraw=9) == ()
    repaired = drop_records(object_store.read_tree(folder))
    (moved,) = repaired.keys() - tree.keys()
    assert re.fullmatch(rf"{QUARANTINE}/\w+/images/train/stray.tar", moved)
    assert repaired.pop(moved) == b"stray"
    assert repaired == tree


def test_other_build_is_refused(tiny_config, object_store, folder, uri):
    """Another config in the same place is refused, with what differs, and touches nothing."""
    build(tiny_config(), uri)
    before = object_store.read_tree(folder)
    with pytest.raises(OutputError, match=r"another config\. .* These differ:\n  seed: 1 there, 2"):
        build(tiny_config(seed=2), uri)
    assert object_store.read_tree(folder) == before
    build(tiny_config(seed=2), uri, overwrite=True)
    assert load_plan(Storage(uri)).config.seed == 2


# -- killed ---------------------------------------------------------------------------------------


@pytest.mark.slow
def test_killed_drivers(many, object_store, folder, uri, start_build):
    """A build killed again and again at random moments ends with the bytes of one that is not."""
    config, tree = many
    complete: set[str] = set()
    for round_ in range(8):
        scheduler = "processes" if round_ % 6 == 0 else "threads"
        more = object_store.count(f"{folder}/images") + random.randint(0, 5)
        driver = start_build(config, uri, "--scheduler", scheduler)
        wait_until(
            lambda n=more, driver=driver: (
                not driver.is_running or object_store.count(f"{folder}/images") > n
            )
        )
        time.sleep(random.uniform(0, 0.05))
        driver.kill()
        assert driver.wait()[0] == -signal.SIGKILL
        partial = drop_records(object_store.read_tree(folder))
        assert all(tree[name] == content for name, content in partial.items())
        labels = {name for name in partial if name.startswith("labels/")}
        assert complete <= labels
        complete = labels
    result = build(config, uri, "threads")
    assert 0 < result.built_samples == 360 - 3 * len(complete) < 360
    assert drop_records(object_store.read_tree(folder)) == tree


@pytest.mark.slow
def test_interrupted_driver(many, object_store, folder, uri, start_build):
    """Ctrl-C finishes the shards under way and says how to go on."""
    config, tree = many
    driver = start_build(config, uri, "--scheduler", "threads")
    wait_until(lambda: object_store.count(f"{folder}/images") > 3)
    driver.send_signal(signal.SIGINT)
    code, log = driver.wait()
    assert code == 130
    n_done = int(re.search(r"stopped: (\d+) of 120 shards are done and kept", log)[1])
    assert build(config, uri).built_samples <= 360 - 3 * n_done
    assert drop_records(object_store.read_tree(folder)) == tree


@pytest.mark.slow
def test_two_drivers(many, object_store, folder, uri, start_build):
    """Two builds of one dataset at the same time both succeed, and leave one dataset."""
    config, tree = many
    drivers = [start_build(config, uri, "--scheduler", "threads") for _ in range(2)]
    for driver in drivers:
        code, log = driver.wait()
        assert code == 0, log
    assert drop_records(object_store.read_tree(folder)) == tree


@pytest.mark.slow
def test_store_is_killed_and_comes_back(many, object_store, folder, uri, start_build):
    """A build outlives a store that is killed and silent for seconds, and stays whole."""
    config, tree = many
    driver = start_build(config, uri, "--scheduler", "threads")
    wait_until(lambda: object_store.count(f"{folder}/images") > 5)
    object_store.kill()
    object_store.start()
    object_store.suspend(True)
    time.sleep(1)
    object_store.suspend(False)
    code, log = driver.wait()
    assert code == 0, log
    assert drop_records(object_store.read_tree(folder)) == tree


@pytest.mark.slow
def test_store_is_gone(many, object_store, folder, uri, tmp_path, monkeypatch):
    """A build whose store is gone for good ends with one error, and goes on when it is back."""
    config, tree = many
    monkeypatch.setattr("digit_sequence.store.storage.ATTEMPTS", 2)
    calls = []

    def kill(_samples, is_new):
        calls.append(is_new)
        if sum(calls) == 5:
            object_store.kill()

    with open_scheduler(SchedulerOptions("threads", workers=2)) as run:
        storage = Storage(uri)
        try:
            with pytest.raises(BuildError) as caught:
                build_dataset(open_sampler(config), storage, run, kill)
        finally:
            object_store.kill()
            object_store.start()
    message = str(caught.value)
    assert re.match(r"\d+ of 120 shards failed; most failed, .* are done and kept", message)
    assert "Could not connect to server" in message
    assert "see to the network" in message
    assert 0 < build(config, uri, "threads").built_samples < 360
    assert drop_records(object_store.read_tree(folder)) == tree


@pytest.mark.parametrize(
    ("method", "place", "quick"), [("read", "images", 0), ("open", "labels", 1)]
)
def test_verify_of_a_store_in_trouble(tiny_config, uri, monkeypatch, method, place, quick):
    """Files that only could not be read are no damage: the verification ends with an error."""
    build(tiny_config(), uri)
    call = getattr(Storage, method)

    def fail(storage, path):
        if path.startswith(place):
            raise OutputError(f"{path}: cannot be read: AWS Error NETWORK_CONNECTION")
        return call(storage, path)

    with monkeypatch.context() as patch:
        patch.setattr(Storage, method, fail)
        with pytest.raises(OutputError, match="NETWORK_CONNECTION"):
            verify(uri, quick=method == "open")
    assert verify(uri) == ()


def test_large_object(uri, object_store):
    """An object that takes several parts appears whole."""
    content = os.urandom(1 << 20) * 25
    Storage(uri).write("large", content)
    assert Storage(uri).read("large") == content
    assert Storage(uri).list() == {"large": len(content)}


# -- slow and faulty networks ---------------------------------------------------------------------


@pytest.mark.slow
def test_faulty_network(many, object_store, folder, monkeypatch):
    """Every fifth request is refused or lost, and the dataset is the same."""
    config, tree = many

    def choose(count, _method):
        return ["503", "reset", "500", "lost"][count // 5 % 4] if count % 5 == 0 else None

    with open_proxy(object_store.endpoint, choose) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{proxy.endpoint}")
        assert build(config, f"s3://{BUCKET}/{folder}", "threads", workers=8).manifest
    assert len(proxy.requests) > 2 * N_SHARDS
    assert drop_records(object_store.read_tree(folder)) == tree


def test_commit_is_one_put(tiny_config, object_store, folder, monkeypatch):
    """A build puts whole objects, the label file after its shard and the manifest last."""
    with open_proxy(object_store.endpoint, lambda *_: None) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{proxy.endpoint}")
        build(tiny_config(), f"s3://{BUCKET}/{folder}")
    writes = [request for request in proxy.requests if not request.startswith(("GET", "HEAD"))]
    assert not [write for write in writes if "copied" in write or write.startswith("POST")]
    puts = [re.split("[ ?]", put)[1].removeprefix(f"/{BUCKET}/{folder}/") for put in writes]
    dataset = [path for path in puts if not path.startswith((RUNS_FOLDER, ".build/probe", "."))]
    *shards, card, croissant, manifest = [path for path in dataset if not path.endswith("/")]
    assert (card, croissant, manifest) == ("README.md", "croissant.json", "dataset.json")
    pairs = [(image, labels) for image, labels in zip(shards[::2], shards[1::2], strict=True)]
    assert sorted(pairs) == [
        (f"images/{stem}.tar", f"labels/{stem}.parquet")
        for stem in ("test/test-00000", *(f"train/train-0000{index}" for index in range(3)))
    ]


@pytest.mark.parametrize(
    ("fault", "told"), [("500", "HTTP status 500|INTERNAL"), ("reset", "NETWORK_CONNECTION")]
)
def test_store_that_never_works(object_store, folder, monkeypatch, fault, told):
    """An operation that always fails is tried a few times and ends with the last error."""
    monkeypatch.setattr("digit_sequence.store.storage.ATTEMPTS", 2)
    with open_proxy(object_store.endpoint, lambda *_: fault) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{proxy.endpoint}")
        storage = Storage(f"s3://{BUCKET}/{folder}")
        operations = [
            (lambda: storage.read("a"), "a: cannot be read"),
            (lambda: storage.size("a"), "a: cannot be read"),
            (lambda: storage.list("a"), "a: cannot be read"),
            (lambda: storage.write("a", b"1"), "a: 1 bytes cannot be written"),
            (lambda: storage.move("a", "b"), "a: cannot be moved"),
            (lambda: storage.delete("a"), "a: cannot be removed"),
        ]
        for operation, problem in operations:
            proxy.requests.clear()
            with pytest.raises(OutputError, match=f"{problem}: .*({told})"):
                operation()
            assert len(proxy.requests) == 2


def test_fault_while_a_footer_is_read(tiny_config, object_store, folder, uri, monkeypatch):
    """A network that fails in the middle of a label file does not make the file a damaged one."""
    build(tiny_config(), uri)
    monkeypatch.setattr("digit_sequence.store.storage.ATTEMPTS", 2)
    with open_proxy(
        object_store.endpoint, lambda _, method: "reset" if method == "GET" else None
    ) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{proxy.endpoint}")
        with (
            Storage(f"{uri}/?scheme=http").open("labels/test/test-00000.parquet") as file,
            pytest.raises(OutputError, match=r"test-00000\.parquet: cannot be read"),
        ):
            pq.read_schema(file)


# -- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["build", "status"])
@pytest.mark.parametrize(
    ("environment", "place", "message"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "s3://lab/x", "SIGNATURE_DOES_NOT_MATCH"),
        ({"AWS_ACCESS_KEY_ID": "nobody"}, "s3://lab/x", "INVALID_ACCESS_KEY_ID"),
        ({}, "s3://no-such-bucket/x", "there is no bucket 'no-such-bucket'|ACCESS_DENIED"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, "s3://lab/x", "connect to server"),
        ({}, "s3://KEY:HIDDEN@lab/x", "s3://lab/x: expected no credentials in the URI"),
        ({}, "s3://lab/x?secret_key=HIDDEN", "s3://lab/x: expected no credentials in the URI"),
        ({}, "gs://lab/x?access_token=HIDDEN", "gs://lab/x: expected no credentials in the URI"),
        ({}, "s3://lab/x?colour=blue", "s3://lab/x: .*expected s3://BUCKET.*, got the option col"),
        ({}, "s3:///x", "got no bucket"),
        ({}, "s4://lab/x", "s4://lab/x: not a directory that can be opened"),
    ],
)
def test_unusable_store(  # noqa: PLR0917
    tiny_config, tmp_path, monkeypatch, capsys, command, environment, place, message
):
    """A store that cannot be used is one clear error within seconds, which tells no secret."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    path = write_config(tmp_path / "config.yaml", tiny_config(output={"uri": place}))
    begin = time.monotonic()
    assert run(command, path if command == "build" else place) == 2
    assert time.monotonic() - begin < 10
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert re.search(message, line)
    assert "HIDDEN" not in line


def test_silent_store(tiny_config, tmp_path, monkeypatch):
    """A server that takes a connection and never answers is an error in bounded time."""
    monkeypatch.setattr("digit_sequence.store.filesystems.SILENT_SECONDS", 1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.getsockname()[1]}")
        begin = time.monotonic()
        with pytest.raises(OutputError, match="Timeout was reached"):
            Storage(f"s3://{BUCKET}/silent").check()
    assert time.monotonic() - begin < 10


def test_no_credential_is_written(
    tiny_config, object_store, folder, uri, tmp_path, capsys, monkeypatch
):
    """No object of the bucket holds a credential: not even the record of a run that failed."""
    path = write_config(tmp_path / "config.yaml", tiny_config(output={"uri": uri}))
    assert run("build", path, "--scheduler", "threads") == 0
    assert run("build", path, "--scheduler", "threads", "--set", "seed=9") == 2
    object_store.connect().delete_file(f"{BUCKET}/{folder}/labels/test/test-00000.parquet")

    def fail(*_):
        raise OSError("no codec")

    monkeypatch.setattr("digit_sequence.building.shard.encode_images", fail)
    assert run("build", path, "--scheduler", "threads") == 2
    out, err = capsys.readouterr()
    assert "1 of 4 shards failed" in err
    files = object_store.read_tree("")
    records = [files[name] for name in files if name.startswith(f"{folder}/{RUNS_FOLDER}")]
    assert any(b"Traceback" in record for record in records)
    for name, content in {**files, "printed": (out + err).encode()}.items():
        for secret in (ACCESS_KEY, SECRET_KEY):
            assert secret.encode() not in content, name


# -- other stores ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("uri", "root"),
    [("gs://bucket/a/b", "bucket/a/b"), ("gs://bucket/a/?scheme=https", "bucket/a")],
)
def test_google_storage_is_opened(uri, root, monkeypatch):
    """A gs:// URI becomes a client of Google's storage, without a network."""
    storage = Storage(uri)
    assert isinstance(storage._files, fs.GcsFileSystem)
    assert storage.locate("images/x") == f"{root}/images/x"
