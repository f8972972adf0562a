"""Damaged and hostile files of each kind, as hypothesis chooses them."""

from __future__ import annotations

import hashlib
import json
import os
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st
from PIL import Image

from digit_sequence.store.labels import METADATA_KEY, encode_labels, read_commit

ESCAPES = ["\x1b[2J", "\x1b]0;title\x07", "a\rb", "\x9b31m", "\u202etxt", "a\nb: sound"]
TEXTS = [*ESCAPES, "", "../../etc/passwd", "/etc/passwd", "images/../../x", "a\0b", "x" * 5000]
NUMBERS = [0, -1, 1, 2**31, 2**63 - 1, 2**63, 10**18, 10**400, 1.5, 1e308]
VALUES: list[Any] = [*TEXTS, *NUMBERS, None, True, [], {}, [None], {"": ""}, [[[[]]]], "\ud800"]
JSON_FILES = ("dataset.json", ".build/plan.json")
LABELS = "labels/train/train-00000.parquet"
KINDS = ("manifest", "plan", "labels", "footer", "bytes", "glyphs", "log", "name", "odd")


def change_json(document: Any, draw: Callable[[Any], Any]) -> Any:
    """Replace, remove or add one value somewhere in a tree of JSON values."""
    spots: list[tuple[Any, Any]] = []

    def collect(node: Any) -> None:
        keys = node.keys() if isinstance(node, dict) else range(len(node))
        for key in keys:
            spots.append((node, key))
            if isinstance(node[key], dict | list):
                collect(node[key])

    collect(document)
    node, key = draw(st.sampled_from(range(len(spots))).map(spots.__getitem__))
    match draw(st.sampled_from(["value", "value", "remove", "nest"])):
        case "value":
            node[key] = draw(st.sampled_from(VALUES))
        case "remove":
            del node[key]
        case "nest":
            deep: Any = 0
            for _ in range(draw(st.sampled_from([3, 70, 900]))):
                deep = [deep]
            node[key] = deep
    return document


def dump(document: Any) -> bytes:
    """Return JSON, of integers too long to print as well."""
    return json.dumps(document).encode()


def sign(plan: Any) -> None:
    """Give a plan the digest that it should have, if it can have one."""
    if isinstance(plan, dict):
        plan.pop("sha256", None)
        plan["sha256"] = hashlib.sha256(json.dumps(plan, sort_keys=True).encode()).hexdigest()


def change_bytes(content: bytes, draw: Callable[[Any], Any]) -> bytes:
    """Flip, cut, repeat or replace bytes."""
    place = draw(st.integers(0, max(0, len(content) - 1)))
    before, after = content[:place], content[place:]
    changed = {
        "flip": before + bytes(byte ^ 0x55 for byte in after[:1]) + after[1:],
        "cut": before,
        "repeat": before + content,
        "zeros": bytes(len(content)),
        "noise": before + draw(st.binary(max_size=64)) + after[8:],
        "deep": b"[" * 100_000,
        "empty": b"",
    }
    return changed[draw(st.sampled_from(sorted(changed)))]


def change_labels(path: Path, draw: Callable[[Any], Any]) -> None:
    """Write a label file with a hostile column, and its commit record as it was."""
    rows, commit = pq.ParquetFile(path).read(), read_commit(path)
    name = draw(st.sampled_from(["file", "offset", "size", "boxes", "number", "key", "n_digits"]))
    column = rows.schema.get_field_index(name)
    kind = rows.schema.field(name).type
    values = rows[name].to_pylist()
    row = draw(st.integers(0, len(values) - 1))
    match draw(st.sampled_from(["value", "null", "type", "drop", "many", "bytes"])):
        case "value" if name == "boxes":
            edges = {edge: draw(st.sampled_from([-1, 0, 2**31 - 1])) for edge in values[row][0]}
            values[row] = [edges | {"digit": draw(st.sampled_from([-1, 0, 99]))}] * 3
        case "value" if pa.types.is_string(kind):
            values[row] = draw(st.sampled_from(TEXTS))
        case "value":
            values[row] = draw(st.sampled_from([-1, 0, 2**15 - 1]))
        case "null":
            values[row] = None
        case "type":
            values, kind = [[1.5]] * len(values), pa.list_(pa.float64())
        case "drop":
            path.write_bytes(encode_labels(rows.drop_columns([name]), commit))
            return
        case "many":
            rows = pa.concat_tables([rows] * 1000)
            path.write_bytes(encode_labels(rows, commit))
            return
        case "bytes":
            raw = pa.array([b"\xff\xfe"] * len(values), pa.binary())
            values, kind = raw.cast(pa.string(), safe=False), pa.string()
    array = values if isinstance(values, pa.Array) else pa.array(values, kind)
    rows = rows.set_column(column, pa.field(name, kind), array)
    path.write_bytes(encode_labels(rows, commit))


def change_footer(path: Path, draw: Callable[[Any], Any]) -> None:
    """Write a label file with a hostile commit record."""
    rows, commit = pq.ParquetFile(path).read(), read_commit(path)
    record = change_json(json.loads(json.dumps(commit.__dict__)), draw)
    try:
        path.write_bytes(encode_labels(rows, replace(commit, **record)))
    except TypeError:  # without one of its fields
        table = rows.replace_schema_metadata({METADATA_KEY: dump(record)})
        pq.write_table(table, path)


def change_document(folder: Path, kind: str, draw: Callable[[Any], Any]) -> None:
    """Change the manifest, or the plan together with its digest."""
    path = folder / JSON_FILES[kind == "plan"]
    document = change_json(json.loads(path.read_text()), draw)
    if kind == "plan":
        sign(document)
        if draw(st.booleans()):
            (folder / "dataset.json").unlink()
    path.write_bytes(dump(document))


def change_log(log: Path, draw: Callable[[Any], Any]) -> None:
    """Change each event of a run log."""
    events = [json.loads(line) for line in log.read_text().splitlines()]
    log.write_bytes(b"\n".join(dump(change_json(event, draw)) for event in events))


def add_name(folder: Path, draw: Callable[[Any], Any]) -> None:
    """Add a file whose name steers a terminal or is no text."""
    name = draw(st.sampled_from([b"\x1b[2J", b"\xff\xfe", b"a\nb", b"\xe2\x80\xaex"]))
    place = folder / draw(st.sampled_from(["", "images/train", "labels/train", ".build/tmp"]))
    place.mkdir(parents=True, exist_ok=True)
    (place / os.fsdecode(name)).write_bytes(b"")


def put_odd(path: Path, outside: Path, draw: Callable[[Any], Any]) -> None:
    """Put something else where a file is."""
    path.unlink()
    match draw(st.sampled_from(["folder", "pipe", "link", "loop", "nothing"])):
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "link":
            path.symlink_to(outside)
        case "loop":
            path.symlink_to(path)


CONTENTS = (
    b"",
    b"%!PS-Adobe-3.0 EPSF-3.0\n",
    b"GIF89a",
    b"<svg/>",
    b"II*\0\xff\xff\xff\x7f",
    b"BM",
)
PICTURES = (
    *(("L", (1, 1)), ("L", (40_000, 1)), ("L", (8, 8)), ("L", (60, 20)), ("1", (60, 20))),
    *(("RGBA", (60, 20)), ("I;16", (60, 20)), ("LA", (60, 20)), ("P", (60, 20))),
)
"""Modes and sizes, all of one colour."""


def change_crops(folder: Path, draw: Callable[[Any], Any]) -> None:
    """Damage one image of a folder, put something else there, or add a file with a hostile name."""
    path = draw(st.sampled_from(list_files(folder)))
    match draw(st.sampled_from(["bytes", "odd", "content", "picture", "bomb", "name"])):
        case "bytes":
            path.write_bytes(change_bytes(path.read_bytes(), draw))
        case "odd":
            put_odd(path, Path("/dev/zero"), draw)
        case "content":
            path.write_bytes(draw(st.sampled_from(CONTENTS)))
        case "picture":
            Image.new(*draw(st.sampled_from(PICTURES))).save(path)
        case "bomb":
            size = draw(st.sampled_from([(20, 2**31 - 1), (2**16, 2**16), (0, 20)]))
            header = b"IHDR" + struct.pack(">II5B", *size, 8, 0, 0, 0, 0)
            checked = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
            path.write_bytes(path.read_bytes()[:8] + checked + path.read_bytes()[33:])
        case "name":
            name = draw(st.sampled_from([b"\x1b[2J.png", b"\xff.png", b"a\nb.png", b"Thumbs.db"]))
            content = path.read_bytes() if draw(st.booleans()) else b""
            (folder / os.fsdecode(name)).write_bytes(content)


def change_table(content: bytes, draw: Callable[[Any], Any]) -> bytes:
    """Damage a CSV file, or replace, remove or repeat one of its cells."""
    if draw(st.booleans()):
        return change_bytes(content, draw)
    rows = [line.split(",") for line in content.decode().splitlines()]
    row = draw(st.sampled_from(rows))
    place = draw(st.integers(0, len(row) - 1))
    match draw(st.sampled_from(["value", "remove", "repeat"])):
        case "value":
            row[place] = draw(
                st.sampled_from([*TEXTS, '"', "1" * 5000, "-1", "1e5", "nan inf 1 2"])
            )
        case "remove":
            del row[place]
        case "repeat":
            row[place:] = row[place:] * 50
    return "\n".join(map(",".join, rows)).encode("utf-8", "surrogateescape")


def list_files(folder: Path) -> list[Path]:
    """Return what is still a file: an earlier harm may have put a pipe there, or a device."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def harm(folder: Path, kind: str, draw: Callable[[Any], Any]) -> None:
    """Do one harm to a dataset."""
    files = list_files(folder)
    path = files[draw(st.integers(0, len(files) - 1))]
    targets = {
        "manifest": JSON_FILES[False],
        "plan": JSON_FILES[True],
        "labels": LABELS,
        "footer": LABELS,
        "glyphs": ".build/glyphs",
        "log": ".build/runs/*.jsonl",
    }
    found = [file for file in files if kind in targets and file.match(targets[kind])]
    if kind in targets and not found:
        return
    match kind:
        case "manifest" | "plan":
            change_document(folder, kind, draw)
        case "labels":
            change_labels(folder / LABELS, draw)
        case "footer":
            change_footer(folder / LABELS, draw)
        case "bytes":
            path.write_bytes(change_bytes(path.read_bytes(), draw))
        case "glyphs":
            glyphs = folder / ".build/glyphs"
            packed = change_bytes(glyphs.read_bytes()[65:], draw)
            glyphs.write_bytes(hashlib.sha256(packed).hexdigest().encode() + b"\n" + packed)
        case "log":
            change_log(found[0], draw)
        case "name":
            add_name(folder, draw)
        case "odd":
            put_odd(path, folder.parent / "outside/mine", draw)
