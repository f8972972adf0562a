"""One Parquet file for each shard: ``images/SPLIT/SHARD.parquet``, as Hugging Face takes images.

=====  =====================================================================
image  struct<bytes: binary, path: string>: the encoded image, its file name
text   string: the number
=====  =====================================================================

It is not compressed, so that an image can be read at its offset.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from digit_sequence.containers.container import (
    Batch,
    Container,
    Packed,
    Row,
    SampleFiles,
    Target,
    join_batches,
    place_rows,
)

_HF_FEATURES = {
    "info": {
        "features": {"image": {"_type": "Image"}, "text": {"dtype": "string", "_type": "Value"}}
    }
}
"""For the footer, as HF datasets writes it: without it, or if a column may not be null, HF reads an
image as a dict."""
_IMAGE = pa.struct([pa.field("bytes", pa.binary()), pa.field("path", pa.string())])
_SCHEMA = pa.schema(
    [pa.field("image", _IMAGE), pa.field("text", pa.string())],
    metadata={"huggingface": json.dumps(_HF_FEATURES)},
)


class Parquet(Container):
    """A table of images and texts."""

    name = "parquet"
    suffix = "parquet"
    copies = 6
    """Images, table and pages."""
    sample_files = SampleFiles(
        includes="images/*.parquet",
        fields={
            "key": {
                "extract": {"column": "image"},
                "transform": [{"jsonPath": "path"}, {"regex": "([^.]+)"}],
            },
            "split": {
                "extract": {"fileProperty": "fullpath"},
                "transform": {"regex": "images/([a-z]+)/.+"},
            },
            "image": {"extract": {"column": "image"}, "transform": {"jsonPath": "bytes"}},
            "number": {"extract": {"column": "text"}},
        },
        media_type="application/x-parquet",
    )

    def pack(self, target: Target, batches: Iterable[Batch]) -> Packed:
        """Pack a shard as one Parquet file."""
        rows, images = join_batches(batches)
        (path,) = self.paths(target, ())
        names = [f"{key}{target.extension}" for key in rows["key"].to_pylist()]
        pair = pa.StructArray.from_arrays([pa.array(images), pa.array(names)], fields=list(_IMAGE))
        sink = pa.BufferOutputStream()
        pq.write_table(
            pa.table([pair, rows["number"]], schema=_SCHEMA),
            sink,
            compression="none",
            use_dictionary=False,
            write_statistics=False,
        )
        content: bytes = sink.getvalue().to_pybytes()
        offsets, position = [], 0
        for image in images:  # plain encoding keeps them whole and in order
            position = content.index(image, position)
            offsets.append(position)
            position += len(image)
        return Packed({path: content}, place_rows(rows, path, offsets, images))

    def walk(
        self, target: Target, rows: Sequence[Row], files: Mapping[str, bytes]
    ) -> Iterator[str]:
        """Compare texts, names and the places of images with the table."""
        (content,) = files.values()
        table = pq.read_table(pa.BufferReader(content))
        if table["text"].to_pylist() != [row["number"] for row in rows]:
            yield "text is not the numbers of the rows"
            return
        for row, image in zip(rows, table["image"].to_pylist(), strict=True):
            if content[row["offset"] : row["offset"] + row["size"]] != image["bytes"]:
                yield f"{row['key']}: offset and size are not those of the image"
            name = f"{row['key']}{target.extension}"
            if image["path"] != name:
                yield f"{row['key']}: expected the path {name}, got {image['path']!r}"
