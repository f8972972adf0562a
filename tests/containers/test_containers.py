"""Containers: their bytes, and the readers that people read them with."""

from __future__ import annotations

import gc
import hashlib
import io
import json
import re
import tarfile
import warnings

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builds import ALL_TRANSFORMS, build, read_encoded, read_rows, read_tree
from digit_sequence.base.digests import hash_pixels
from digit_sequence.base.errors import ConfigError
from digit_sequence.base.names import sample_key
from digit_sequence.building.sampler import open_sampler
from digit_sequence.building.shard import pack_shard
from digit_sequence.building.verify import verify_dataset
from digit_sequence.codec.encoding import decode_image
from digit_sequence.containers import CONTAINERS
from digit_sequence.containers.container import Packed, Target
from digit_sequence.containers.sidecars import SIDECARS
from digit_sequence.containers.webdataset import Buffer, make_headers
from digit_sequence.plan.plan import Shard
from digit_sequence.run.schedulers import SchedulerOptions, open_scheduler
from digit_sequence.store.label_schema import PLACE_COLUMNS, make_schema
from digit_sequence.store.storage import Storage

IMAGE_FILES = {"png": b"\x89PNG\r\n\x1a\n", "jpeg": b"\xff\xd8\xff"}


@pytest.fixture(params=CONTAINERS)
def container(request):
    """Return the name of each container in turn."""
    return request.param


# -- all containers -------------------------------------------------------------------------------


@pytest.mark.parametrize("image", IMAGE_FILES)
def test_rows_point_at_images(built, container, image):
    """The bytes at file, offset, size are one whole image file: the one that the row is about."""
    folder = built(container=container, image=image)
    rows = read_rows(folder).to_pylist()
    assert len(rows) == 17
    for row in rows:
        encoded = read_encoded(folder, row)
        assert encoded.startswith(IMAGE_FILES[image])
        pixels = decode_image(encoded)
        assert pixels.shape == (row["height"], row["width"])
        if image == "png":
            assert hash_pixels(pixels) == row["pixel_hash"]
    places = [(row["file"], row["offset"]) for row in rows]
    assert len(set(places)) == len(places)


@pytest.mark.parametrize(
    ("container", "sidecar"),
    [
        (name, it)
        for name in CONTAINERS
        for it in dict.fromkeys(("brief", *CONTAINERS[name].sidecars))
    ],
)
def test_signs_pass_through_every_container(tiny_config, tmp_path, container, sidecar):
    """Whatever characters a number has, files have safe names, and the container is sound."""
    numbers = ["-1,234.50", "50 %", "€9/#(+):=", "$£1"]
    splits = {"train": {"numbers": {"values": numbers}, "samples_per_number": 2}}
    output = {"container": container, "sidecar": sidecar, "shard_samples": 5}
    build(tiny_config(splits=splits, output=output), tmp_path / "out")
    assert [row["number"] for row in read_rows(tmp_path / "out").to_pylist()] == numbers * 2
    for path in (tmp_path / "out/images").rglob("*"):
        assert re.fullmatch(r"[a-z0-9_-]+(\.[a-z]+)?", path.name)
        assert len(path.name) < 255
    with open_scheduler(SchedulerOptions("synchronous")) as run:
        assert verify_dataset(Storage(str(tmp_path / "out")), run).problems == ()


def test_images_are_the_same_in_every_container(built):
    """The container changes where an image is, and neither its bytes nor its other labels."""
    contents = []
    for name in CONTAINERS:
        folder = built(container=name)
        rows = read_rows(folder)
        images = [read_encoded(folder, row) for row in rows.to_pylist()]
        contents.append((images, rows.drop_columns(list(PLACE_COLUMNS))))
    assert contents[0] == contents[1] == contents[2]


def test_packing_is_deterministic(tiny_config, container):
    """The same samples are the same bytes, time and again, in memory."""
    sampler = open_sampler(tiny_config(**ALL_TRANSFORMS))
    shard = sampler.plan.splits["train"].shard(1)
    pack = CONTAINERS[container].pack
    first, second = (pack_shard(sampler, shard, pack) for _ in range(2))
    assert first[0].files == second[0].files
    assert first[1] == second[1]


def test_commit_describes_the_shard(built, container):
    """Bytes and digest of a commit are those of the files on the disk, in order of the rows."""
    folder = built(container=container)
    for path in sorted(folder.glob("labels/*/*.parquet")):
        commit = json.loads(pq.read_metadata(path).metadata[b"digit-sequence"])
        files = dict.fromkeys(pq.ParquetFile(path).read()["file"].to_pylist())
        content = b"".join((folder / file).read_bytes() for file in files)
        assert commit["shard_bytes"] == len(content)
        assert commit["shard_sha256"] == hashlib.sha256(content).hexdigest()
        assert commit["rows"] == pq.read_metadata(path).num_rows


def test_only_images_among_the_images(built, container):
    """The folder of images holds the container's files alone, under the documented names."""
    names = {
        "webdataset": r"images/(train|test)/\1-0000[0-2]\.tar",
        "parquet": r"images/(train|test)/\1-0000[0-2]\.parquet",
        "files": r"images/(train|test)/([0-9]+)/\2_[0-9]+\.png",
    }
    paths = [path for path in read_tree(built(container=container)) if path.startswith("images/")]
    assert len(paths) == (17 if container == "files" else 4)
    assert all(re.fullmatch(names[container], path) for path in paths)


def test_digest_is_of_all_files():
    """Bytes and digest of a shard of many files are those of the files one after another."""
    packed = Packed({"b": b"12", "a": b"345"}, make_schema(()).empty_table())
    assert packed.n_bytes == 5
    assert packed.sha256 == hashlib.sha256(b"12345").hexdigest()


# -- webdataset -----------------------------------------------------------------------------------


@pytest.fixture(params=SIDECARS)
def sidecar(request):
    """Return the name of each sidecar in turn."""
    return request.param


@pytest.fixture
def tar_files(built, sidecar):
    """Return the tar files of a dataset with every transform."""
    return sorted(built(sidecar=sidecar).glob("images/*/*.tar"))


def read_sidecars(path):
    """Return the content of every second member of a tar, by key."""
    with tarfile.open(path) as tar:
        members = tar.getmembers()[1::2]
        return {member.name.split(".")[0]: tar.extractfile(member).read() for member in members}


def describe(row, sidecar):
    """Return what the sidecar of a row says."""
    brief = {name: row[name] for name in ("key", "number", "boxes")}
    return {"brief": brief, "full": row, "text": row["number"]}[sidecar]


def list_kinds(value):
    """Return a value with its leaves replaced by their types; a list is that of its first."""
    if isinstance(value, dict):
        return {name: list_kinds(inner) for name, inner in value.items()}
    return [list_kinds(value[0])] if isinstance(value, list) else type(value)


def test_tar_is_ustar(tar_files):
    """Headers are USTAR of one block, with no time and no owner, on a grid of blocks."""
    for path in tar_files:
        content = path.read_bytes()
        assert len(content) % 10_240 == 0
        offset = 0
        while content[offset] != 0:
            header = content[offset : offset + 512]
            assert header[257:265] == b"ustar\x0000"
            assert header[156:157] == b"0"  # a regular file: no PAX or GNU extension
            mode, uid, gid = (int(header[i : i + 7], 8) for i in (100, 108, 116))
            assert (mode, uid, gid, int(header[136:147], 8)) == (0o644, 0, 0, 0)
            assert not header[265:345].strip(b"\x0000")  # no names of owners, no devices
            offset += 512 + -(-int(header[124:135], 8) // 512) * 512
        assert not any(content[offset:])


def test_tar_is_that_of_tarfile(tar_files):
    """The bytes are those that tarfile writes, member by member."""
    for path in tar_files:
        written = io.BytesIO()
        with (
            tarfile.open(path) as tar,
            tarfile.open(fileobj=written, mode="w", format=tarfile.USTAR_FORMAT) as copy,
        ):
            for found in tar:
                member = tarfile.TarInfo(found.name)  # mtime, uid and gid 0
                member.size = found.size
                copy.addfile(member, tar.extractfile(found))
        assert written.getvalue() == path.read_bytes()


@given(
    st.lists(
        st.tuples(
            st.text(st.characters(codec="ascii", exclude_characters="\0"), max_size=100).filter(
                lambda name: name == name.rstrip("/")
            ),
            st.integers(0, 2**33 - 1),
        ),
        min_size=1,
    )
)
def test_headers_are_those_of_tarfile(members):
    """Any name of up to 100 characters and any size gives the header that tarfile makes."""
    expected = []
    for name, size in members:
        member = tarfile.TarInfo(name)
        member.size = size
        expected.append(member.tobuf(tarfile.USTAR_FORMAT))
    names, sizes = zip(*members, strict=True)
    assert make_headers(names, np.array(sizes)) == expected


def test_tar_members(built, tar_files, sidecar):
    """Each sample is KEY.png and then its sidecar, which holds values of its label row."""
    rows = {row["key"]: row for row in read_rows(built(sidecar=sidecar)).to_pylist()}
    found = []
    for path in tar_files:
        with tarfile.open(path) as tar:
            members = tar.getmembers()
            for image, label in zip(members[::2], members[1::2], strict=True):
                key, extension = image.name.split(".", 1)
                assert (extension, label.name) == ("png", f"{key}{SIDECARS[sidecar].extension}")
                text = tar.extractfile(label).read()
                held = text.decode() if sidecar == "text" else json.loads(text)
                assert held == describe(rows[key], sidecar)
                assert list_kinds(held) == list_kinds(describe(rows[key], sidecar))
                assert (rows[key]["offset"], rows[key]["size"]) == (image.offset_data, image.size)
                found.append(key)
    assert sorted(found) == sorted(rows)


@pytest.mark.parametrize("sidecar", ["brief", "full"], indirect=True)
def test_json_has_the_same_keys_everywhere(tar_files):
    """Keys are fixed, nothing is null or an empty list, a number is always of one kind."""
    kinds = set()
    for path in tar_files:
        for text in read_sidecars(path).values():
            row = json.loads(text)
            assert text == json.dumps(row, separators=(",", ":")).encode()
            assert all(value is not None and value != [] for value in row.values())
            kinds.add(str(list_kinds(row)))
    assert len(kinds) == 1


def test_sidecar_changes_nothing_else(built):
    """What stands beside an image changes where the next one is, and no pixel and no label."""
    contents = []
    for name in SIDECARS:
        folder = built(sidecar=name)
        rows = read_rows(folder)
        images = [read_encoded(folder, row) for row in rows.to_pylist()]
        contents.append((images, rows.drop_columns(list(PLACE_COLUMNS))))
    assert contents[0] == contents[1] == contents[2]


def test_brief_sidecar_fits_into_a_block(tiny_config):
    """Up to eight digits a brief sidecar takes one block of 512 bytes, so as few as a text does."""
    splits = {"train": {"numbers": {"values": ["12345678"]}, "samples": 20}}
    canvas = {"height": 128, "width": 1000, "align": "right"}
    packed = {}
    for name in ("brief", "text"):
        config = tiny_config(splits=splits, canvas=canvas, output={"sidecar": name})
        packed[name], _ = pack_shard(open_sampler(config), Shard("train", 0, 0, 20))
    assert packed["brief"].n_bytes == packed["text"].n_bytes


@pytest.mark.parametrize("engine", ["skimage", "numba"])
@pytest.mark.parametrize("first_ordinal", [0, 999_999_990, 10**11])
def test_members_are_those_of_tarfile_and_json(tiny_config, first_ordinal, engine):
    """A tar file is read by tarfile, and each JSON member is its label row, for both engines."""
    splits = {"train": {"numbers": {"random": {"lengths": [1, 9]}}, "samples": 10**12}}
    config = tiny_config(splits=splits, output={"sidecar": "full"}, **ALL_TRANSFORMS)
    shard = Shard("train", 0, first_ordinal, first_ordinal + 40)
    packed, _ = pack_shard(open_sampler(config, engine), shard)
    ((_, content),) = packed.files.items()
    rows = packed.rows.to_pylist()
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        members = tar.getmembers()
        assert [member.name for member in members[::2]] == [f"{row['key']}.png" for row in rows]
        assert all(member.mtime == member.uid == member.gid == 0 for member in members)
        for row, image, text in zip(rows, members[::2], members[1::2], strict=True):
            assert (image.offset_data, image.size) == (row["offset"], row["size"])
            assert json.load(tar.extractfile(text)) == row


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ({"container": "tar"}, "output.container: expected one of webdataset, parquet, files, got"),
        ({"container": 7}, "output.container: expected text, got 7"),
        ({"sidecar": "long"}, "output.sidecar: expected one of brief, full, text, got 'long'"),
        (
            {"container": "parquet", "sidecar": "full"},
            "output.sidecar: expected brief with the container parquet, which has nothing beside "
            "its images, got full",
        ),
        (
            {"sidecar": "text", "container": "files"},
            "output.sidecar: expected brief with the container files",
        ),
    ],
)
def test_refused_outputs(tiny_config, output, message):
    """A name that is none is refused with those there are, and a sidecar where none can stand."""
    with pytest.raises(ConfigError, match=re.escape(message)):
        tiny_config(output=output)


def test_brief_is_accepted_everywhere(tiny_config):
    """The default may be written down, whatever the container."""
    for name in CONTAINERS:
        assert tiny_config(output={"container": name, "sidecar": "brief"}) == tiny_config(
            output={"container": name}
        )


@given(
    split=st.sampled_from(["train", "val", "test"]),
    ordinal=st.integers(0, 10**18) | st.integers(0, 10**9),
)
def test_keys(split, ordinal):
    """A key has no dot, is short and sorts as its ordinal does; so USTAR can hold its name."""
    key = sample_key(split, ordinal)
    assert "." not in key
    assert len(key.encode()) <= 90
    assert key == f"{split}-{ordinal:0{max(9, len(str(ordinal)))}d}"


def test_webdataset_reads_text(built):
    """The library webdataset gives the number of a text sidecar as a string."""
    import webdataset

    urls = [str(path) for path in sorted(built(sidecar="text").glob("images/train/*.tar"))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # it leaves its files to the collector
        samples = list(webdataset.WebDataset(urls, shardshuffle=False).decode("l8"))
        gc.collect()
    assert [sample["txt"] for sample in samples] == ["007", "42", "7"] * 4


def test_webdataset_reads_it(built):
    """The library webdataset gives every sample once, with its pixels and its labels."""
    import webdataset

    folder = built()
    rows = {row["key"]: row for row in read_rows(folder).to_pylist() if row["split"] == "train"}
    urls = [str(path) for path in sorted(folder.glob("images/train/*.tar"))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # it leaves its files to the collector
        samples = list(webdataset.WebDataset(urls, shardshuffle=False).decode("l8"))
        gc.collect()
    seen = []
    for sample in samples:
        row = rows[sample["__key__"]]
        assert sample["json"] == describe(row, "brief")
        assert hash_pixels(sample["png"]) == row["pixel_hash"]
        seen.append(row["number"])
    assert seen == ["007", "42", "7"] * 4


# -- parquet --------------------------------------------------------------------------------------


def test_parquet_columns(built):
    """Columns are what HF datasets takes for an image and a text."""
    folder = built(container="parquet")
    table = pq.ParquetFile(folder / "images/train/train-00000.parquet").read()
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    assert table.schema.equals(pa.schema([("image", image), ("text", pa.string())]))
    rows = read_rows(folder).to_pylist()
    expected = [row for row in rows if row["shard"] == "train-00000"]
    assert table["text"].to_pylist() == [row["number"] for row in expected]
    assert table["image"].to_pylist() == [
        {"bytes": read_encoded(folder, row), "path": f"{row['key']}.png"} for row in expected
    ]


@given(images=st.lists(st.binary(min_size=1, max_size=9), min_size=1, max_size=40))
def test_parquet_offsets_of_any_bytes(images):
    """An offset is right even if an image is found inside another, or twice."""
    keys = [sample_key("train", i) for i in range(len(images))]
    rows = make_schema(()).empty_table().drop_columns(list(PLACE_COLUMNS))
    rows = pa.Table.from_pylist(
        [{**dict.fromkeys(rows.schema.names), "key": key, "number": "1"} for key in keys],
        pa.schema([field.with_nullable(True) for field in rows.schema]),
    )
    target = Target("train", "train-00000", len(images), ".png", "brief")
    packed = CONTAINERS["parquet"].pack(target, [(rows, images)])
    ((path, content),) = packed.files.items()
    places = packed.rows.select(PLACE_COLUMNS).to_pylist()
    for place, image in zip(places, images, strict=True):
        assert place["file"] == path
        assert content[place["offset"] : place["offset"] + place["size"]] == image
    offsets = [place["offset"] for place in places]
    assert offsets == sorted(set(offsets))


def test_parquet_of_many_pages():
    """A shard of several pages and megabytes keeps every image whole, where its row says."""
    chance = np.random.default_rng(0)
    images = [chance.bytes(200_000) for _ in range(60)]
    keys = pa.array([sample_key("val", i) for i in range(60)])
    rows = pa.table({"key": keys, "number": pa.array(["1"] * 60)})
    schema = make_schema(())
    columns = [
        rows[field.name] if field.name in rows.column_names else pa.nulls(60, field.type)
        for field in schema
    ]
    rows = pa.table(columns, schema=pa.schema([field.with_nullable(True) for field in schema]))
    rows = rows.drop_columns(list(PLACE_COLUMNS))
    target = Target("val", "val-00000", 60, ".png", "brief")
    packed = CONTAINERS["parquet"].pack(target, [(rows, images)])
    (content,) = packed.files.values()
    places = packed.rows.select(["offset", "size"]).to_pylist()
    for place, image in zip(places, images, strict=True):
        assert content[place["offset"] : place["offset"] + place["size"]] == image


# -- webdataset -----------------------------------------------------------------------------------


def test_buffer_keeps_its_bytes_while_it_grows():
    """What is appended stays, whether there is more or less of it than was to be expected."""
    chance = np.random.default_rng(0)
    parts = [chance.bytes(size) for size in (10, 0, 1, 5000, 3, 70_000)]
    buffer = Buffer(n_samples=len(parts))
    for part in parts:
        buffer.append(part, 1)
    assert buffer.size == sum(map(len, parts))
    assert bytes(buffer.view()) == b"".join(parts)


# -- files ----------------------------------------------------------------------------------------


def test_files_are_named_after_their_numbers(built):
    """A folder for each number has its images by sample index."""
    tree = read_tree(built(container="files"))
    train = {path for path in tree if path.startswith("images/train")}
    assert train == {
        f"images/train/{number}/{number}_{index}.png"
        for number in ("007", "42", "7")
        for index in range(4)
    }


# -- HF datasets ----------------------------------------------------------------------------------


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Return `load_dataset` of HF datasets, without a network and with a cache of its own."""
    for variable in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "HF_HUB_DISABLE_TELEMETRY"):
        monkeypatch.setenv(variable, "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    import datasets

    datasets.disable_progress_bars()
    return lambda *args, **kwargs: datasets.load_dataset(
        *args, cache_dir=str(tmp_path / "hf/datasets"), **kwargs
    )


def check_images(loaded, folder, column):
    """Check that splits hold all images of a dataset, in the order of its labels."""
    rows = read_rows(folder).to_pylist()
    assert set(loaded) == {"train", "test"}
    for split, samples in loaded.items():
        expected = [row["pixel_hash"] for row in rows if row["split"] == split]
        found = [hash_pixels(np.asarray(sample[column])) for sample in samples]
        if column == "image" and "text" not in samples.column_names:
            expected, found = sorted(expected), sorted(found)  # files come in order of their names
        assert found == expected


def test_hf_reads_webdataset_by_its_card(built, load):
    """HF datasets loads the folder as it is: images decoded, labels typed, zeros kept."""
    folder = built()
    loaded = load(str(folder))
    check_images(loaded, folder, "png")
    train = loaded["train"]
    assert [row["number"] for row in train["json"]] == ["007", "42", "7"] * 4
    assert train.features["json"]["number"].dtype == "string"
    rows = [row for row in read_rows(folder).to_pylist() if row["split"] == "train"]
    assert list(train["json"]) == [describe(row, "brief") for row in rows]
    assert train["__key__"][:2] == ["train-000000000", "train-000000001"]


@pytest.mark.parametrize(("sidecar", "column"), [("full", "json"), ("text", "txt")])
def test_hf_reads_the_other_sidecars(built, load, sidecar, column):
    """HF datasets loads a whole label row, typed, or the number alone, as well."""
    folder = built(sidecar=sidecar)
    train = load(str(folder))["train"]
    rows = [row for row in read_rows(folder).to_pylist() if row["split"] == "train"]
    assert list(train[column]) == [describe(row, sidecar) for row in rows]


def test_hf_reads_parquet_by_its_card(built, load):
    """HF datasets loads the folder as it is: an image and its text."""
    folder = built(container="parquet")
    loaded = load(str(folder))
    check_images(loaded, folder, "image")
    assert loaded["train"]["text"] == ["007", "42", "7"] * 4
    assert type(loaded["train"].features["image"]).__name__ == "Image"


def test_hf_reads_files_by_their_card(built, load):
    """HF datasets loads the folder as it is: images, with the number of their folder as label."""
    folder = built(container="files")
    loaded = load(str(folder))
    check_images(loaded, folder, "image")
    labels = loaded["train"].features["label"].int2str(loaded["train"]["label"])
    assert labels == ["007"] * 4 + ["42"] * 4 + ["7"] * 4


@pytest.mark.parametrize(
    ("container", "kind", "column"),
    [("webdataset", "webdataset", "png"), ("parquet",) * 2 + ("image",)],
)
def test_hf_reads_by_pattern(built, load, container, kind, column):
    """HF datasets loads the image files by pattern, without the card."""
    folder = built(container=container)
    extension = "tar" if container == "webdataset" else "parquet"
    patterns = {split: f"{folder}/images/{split}/*.{extension}" for split in ("train", "test")}
    check_images(load(kind, data_files=patterns), folder, column)


def test_hf_streams(built, load):
    """HF datasets streams the samples in order as well."""
    samples = list(load(str(built()), split="train", streaming=True))
    assert [sample["json"]["number"] for sample in samples] == ["007", "42", "7"] * 4


def test_hf_reads_labels(built, load, tiny_config):
    """The label index alone is a dataset too, with every column."""
    folder = built()
    loaded = load("parquet", data_files=f"{folder}/labels/train/*.parquet", split="train")
    assert loaded.column_names == make_schema(tiny_config(**ALL_TRANSFORMS).columns).names
    assert loaded["number"][:3] == ["007", "42", "7"]
