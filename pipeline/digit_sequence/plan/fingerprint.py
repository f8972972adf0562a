"""What the fingerprint of a dataset is made of: settings, source, numbers, versions and code.

Variants of other packages are no part of this program's version. Of each that a config uses, the
digest of its module's file is an input too: ``versions.plugins``, left out where there are none.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from digit_sequence.base.names import SCHEMA_VERSION, SplitName
from digit_sequence.base.version import __version__
from digit_sequence.config.model import Config
from digit_sequence.containers import CONTAINERS
from digit_sequence.containers.sidecars import SIDECARS
from digit_sequence.sources.registry import open_source

BYTE_PACKAGES = (
    *("base", "codec", "pen", "sources", "numbers", "transforms", "containers", "config", "plan"),
    *("render", "store", "building"),
)
"""Packages whose code may change a byte: all that making a shard needs, but for running tasks."""
_PIXEL_LIBRARIES = ("imagecodecs", "numpy", "pyarrow", "scikit-image", "scipy")
find_version = cache(version)
"""The version of a library, which is looked for once a process: that takes milliseconds."""


def collect_inputs(
    config: Config, source_digest: str, numbers: Mapping[SplitName, Mapping[str, Any]]
) -> dict[str, Any]:
    """Collect what may change a byte; not how many samples, for a dataset may be extended.

    Parameters
    ----------
    config : Config
    source_digest : str
        Digest of the glyph bank.
    numbers : mapping
        What decides which numbers each split shows.
    """
    chosen = {"canvas", "hand", "look", "glyph", "line", "labels", "output"}
    settings = config.model_dump(mode="json", include=chosen)
    del settings["output"]["uri"]
    if config.output.image != "jpeg":
        del settings["output"]["quality"]
    source = open_source(config.source)
    plugins = _hash_plugins(config)
    looks = {name: split.look for name, split in config.splits.items() if split.look}
    return {
        "schema_version": SCHEMA_VERSION,
        "seed": config.seed,
        "source": {"name": source.name, "digest": source_digest, **source.use},
        "numbers": dict(numbers),
        **settings,
        **({"looks of splits": looks} if looks else {}),
        "versions": {"digit-sequence": __version__, "code": hash_code()}
        | {library: find_version(library) for library in _PIXEL_LIBRARIES}
        | ({"plugins": plugins} if plugins else {}),
    }


@cache
def hash_code(root: Path = Path(__file__).parents[1]) -> str:
    """Return a digest of the packages that make the bytes: code is worked on between versions."""
    digest = hashlib.sha256()
    for package in BYTE_PACKAGES:
        files = (root / package).rglob("*.[py]*")
        for path in sorted(path for path in files if path.suffix in {".py", ".yaml"}):
            digest.update(path.relative_to(root).as_posix().encode() + b"\0")
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _hash_plugins(config: Config) -> dict[str, str]:
    """Return a digest of the module of each variant of another package that a config uses."""
    return {
        f"{kind}.{name}": _hash_module(made_by.__module__)
        for kind, name, made_by in _list_variants(config)
        if made_by.__module__.partition(".")[0] != "digit_sequence"
    }


def _list_variants(config: Config) -> Iterator[tuple[str, str, type]]:
    """Yield kind, name and class of the variants that a config uses."""
    for transform in config.transforms:
        yield "transform", transform.name, type(transform)
    source = open_source(config.source)
    yield "source", source.name, type(source)
    for split in config.splits.values():
        yield "numbers", split.numbers.kind.name, type(split.numbers.kind)
    output = config.output
    yield "container", output.container, type(CONTAINERS[output.container])
    yield "sidecar", output.sidecar, type(SIDECARS[output.sidecar])


def _hash_module(name: str) -> str:
    """Return a digest of the file that a module was loaded from, in a folder or a zip file."""
    module = sys.modules[name]
    loader = module.__spec__.loader if module.__spec__ else None
    path = str(module.__file__)
    read = getattr(loader, "get_data", None)
    content: bytes = read(path) if read else Path(path).read_bytes()
    return hashlib.sha256(content).hexdigest()[:16]
