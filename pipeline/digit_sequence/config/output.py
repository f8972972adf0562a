"""What a config says of the files that are written."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from digit_sequence.base.blocks import Block, shorten
from digit_sequence.base.files import is_remote
from digit_sequence.base.home import expand_home
from digit_sequence.base.text import suggest
from digit_sequence.containers import CONTAINERS
from digit_sequence.containers.sidecars import BRIEF, SIDECARS


class Output(Block):
    """What is written."""

    uri: str | None = None
    """Directory, ~ for the home directory; default: data/ and the config's file name."""
    container: str = Field("webdataset", json_schema_extra=lambda it: it.update(enum=[*CONTAINERS]))
    """How images become files: a name of the registry of containers."""
    sidecar: str = Field(BRIEF, json_schema_extra=lambda it: it.update(enum=[*SIDECARS]))
    """What stands beside each image in a tar: key, number and boxes (brief), the whole label row
    (full), or the number alone (text)."""
    image: Literal["png", "jpeg"] = "png"
    """How an image is encoded."""
    quality: int = Field(95, ge=1, le=100)
    """JPEG quality."""
    shard_samples: int = Field(1000, ge=1, le=100_000)
    """Samples of one shard."""

    @field_validator("uri")
    @classmethod
    def _expand_uri(cls, value: str | None) -> str | None:
        return value if value is None or is_remote(value) else expand_home(value)

    @field_validator("container")
    @classmethod
    def _check_container(cls, value: str) -> str:
        if value not in CONTAINERS:
            raise ValueError(
                f"expected one of {', '.join(CONTAINERS)}, got {shorten(value)}"
                f"{suggest(value, CONTAINERS)}"
            )
        return value

    @field_validator("sidecar")
    @classmethod
    def _check_sidecar(cls, value: str, given: ValidationInfo) -> str:
        if value not in SIDECARS:
            raise ValueError(
                f"expected one of {', '.join(SIDECARS)}, got {shorten(value)}"
                f"{suggest(value, SIDECARS)}"
            )
        container = given.data.get("container")
        if container and value not in (BRIEF, *CONTAINERS[container].sidecars):
            raise ValueError(
                f"expected {BRIEF} with the container {container}, which has nothing beside its "
                f"images, got {value}"
            )
        return value
