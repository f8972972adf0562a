"""Where a network learns: on the cores of this machine, or on a GPU."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from digit_sequence.base.errors import ConfigError
from digit_sequence.base.text import count_things


def open_device(name: str) -> Any:
    """Return a device: cpu, or cuda.

    Raises
    ------
    ConfigError
        If it is not there.
    """
    if name == "cuda" and not torch.cuda.is_available():
        built = torch.version.cuda
        raise ConfigError(
            "--device cuda: expected a GPU that PyTorch can use, got "
            + ("none" if built else f"PyTorch {torch.__version__}, which is built without CUDA")
            + "; leave --device out to train on the cores of this machine"
        )
    return torch.device(name)


def find_device(model: Any) -> Any:
    """Return the device that the weights of a network are on."""
    return next(model.parameters()).device


def has_bfloat16(device: Any) -> bool:
    """Whether a device computes sooner in bfloat16: a GPU, or a CPU with AVX-512."""
    capability: str = torch.backends.cpu.get_cpu_capability()
    return bool(device.type == "cuda") or capability == "AVX512"


@contextmanager
def mixed_precision(device: Any, on_cpu: bool = False) -> Iterator[None]:
    """Compute in bfloat16 what may be, on a GPU; weights and losses stay float32.

    Parameters
    ----------
    device : torch.device
    on_cpu : bool
        Do so on a CPU as well.
    """
    with torch.autocast(device.type, torch.bfloat16, enabled=on_cpu or device.type == "cuda"):
        yield


def get_random_state(device: Any) -> Any:
    """Return the state of the random numbers that are drawn on a device, uint8."""
    return torch.cuda.get_rng_state(device) if device.type == "cuda" else torch.get_rng_state()


def set_random_state(device: Any, state: Any) -> None:
    """Go on with the random numbers of a state."""
    if device.type == "cuda":
        torch.cuda.set_rng_state(state, device)
    else:
        torch.set_rng_state(state)


def describe_machine(device: Any) -> str:
    """Say what trains here."""
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)}, PyTorch {torch.__version__}"
    threads = count_things(torch.get_num_threads(), "thread")
    return f"{threads} of {platform.machine()}, PyTorch {torch.__version__}"
