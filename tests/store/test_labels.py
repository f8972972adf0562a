"""The label index: its schema, its files, its footer, its digest."""

from __future__ import annotations

import io
import json
import random
from dataclasses import asdict, replace
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builds import ALL_TRANSFORMS, read_encoded, read_rows
from digit_sequence.base.digests import hash_images, hash_pixels
from digit_sequence.building.sampler import open_sampler
from digit_sequence.building.shard import pack_shard
from digit_sequence.codec.encoding import decode_image
from digit_sequence.config.loading import parse_config
from digit_sequence.store.label_schema import COLUMNS, PIXEL_HASH, make_schema
from digit_sequence.store.labels import (
    METADATA_KEY,
    Commit,
    encode_labels,
    hash_rows,
    read_commit,
    read_labels,
)
from digit_sequence.transforms.registry import TRANSFORMS
from strategies import ROOMY, fill_sections, make_legible, trees
from toys import TOYS

COMMIT = Commit("f" * 32, "train-00000", 12, 10_240, "a" * 64, "b" * 64, 3)


@pytest.fixture(scope="module")
def rows(built):
    """Return the label rows of a dataset with every transform."""
    return read_rows(built()).combine_chunks()


def reread(encoded):
    """Read the rows of an encoded label file."""
    return read_labels(pa.BufferReader(encoded))


# -- schema ---------------------------------------------------------------------------------------


def plan_schema(**sections):
    """Return the schema of a build, and the columns that its transforms declare."""
    rest = {"source": {"name": "mnist-5k"}, "splits": {}}
    rest["splits"]["train"] = {"numbers": {"values": ["7"]}, "samples": 1}
    config = parse_config(make_legible(rest | sections), "tree")
    return make_schema(config.columns), config.columns


SCHEMA, _ = plan_schema(**ALL_TRANSFORMS)
"""Of the datasets that tests read: every transform is on."""


def list_columns():
    """Return the columns of all transforms, in order."""
    return [
        column
        for transform in TRANSFORMS.values()
        for column in (*transform.columns, *transform.measured)
    ]


@given(trees())
def test_columns_of_a_config(tree):
    """Those of every build, then those of the transforms that are on, in order, then the hash."""
    schema, columns = plan_schema(**tree)
    on = [
        column.name
        for transform in TRANSFORMS.values()
        if transform.default is not None or tree[transform.section].get(transform.name) is not None
        for column in (*transform.columns, *transform.measured)
    ]
    assert [column.name for column in columns] == on
    names = [column.name for column in COLUMNS]
    assert schema.names == [*names, *on, "pixel_hash"]
    assert len({*schema.names}) == len(schema.names)


def test_columns_without_transforms():
    """A config that switches nothing on has the columns of every build, and spacing."""
    schema, _ = plan_schema()
    assert schema.names == [*(column.name for column in COLUMNS), "spacing", "pixel_hash"]


def test_columns_are_declared_types():
    """A column has its declared type, one value a sample or a list of one per digit."""
    with TRANSFORMS.adding(*TOYS):
        columns = list_columns()
    schema = make_schema(columns)
    for column in (*COLUMNS, *columns, PIXEL_HASH):
        kind = schema.field(column.name).type
        assert pa.types.is_list(kind) == (column.per == "digit")
        if column.name != "boxes":
            assert pa.type_for_alias(column.type) == (
                kind.value_type if column.per == "digit" else kind
            )


def test_every_column_has_a_meaning():
    """The reference has a line for each column."""
    declared = list_columns()
    assert all(column.meaning.strip() for column in (*COLUMNS, *declared, PIXEL_HASH))
    schema, columns = plan_schema(canvas=ROOMY, **fill_sections())
    assert list(columns) == declared
    names = [column.name for column in (*COLUMNS, *declared, PIXEL_HASH)]
    assert schema.names == names


def test_types():
    """Columns have the documented types: numbers are strings, places and hashes have 64 bits."""
    types = {field.name: str(field.type) for field in SCHEMA}
    for name in ("key", "split", "number", "shard", "file"):
        assert types[name] == "string"
    for name in ("ordinal", "sample_index", "offset", "size", "pixel_hash"):
        assert types[name] == "int64"
    assert {types[name] for name in ("scaled", "inverted")} == {"bool"}
    assert types["glyph_ids"] == "list<element: int32 not null>"
    edges = ", ".join(f"{edge}: int32 not null" for edge in ("top", "left", "bottom", "right"))
    assert types["boxes"] == f"list<element: struct<digit: int8 not null, {edges}> not null>"


def list_fields(kind):
    """Yield every field inside a type."""
    for index in range(kind.num_fields):
        yield kind.field(index)
        yield from list_fields(kind.field(index).type)


def test_nothing_may_be_null(built):
    """No column and no part of one may be null, in the schema and in the files."""
    (path, *_) = built().glob("labels/train/*.parquet")
    for schema in (SCHEMA, pq.read_schema(path)):
        assert not any(field.nullable for field in list_fields(pa.struct(list(schema))))
    assert all(leaf.max_definition_level <= 1 for leaf in pq.ParquetFile(path).schema)


def test_files_have_the_one_schema(built):
    """Every label file of every container has the declared schema, to the order of columns."""
    for container in ("webdataset", "parquet", "files"):
        paths = list(built(container=container).glob("labels/*/*.parquet"))
        assert len(paths) == 4
        assert all(pq.read_schema(path).equals(SCHEMA) for path in paths)


def test_labels_are_what_was_asked_for(built):
    """Columns say what the config asked for and agree with each other; zeros are kept."""
    rows = read_rows(built()).to_pylist()
    train = [row for row in rows if row["split"] == "train"]
    test = [row for row in rows if row["split"] == "test"]
    assert [row["number"] for row in train] == ["007", "42", "7"] * 4
    assert [row["sample_index"] for row in train] == [i // 3 for i in range(12)]
    assert [row["sample_index"] for row in test] == list(range(5))
    assert [row["key"] for row in test] == [f"test-{i:09d}" for i in range(5)]
    for split in (train, test):
        assert [row["ordinal"] for row in split] == list(range(len(split)))
    for row in rows:
        assert row["shard"] == f"{row['split']}-{row['ordinal'] // 5:05d}"
        assert row["row"] == row["ordinal"] % 5
        assert row["file"] == f"images/{row['split']}/{row['shard']}.tar"
        assert (row["height"], row["width"]) == (28, 160)
        assert row["n_digits"] == len(row["number"])
        assert [str(box["digit"]) for box in row["boxes"]] == list(row["number"])
        per_digit = [key for key, value in row.items() if isinstance(value, list)]
        declared = [field.name for field in SCHEMA if pa.types.is_list(field.type)]
        assert per_digit == declared
        assert {len(row[key]) for key in per_digit} == {row["n_digits"]}
        for box in row["boxes"]:
            assert 0 <= box["left"] < box["right"] <= 160
            assert 0 <= box["top"] < box["bottom"] <= 28


def test_every_transform_is_recorded(rows):
    """Columns of transforms that some samples get hold both what was drawn and 0."""
    for name in ("noise_sigma", "salt_pepper", "blur_sigma"):
        values = rows[name].to_numpy()
        assert values.min() == 0 < values.max()
    for name in ("salt", "pepper", "shear_degrees", "rotate_degrees", "stroke"):
        values = rows[name].combine_chunks().values.to_numpy()
        assert (values == 0).any()
        assert (values != 0).any()
    assert set(rows["inverted"].to_pylist()) == {True, False}


# -- files ----------------------------------------------------------------------------------------


def test_file_format(built):
    """One row group, zstd, a page index; a dictionary where values repeat, and only there."""
    for path in built().glob("labels/*/*.parquet"):
        file = pq.ParquetFile(path)
        assert file.num_row_groups == 1
        group = file.metadata.row_group(0)
        columns = [group.column(index) for index in range(group.num_columns)]
        assert {column.compression for column in columns} == {"ZSTD"}
        assert all(column.has_column_index and column.has_offset_index for column in columns)
        plain = {column.path_in_schema for column in columns if not column.has_dictionary_page}
        # One bit each: Parquet has no dictionary for them.
        flags = {column.path_in_schema for column in columns if column.physical_type == "BOOLEAN"}
        counts = {"sample_index", "ordinal", "row", "offset"}
        assert plain == {"key", "glyph_ids.list.element", "pixel_hash"} | counts | flags


def test_large_file_has_one_row_group(rows):
    """A shard of the greatest size has one row group too."""
    many = pa.concat_tables([rows] * (100_000 // len(rows) + 1)).slice(0, 100_000)
    file = pq.ParquetFile(pa.BufferReader(encode_labels(many, COMMIT)))
    assert (file.num_row_groups, file.metadata.num_rows) == (1, 100_000)


def test_file_gives_rows_back(rows):
    """Rows come back from a label file as they were."""
    assert reread(encode_labels(rows, COMMIT)).equals(rows)


def test_file_is_the_same_every_time(rows):
    """Equal rows and commits are equal bytes."""
    assert encode_labels(rows, COMMIT) == encode_labels(reread(encode_labels(rows, COMMIT)), COMMIT)


def test_any_reader_keeps_zeros(built):
    """A reader that knows nothing but Parquet, such as pandas, gets numbers as strings."""
    folder = built()
    table = pa.concat_tables(map(pq.read_table, sorted(folder.glob("labels/train/*.parquet"))))
    assert table.schema.field("number").type == pa.string()
    assert table.to_pandas()["number"].tolist() == ["007", "42", "7"] * 4


# -- pixel hash -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("image", "value"),
    [
        # XXH3-64 of "abc" and of "a", as the reference implementation has them.
        (np.array([[97, 98, 99]], np.uint8), 0x78AF5F94892F3950),
        (np.array([[97]], np.uint8), 0xE6C632B61E964E1F - 2**64),
    ],
)
def test_pixel_hash_is_signed(image, value):
    """The hash is XXH3-64 read as a signed integer, which fits the column."""
    assert hash_pixels(image) == value
    assert pa.array([value], pa.int64()).to_pylist() == [value]


def test_hashes_of_a_stack_are_those_of_its_images():
    """However the stack is laid out in memory."""
    images = np.random.default_rng(0).integers(0, 256, (5, 28, 60), np.uint8)
    for stack in (images, images[::2, :, 10:50], images.transpose(0, 2, 1), images[:0]):
        assert hash_images(stack).tolist() == list(map(hash_pixels, stack))


def test_pixel_hash_is_of_the_image(built):
    """Each row has the hash of its own image, and both signs occur."""
    folder = built()
    rows = read_rows(folder).to_pylist()
    for row in rows:
        assert hash_pixels(decode_image(read_encoded(folder, row))) == row["pixel_hash"]
    assert {row["pixel_hash"] > 0 for row in rows} == {True, False}


# -- digest of rows -------------------------------------------------------------------------------


@given(cuts=st.lists(st.integers(0, 17), max_size=6).map(sorted))
def test_hash_of_rows_ignores_chunks(rows, cuts):
    """However rows are cut into chunks, their digest is the same."""
    edges = [0, *cuts, len(rows)]
    parts = [rows.slice(a, b - a) for a, b in pairwise(edges)]
    assert hash_rows(pa.concat_tables(parts)) == hash_rows(rows)


@given(start=st.integers(0, 17), stop=st.integers(0, 17))
def test_hash_of_rows_ignores_files(rows, start, stop):
    """Rows have one digest in memory, cut out of a larger table, in Parquet and in Arrow files."""
    start, stop = sorted((start, stop))
    part = rows.slice(start, stop - start)
    copy = pa.Table.from_pylist(part.to_pylist(), SCHEMA)
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, part.schema) as file:
        file.write_table(part, max_chunksize=3)
    arrow = pa.ipc.open_file(pa.BufferReader(sink.getvalue())).read_all()
    snappy = pa.BufferOutputStream()
    pq.write_table(part, snappy, row_group_size=2)
    parquet = pq.read_table(pa.BufferReader(snappy.getvalue()))
    digests = {hash_rows(table) for table in (part, copy, arrow, parquet)}
    assert len(digests) == 1
    if len(part):
        assert hash_rows(reread(encode_labels(part, COMMIT))) in digests


@pytest.mark.parametrize("name", SCHEMA.names)
def test_hash_of_rows_covers_every_column(rows, name):
    """A change in any column changes the digest."""
    index = SCHEMA.get_field_index(name)
    changed = rows[name].to_pylist()[1:] + rows[name].to_pylist()[:1]
    if len(set(map(str, changed))) == 1:
        old = changed[0]
        other = "x" if isinstance(old, str) else not old if isinstance(old, bool) else old + 1
        changed = [other] * len(rows)
    table = rows.set_column(index, SCHEMA.field(index), pa.array(changed, SCHEMA.field(index).type))
    assert hash_rows(table) != hash_rows(rows)


def test_labels_digest_of_a_commit(built):
    """The footer has the digest of the rows beside it, so a changed label can be found."""
    for path in built().glob("labels/*/*.parquet"):
        commit = read_commit(path)
        assert commit.labels_digest == hash_rows(read_labels(path))


def test_rows_of_batches_are_those_of_one(tiny_config, monkeypatch):
    """How many samples are rendered at a time changes no row and no byte of the label file."""
    sampler = open_sampler(tiny_config(**ALL_TRANSFORMS, output={"shard_samples": 100}))
    shard = sampler.plan.splits["train"].shard(0)
    whole, commit = pack_shard(sampler, shard)
    monkeypatch.setattr("digit_sequence.building.sampler.fit_batch", lambda *_: 5)
    pieces, same_commit = pack_shard(sampler, shard)
    assert commit == same_commit
    assert pieces.files == whole.files
    assert encode_labels(pieces.rows, commit) == encode_labels(whole.rows, commit)


# -- footer ---------------------------------------------------------------------------------------


def test_commit_comes_back(rows):
    """A footer gives back what it was given."""
    for commit in (COMMIT, replace(COMMIT, shard="test-99999", rows=2**40, schema_version=7)):
        assert read_commit(pa.BufferReader(encode_labels(rows, commit))) == commit


def test_cut_file_is_no_commit(rows):
    """However a label file is cut short, it says nothing."""
    encoded = encode_labels(rows, COMMIT)
    for length in (*range(20), *range(20, len(encoded), 97), len(encoded) - 1):
        assert read_commit(pa.BufferReader(encoded[:length])) is None


def test_damaged_file_is_no_commit_or_the_right_one(rows):
    """Whatever bytes of the footer change, the answer is a commit or None, and never an error."""
    encoded = encode_labels(rows, COMMIT)
    footer = 8 + int.from_bytes(encoded[-8:-4], "little")
    chance = random.Random(0)
    answers = set()
    for _ in range(2000):
        damaged = bytearray(encoded)
        damaged[len(encoded) - chance.randint(1, footer)] ^= 1 << chance.randrange(8)
        commit = read_commit(pa.BufferReader(bytes(damaged)))
        answers.add(type(commit))
    assert answers == {Commit, type(None)}


FOREIGN = {
    "nothing": None,
    "not JSON": b"{",
    "not text": b"\xff\xfe",
    "a list": b"[1, 2]",
    "a number": b"1",
    "no fields": b"{}",
    "a field less": json.dumps(asdict(COMMIT) | {"rows": None}).replace('"rows"', '"row"').encode(),
    "a field more": json.dumps(asdict(COMMIT) | {"more": 1}).encode(),
}


@pytest.mark.parametrize("footer", FOREIGN.values(), ids=FOREIGN)
def test_foreign_parquet_is_no_commit(rows, footer):
    """A Parquet file with no footer of ours, or with another sort of one, says nothing."""
    metadata = None if footer is None else {METADATA_KEY: footer}
    sink = pa.BufferOutputStream()
    pq.write_table(rows.replace_schema_metadata(metadata), sink)
    assert read_commit(pa.BufferReader(sink.getvalue())) is None


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1PAR1", b"key,number\n1,2\n", bytes(999)])
def test_garbage_is_no_commit(content):
    """A file that is no Parquet says nothing."""
    assert read_commit(pa.BufferReader(content)) is None
