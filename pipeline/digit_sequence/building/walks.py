"""Walking the container of a shard: whether its members are what the label rows say."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq


def _walk_tar(
    records: list[dict[str, Any]], files: Mapping[str, bytes], extension: str
) -> Iterator[str]:
    (content,) = files.values()
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        members = tar.getmembers()
    expected = [
        name for row in records for name in (f"{row['key']}{extension}", f"{row['key']}.json")
    ]
    if [member.name for member in members] != expected:
        yield "members are not those of the rows"
        return
    for row, image, label in zip(records, members[::2], members[1::2], strict=True):
        if (image.offset_data, image.size) != (row["offset"], row["size"]):
            yield f"{row['key']}: offset and size are not those of the member"
        text = content[label.offset_data : label.offset_data + label.size]
        if json.loads(text) != row:
            yield f"{row['key']}: its JSON is not its row"


def _walk_parquet(
    records: list[dict[str, Any]], files: Mapping[str, bytes], extension: str
) -> Iterator[str]:
    (content,) = files.values()
    table = pq.read_table(pa.BufferReader(content))
    if table["text"].to_pylist() != [row["number"] for row in records]:
        yield "text is not the numbers of the rows"
        return
    for row, image in zip(records, table["image"].to_pylist(), strict=True):
        if content[row["offset"] : row["offset"] + row["size"]] != image["bytes"]:
            yield f"{row['key']}: offset and size are not those of the image"
        if image["path"] != f"{row['key']}{extension}":
            yield f"{row['key']}: expected the path {row['key']}{extension}, got {image['path']!r}"


def _walk_folders(
    records: list[dict[str, Any]], files: Mapping[str, bytes], _extension: str
) -> Iterator[str]:
    for row in records:
        if (row["offset"], row["size"]) != (0, len(files[row["file"]])):
            yield f"{row['key']}: offset and size are not those of its file"


WALKS = {"webdataset": _walk_tar, "parquet": _walk_parquet, "files": _walk_folders}
"""How to walk a container, by its name in the config."""
