"""Croissant: what a dataset is, in the words of MLCommons, which other programs load it by.

::

    OUT/croissant.json    Croissant 1.0 with the fields of RAI 1.0, JSON-LD

==========  =======================================================================================
recordSet   what it has
==========  =======================================================================================
`samples`   key, split, image and number of each sample: from the image files, and where those lack
            the number, joined with the label files
`labels`    every label column but nested lists, for which Croissant has no words
`splits`    name and number of samples
==========  =======================================================================================

Files of shards are listed with size and digest, up to `MOST_LISTED`; images that are files of their
own are a set without digests, as label files are. Like all of a dataset it has the same bytes
wherever it was built, so it has no date, and no address: who publishes it adds `url`, `creator`,
`datePublished` and `citeAs`.

See https://docs.mlcommons.org/croissant/docs/croissant-spec.html and croissant-rai-spec.html there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from digit_sequence.base.columns import Column
from digit_sequence.base.names import SCHEMA_VERSION
from digit_sequence.codec.encoding import EXTENSIONS
from digit_sequence.config.model import Config
from digit_sequence.containers import CONTAINERS
from digit_sequence.containers.container import SampleFiles
from digit_sequence.plan.plan import Plan
from digit_sequence.sources.registry import open_source
from digit_sequence.store.label_schema import COLUMNS, PIXEL_HASH
from digit_sequence.store.ledger import Ledger, shard_paths

Json = dict[str, Any]
_CONTEXT: Json = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "dct": "http://purl.org/dc/terms/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{
        name: f"cr:{name}"
        for name in (
            *("citeAs", "column", "equivalentProperty", "extract", "field", "fileObject"),
            *("fileProperty", "fileSet", "format", "includes", "isLiveDataset", "jsonPath", "key"),
            *("md5", "parentField", "path", "recordSet", "references", "regex", "repeated"),
            *("replace", "samplingRate", "separator", "source", "subField", "transform"),
        )
    },
}
"""The one that the specification gives: readers compare it."""
_VERSIONS = ["http://mlcommons.org/croissant/1.0", "http://mlcommons.org/croissant/RAI/1.0"]
_MEDIA_TYPES = {"png": "image/png", "jpeg": "image/jpeg"}
_PARQUET = "application/x-parquet"
_KINDS = {"bool": "sc:Boolean", "float64": "sc:Float", "string": "sc:Text"}
"""Of label columns; all others are integers."""
_BOX = ("digit", "top", "left", "bottom", "right")
_IMAGES, _LABELS = "image-files", "label-files"


def make_croissant(plan: Plan, ledger: Ledger, manifest: Mapping[str, Any]) -> Json:
    """Return the metadata of a complete dataset: a JSON-LD document."""
    config = plan.config
    container = CONTAINERS[config.output.container]
    files, shards = container.sample_files, list(_list_shards(plan, ledger, container.sample_files))
    has_samples = files is not None and (files.archive_type is None or bool(shards))
    label_set = _make_files(_LABELS, "labels/*.parquet", _PARQUET)
    records = [_describe_labels(plan), _describe_splits(manifest)]
    distribution = [label_set, *shards]
    if files is not None and has_samples:
        distribution.append(_make_image_set(files, config, shards))
        records.insert(0, _describe_samples(files, config))
    source = open_source(config.source)
    image = manifest["image"]
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": _VERSIONS,
        "name": "Handwritten numbers",
        "description": (
            f"Grey images of handwritten numbers, {image['height']} pixels high and at most "
            f"{image['width']} wide, composed from digits of {' and '.join(source.names)} by "
            f"{manifest['program']}; each has its number as text. Records of labels have the box "
            "of every digit, and all that was drawn." + _explain(files, has_samples)
        ),
        "version": f"{SCHEMA_VERSION}.0.0+{manifest['digest'][:16]}",
        "keywords": ["handwriting", "numbers", "OCR", "synthetic"],
        **({} if source.license is None else {"license": _name_license(source.license)}),
        **_describe_responsibly(plan, manifest),
        "distribution": distribution,
        "recordSet": records,
    }


def _explain(files: SampleFiles | None, has_samples: bool) -> str:
    """Say why there are no records of samples."""
    if has_samples:
        return ""
    if files is None:
        return " Images are in files that Croissant has no words for: labels say where."
    return " Images are in more archives than are listed here: labels say where."


def _name_license(name: str) -> str:
    """Return the address of a Creative Commons licence, as SPDX has it; else the name."""
    return f"https://spdx.org/licenses/{name.upper()}" if name.startswith("cc") else name


# -- files -----------------------------------------------------------------------------------------


def _make_files(name: str, includes: str, media_type: str, **others: Any) -> Json:
    return {
        "@type": "cr:FileSet",
        "@id": name,
        "name": name,
        **others,
        "encodingFormat": media_type,
        "includes": includes,
    }


def _list_shards(plan: Plan, ledger: Ledger, files: SampleFiles | None) -> Iterator[Json]:
    """Yield the file of each shard, where there is one, and not too many of them."""
    media_type = files and (files.archive_type or files.media_type)
    if media_type is None or not ledger.has_digests:
        return
    for shard in plan.shards():
        (path,) = shard_paths(plan, shard)
        yield {
            "@type": "cr:FileObject",
            "@id": path,
            "name": shard.name,
            "contentUrl": path,
            "contentSize": f"{ledger.n_bytes(shard)} B",
            "encodingFormat": media_type,
            "sha256": ledger.sha256(shard),
        }


def _make_image_set(files: SampleFiles, config: Config, shards: list[Json]) -> Json:
    image = config.output.image
    inside = {"containedIn": [{"@id": shard["@id"]} for shard in shards]}
    return _make_files(
        _IMAGES,
        files.includes.replace("{}", EXTENSIONS[image]),
        files.media_type or _MEDIA_TYPES[image],
        **(inside if files.archive_type else {}),
    )


# -- records ---------------------------------------------------------------------------------------


def _make_records(name: str, key: str, fields: list[Json], **others: Any) -> Json:
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        **others,
        "key": {"@id": f"{name}/{key}"},
        "field": fields,
    }


def _make_field(place: str, kind: str | list[str] | None, **others: Any) -> Json:
    typed = {} if kind is None else {"dataType": kind}
    return {
        "@type": "cr:Field",
        "@id": place,
        "name": place.rpartition("/")[2],
        **typed,
        **others,
    }


def _from_labels(column: str, **others: Any) -> Json:
    return {"fileSet": {"@id": _LABELS}, "extract": {"column": column}, **others}


def _describe_samples(files: SampleFiles, config: Config) -> Json:
    """Return the records of samples: what their files have, then what label rows add."""
    kinds: dict[str, str | list[str]] = {
        "split": ["cr:Split", "sc:Text"],
        "image": "sc:ImageObject",
    }
    extension = EXTENSIONS[config.output.image]
    fields = []
    for name, found in files.fields.items():
        source = {"fileSet": {"@id": _IMAGES}, **_put_extension(found, extension)}
        joined = {"references": _from_labels(name)} if name == files.joined else {}
        field = _make_field(f"samples/{name}", kinds.get(name, "sc:Text"), source=source, **joined)
        fields.append(field)
    fields += [
        _make_field(f"samples/{name}", "sc:Text", source=_from_labels(name))
        for name in ("key", "number")
        if name not in files.fields
    ]
    return _make_records("samples", "key", fields, description="An image and its number.")


def _put_extension(found: Any, extension: str) -> Any:
    """Put the extension of images into the texts of a source."""
    if isinstance(found, Mapping):
        return {name: _put_extension(value, extension) for name, value in found.items()}
    if isinstance(found, list):
        return [_put_extension(value, extension) for value in found]
    return found.replace("{}", extension)


def _describe_labels(plan: Plan) -> Json:
    columns = (*COLUMNS, *plan.columns, PIXEL_HASH)
    fields = [_describe_column(column) for column in columns if column.type != "polygons"]
    return _make_records("labels", "key", fields, description="Every label row of the dataset.")


def _describe_column(column: Column) -> Json:
    place = f"labels/{column.name}"
    others: Json = {"description": column.meaning}
    if column.per == "digit":
        others["repeated"] = True
    if column.type != "box":
        kind = _KINDS.get(column.type, "sc:Integer")
        return _make_field(place, kind, **others, source=_from_labels(column.name))
    sides = [
        _make_field(
            f"{place}/{side}",
            "sc:Integer",
            source=_from_labels(column.name, transform={"jsonPath": side}),
        )
        for side in _BOX
    ]
    return _make_field(place, None, **others, subField=sides)


def _describe_splits(manifest: Mapping[str, Any]) -> Json:
    fields = [
        _make_field("splits/name", "sc:Text"),
        _make_field("splits/samples", "sc:Integer"),
    ]
    rows = [
        {"splits/name": name, "splits/samples": split["samples"]}
        for name, split in manifest["splits"].items()
    ]
    return _make_records("splits", "name", fields, dataType="cr:Split", data=rows)


# -- responsible AI --------------------------------------------------------------------------------


def _describe_responsibly(plan: Plan, manifest: Mapping[str, Any]) -> Json:
    """Return the fields of the RAI vocabulary: what a build knows of itself."""
    config = plan.config
    source = open_source(config.source)
    names = " and ".join(source.names)
    looks = f" in the looks {', '.join(config.look)}" if config.look else ""
    transforms = [*dict.fromkeys(it.name for it in config.transforms)]
    writers = (
        "Label rows name the writer of each digit by the number that the source gives, which says "
        "nothing else of a person."
        if config.has_writers
        else "Nobody is named, and no number of a writer is kept."
    )
    return {
        "rai:dataCollection": (
            f"No image was collected: each is composed by a program from images of single "
            f"handwritten digits of {names} (sha256 {plan.source_digest}), seed {config.seed}. No "
            "digit image is used in two splits."
        ),
        "rai:dataCollectionType": ["Secondary Data Analysis", "Software Collection"],
        "rai:dataCollectionRawData": " ".join([f"Source: {names}.", *source.list_credits()]),
        "rai:dataPreprocessingProtocol": [
            "Digits are set into a line on a canvas, "
            + (f"by these transforms{looks}: {', '.join(transforms)}." if transforms else "as is."),
            "dataset.json has every setting; label rows have every value that was drawn.",
        ],
        "rai:dataAnnotationProtocol": [
            "Numbers were chosen first and then drawn, so labels and boxes are known, not judged. "
            "A digit that the source labels wrongly stays wrong."
        ],
        "rai:annotationsPerItem": "1",
        "rai:machineAnnotationTools": [manifest["program"]],
        "rai:dataUseCases": [
            "Training and testing of readers of handwritten numbers, as on forms, cheques, meters."
        ],
        "rai:dataLimitations": [
            "Synthetic: what a reader of it reads of real paper has to be measured on real paper.",
            *([] if config.hand else ["The digits of a number are not of one writer."]),
        ],
        "rai:dataBiases": [
            f"Shapes of digits are those of the writers of {names}: who wrote there, where and "
            "when, is not balanced here.",
            "How often a number or a digit is shown is set by the config and not by any real use.",
        ],
        "rai:dataSocialImpact": (
            "A reader may be used on documents that concern people: wrong readings are for a "
            "person to find, and their rate can differ between ways of writing."
        ),
        "rai:personalSensitiveInformation": [
            f"None in the numbers: they are drawn at random or listed by the config. {writers}"
        ],
        "rai:dataReleaseMaintenancePlan": (
            "The same config, source and versions build the same bytes; dataset.json names them."
        ),
    }
