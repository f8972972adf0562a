"""How the images of a shard become files, one file a container.

Stands below `config`, which knows the names, and imports `base` alone.
"""

from __future__ import annotations

from digit_sequence.base.registry import Registry
from digit_sequence.containers.container import Container
from digit_sequence.containers.files import Files
from digit_sequence.containers.parquet import Parquet
from digit_sequence.containers.webdataset import Webdataset

CONTAINERS: Registry[Container] = Registry(
    "output.container", "digit_sequence.containers", Webdataset(), Parquet(), Files()
)
"""By the name in the config."""
