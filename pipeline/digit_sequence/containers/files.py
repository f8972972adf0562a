"""A file for each image, in a folder for each number: ``images/SPLIT/NUMBER/NUMBER_INDEX.png``.

INDEX is the sample index; JPEG images end in ``.jpg``. Signs in NUMBER are spelled as `name_number`
does it: 1,5 is 1x2c5.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from digit_sequence.base.characters import name_number
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


class Files(Container):
    """A folder for each number."""

    name = "files"
    has_file_per_image = True
    pattern = "images/{}/**"
    sample_files = SampleFiles(
        includes="images/*{}",
        fields={
            "file": {"extract": {"fileProperty": "fullpath"}, "transform": {"regex": "(.+)"}},
            "split": {
                "extract": {"fileProperty": "fullpath"},
                "transform": {"regex": "images/([a-z]+)/.+"},
            },
            "image": {"extract": {"fileProperty": "content"}},
        },
        joined="file",
    )

    def paths(self, target: Target, identities: Iterable[tuple[str, int]]) -> list[str]:
        """Return the path of each image."""
        return _name_images(_find_root(target), identities, target.extension)

    def pack(self, target: Target, batches: Iterable[Batch]) -> Packed:
        """Pack a shard as one file per image."""
        return pack_folders(_find_root(target), batches, target.extension)

    def walk(
        self,
        target: Target,  # noqa: ARG002
        rows: Sequence[Row],
        files: Mapping[str, bytes],
    ) -> Iterator[str]:
        """Compare the places of images with their files."""
        for row in rows:
            if (row["offset"], row["size"]) != (0, len(files[row["file"]])):
                yield f"{row['key']}: offset and size are not those of its file"


def pack_folders(root: str, batches: Iterable[Batch], extension: str) -> Packed:
    """Pack samples as one file per image, in a folder for each number under `root`."""
    rows, images = join_batches(batches)
    identities = zip(rows["number"].to_pylist(), rows["sample_index"].to_pylist(), strict=True)
    paths = _name_images(root, identities, extension)
    placed = place_rows(rows, paths, [0] * len(images), images)
    return Packed(dict(zip(paths, images, strict=True)), placed)


def _find_root(target: Target) -> str:
    return f"images/{target.split}/"


def _name_images(root: str, identities: Iterable[tuple[str, int]], extension: str) -> list[str]:
    names = ((name_number(number), index) for number, index in identities)
    return [f"{root}{name}/{name}_{index}{extension}" for name, index in names]
