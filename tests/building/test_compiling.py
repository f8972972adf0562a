"""Compiled loops are there before the first shard: all that a config needs, and no others."""

from __future__ import annotations

import builtins

import pytest

from builds import ALL_TRANSFORMS, start_python
from digit_sequence.building import shard
from digit_sequence.building.compiling import list_modules
from digit_sequence.building.sampler import open_output, open_sampler
from digit_sequence.building.shard import make_claim, pack_shard
from digit_sequence.store.storage import Storage
from digit_sequence.transforms.registry import TRANSFORMS

pytest.importorskip("numba")

EXAMPLES = {
    name: {kind.section: {name: kind.example}}
    for name, kind in TRANSFORMS.items()
    if kind.example is not None
}


@pytest.fixture
def imported(monkeypatch):
    """Return the modules of loops that are imported from now on, but by such modules."""
    found, real = set(), builtins.__import__

    def import_noted(name, variables=None, values=None, parts=(), level=0):
        if not str((variables or {}).get("__name__")).endswith("kernels"):
            names = {name, *(f"{name}.{part}" for part in parts or ())}
            found.update(it for it in names if it.endswith("kernels"))
        return real(name, variables, values, parts, level)

    monkeypatch.setattr(builtins, "__import__", import_noted)
    return found


@pytest.mark.parametrize(
    "blocks",
    [*EXAMPLES.values(), {"output": {"image": "jpeg"}}, ALL_TRANSFORMS],
    ids=[*EXAMPLES, "jpeg", "all"],
)
def test_no_loop_is_compiled_in_a_shard(tiny_config, imported, blocks):
    """To draw and encode imports no loops but those that a worker has loaded before."""
    sampler = open_sampler(tiny_config(**blocks))
    imported.clear()
    pack_shard(sampler, sampler.plan.splits["train"].shard(0))
    assert "digit_sequence.render.kernels" in imported
    assert imported <= set(list_modules(sampler.plan.config))


def test_only_what_a_config_needs(tiny_config):
    """A plain config compiles what draws and encodes it; a transform adds its own."""
    plain, elastic = (
        set(list_modules(tiny_config(**blocks))) for blocks in ({}, EXAMPLES["elastic"])
    )
    assert plain == {
        "digit_sequence.base.random_kernels",
        "digit_sequence.codec.deflate_kernels",
        "digit_sequence.render.kernels",
    }
    assert elastic - plain == {
        "digit_sequence.render.mapped_kernels",
        "digit_sequence.transforms.geometry_kernels",
        "digit_sequence.transforms.line.elastic_kernels",
    }


def test_a_worker_loads_them_when_it_opens_a_dataset(built, monkeypatch):
    """All loops of a dataset's config are loaded before a worker gets its first shard."""
    loaded = []
    monkeypatch.setattr(shard, "load_kernels", loaded.append)
    storage = Storage(str(built()))
    plan = open_output(storage).plan
    shard.open_claim(make_claim(storage, plan))
    assert loaded == [plan.config]


def test_modules_are_compiled_side_by_side(tmp_path):
    """Each is on the disk afterwards; one that cannot be imported is passed over."""
    names = ["tables", "shading", "nothing"]
    modules = [f"digit_sequence.transforms.page.{name}_kernels" for name in names]
    program = f"from digit_sequence.building.compiling import *; compile_apart({modules})"
    process = start_python("-c", program, env={"NUMBA_CACHE_DIR": str(tmp_path)})
    assert process.wait(60) == 0
    found = {path.name.partition("_kernels")[0] for path in tmp_path.rglob("*.nbi")}
    assert found == {"tables", "shading"}
