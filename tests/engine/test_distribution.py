"""Tensors that are spread over processes, by torch itself in two of them."""

import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
import torch
from live_models import live
from torch import nn

from inspector.core.table import Distribution
from inspector.core.wording import distribution
from inspector.engine.pytorch.distribution import distribution_of, local_part

PROGRAM = """
import json
import sys

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import Replicate, Shard, distribute_tensor

from inspector.core.forward_settings import ForwardSettings
from inspector.core.recipe import InputSpec, Recipe
from inspector.engine.pytorch.model import TorchModel
from inspector.engine.pytorch.opening import Opened

rank, store, kind, out = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
mesh = init_device_mesh("cpu", (2,), mesh_dim_names=("tp",))
model = nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 4))
with torch.no_grad():
    model[0].weight.copy_(torch.arange(24.0).view(4, 6))
if kind == "fsdp":
    from torch.distributed.fsdp import fully_shard

    fully_shard(model, mesh=mesh)
else:
    model[0].weight = nn.Parameter(distribute_tensor(model[0].weight.detach(), mesh, [Shard(1)]))
    model[1].weight = nn.Parameter(distribute_tensor(model[1].weight.detach(), mesh, [Replicate()]))
live = TorchModel(Recipe(target="net.py"), Opened(model, "Net", lambda seed: model))
tensors = {one.key: one for one in live.table().tensors}
told = {
    key: None if one.distribution is None else
    [one.shape, one.distribution.mesh, one.distribution.mesh_names, one.distribution.placements,
     one.distribution.local_shape]
    for key, one in tensors.items()
}
# Only one process looks: nothing may wait for the other.
values = None
if rank == 1:
    report = live.values("0.weight", "", 64)
    values = [report.numbers_are, report.rows]
gradients = None
if kind == "fsdp":
    plain = nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 4))
    plain.load_state_dict({key: value.full_tensor() for key, value in model.state_dict().items()})
    settings = ForwardSettings(inputs=[InputSpec(shape=[2, 6])], backward=True)
    ran = [
        one.forward(settings, lambda *_: None)
        for one in (live, TorchModel(Recipe(target="net.py"), Opened(plain, "Net", lambda seed: plain)))
    ]
    gradients = [[[one.gradient.mean, one.gradient_note] for one in report.gradients] for report in ran]
with open(out, "w") as stream:
    json.dump([told, values, gradients], stream)
dist.barrier()
dist.destroy_process_group()
"""


def in_two_processes(kind: str, folder: Path) -> list:
    (folder / "program.py").write_text(PROGRAM)
    started = [
        subprocess.Popen(
            [
                sys.executable,
                str(folder / "program.py"),
                str(rank),
                str(folder / "store"),
                kind,
                str(folder / f"{rank}"),
            ],
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        for one in started:
            _, errors = one.communicate(timeout=240)
            assert one.returncode == 0, errors
    finally:
        for one in started:
            one.kill()
    return [json.loads((folder / f"{rank}").read_text()) for rank in range(2)]


needs_gloo = pytest.mark.skipif(
    not (torch.distributed.is_available() and torch.distributed.is_gloo_available()), reason="this torch has no gloo"
)


@pytest.mark.slow
@needs_gloo
def test_mesh_and_placements_of_dtensors_and_the_values_of_the_part_here(tmp_path):
    _, (told, values, _) = in_two_processes("dtensor", tmp_path)
    assert told == {
        "0.weight": [[4, 6], [2], ["tp"], ["Shard(1)"], [4, 3]],
        "0.bias": None,
        "1.weight": [[4, 4], [2], ["tp"], ["Replicate()"], [4, 4]],
        "1.bias": None,
    }
    what, rows = values
    assert what == "values of the part that this process has"
    assert rows == torch.arange(24.0).view(4, 6)[:, 3:].tolist()


@pytest.mark.slow
@needs_gloo
def test_fully_sharded_parameters_are_dtensors_cut_along_their_first_axis(tmp_path):
    (told, _, (first, plain)), (_, _, (second, _)) = in_two_processes("fsdp", tmp_path)
    assert told["0.weight"] == [[4, 6], [2], ["tp"], ["Shard(0)"], [2, 6]]
    assert told["1.bias"] == [[4], [2], ["tp"], ["Shard(0)"], [2]]
    # Each process has half of every gradient.
    for one, other, (mean, _) in zip(first, second, plain, strict=True):
        assert (one[0] + other[0]) / 2 == pytest.approx(mean, rel=1e-5)
        assert one[1] == "values of the part that this process has"


def test_without_torchs_modules_for_them_no_tensor_is_spread(monkeypatch):
    class Odd(torch.Tensor):
        pass

    for name in ("torch.distributed.tensor", "torch.distributed._tensor"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    odd = torch.ones(2).as_subclass(Odd)
    assert distribution_of(odd) is None
    assert local_part(odd) is odd
    assert [one.distribution for one in live(nn.Linear(2, 2)).table().tensors] == [None, None]


def test_a_class_of_another_version_without_what_is_asked_for_is_still_named(monkeypatch):
    """The module and class of older versions, which may lack an attribute."""
    older = type(sys)("torch.distributed._tensor")

    class DTensor(torch.Tensor):
        placements = ("_StridedShard(1)",)

    older.DTensor = DTensor
    monkeypatch.setitem(sys.modules, "torch.distributed._tensor", older)
    monkeypatch.delitem(sys.modules, "torch.distributed.tensor", raising=False)
    assert distribution_of(torch.ones(2, 3).as_subclass(DTensor)) == Distribution(
        kind="DTensor", placements=["'_StridedShard(1)'"], local_shape=[2, 3]
    )


def test_it_is_said_in_words():
    spread = Distribution(
        kind="DTensor",
        mesh=[2, 4],
        mesh_names=["dp", "tp"],
        placements=["Replicate()", "Shard(0)"],
        local_shape=[8, 16],
    )
    assert distribution(spread) == "Replicate(), Shard(0) over 2×4 processes (dp, tp), 8×16 here"
    flat = msgspec.structs.replace(spread, kind="FlatParameter", holds=["a.weight", "a.bias"], local_shape=[40])
    assert distribution(flat) == "FlatParameter of 2 parameters, 40 here"
