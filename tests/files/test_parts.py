"""What the parts of a file are and take, against what torch's own optimizers and files hold."""

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed.checkpoint as dcp
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor, nn

from inspector.core.file_info import FileInfo
from inspector.files import open_catalog, table_of


def network() -> nn.Module:
    return nn.Sequential(nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 8))


def trained(kind: Any, **settings: Any) -> tuple[nn.Module, torch.optim.Optimizer]:
    """A network and its optimizer after a step."""
    torch.manual_seed(0)
    model = network()
    optimizer = kind(model.parameters(), **settings)

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = model(torch.ones(2, 32)).square().sum()
        value.backward()
        return value

    optimizer.step(loss)
    return model, optimizer


class Lion(torch.optim.Optimizer):
    """One that keeps a single average, as Lion does."""

    def __init__(self, params: Any) -> None:
        super().__init__(params, {"lr": 1e-3})

    def step(self, closure: Any = None) -> None:
        closure()
        for parameter in self.param_groups[0]["params"]:
            self.state[parameter]["exp_avg"] = parameter.grad.clone()


def opened(path: Path) -> FileInfo:
    info = table_of(open_catalog(path), path.name).file
    assert info is not None
    return info


def held(value: Any) -> tuple[int, int]:
    """Number and bytes of the distinct tensors in nested containers."""
    if isinstance(value, Tensor):
        return 1, value.nbytes
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    each = [held(item) for item in items]
    return sum(count for count, _ in each), sum(size for _, size in each)


OPTIMIZERS = {
    "Adam": (torch.optim.Adam, {}, "Adam state"),
    "AdamW with amsgrad": (torch.optim.AdamW, {"amsgrad": True}, "Adam state"),
    "SGD with momentum": (torch.optim.SGD, {"lr": 0.1, "momentum": 0.9}, "SGD momentum"),
    "RMSprop": (torch.optim.RMSprop, {}, "RMSprop state"),
    "RMSprop, centred, with momentum": (torch.optim.RMSprop, {"centered": True, "momentum": 0.5}, "RMSprop state"),
    "Adagrad": (torch.optim.Adagrad, {}, "Adagrad state"),
    "Adadelta": (torch.optim.Adadelta, {}, "Adadelta state"),
    "Adamax": (torch.optim.Adamax, {}, "Adamax state"),
    "NAdam": (torch.optim.NAdam, {}, "NAdam state"),
    "Rprop": (torch.optim.Rprop, {}, "Rprop state"),
    "ASGD": (torch.optim.ASGD, {}, "ASGD state"),
    "Adafactor": (torch.optim.Adafactor, {}, "Adafactor state"),
    "LBFGS": (torch.optim.LBFGS, {}, "optimizer state"),
    "one that is not known": (Lion, {}, "optimizer state"),
}


@pytest.mark.parametrize("which", OPTIMIZERS)
def test_an_optimizers_state_is_told_by_what_it_keeps(tmp_path: Path, which: str) -> None:
    kind, given, name = OPTIMIZERS[which]
    model, optimizer = trained(kind, **given)
    content = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3}
    torch.save(content, tmp_path / "c.pt")
    info = opened(tmp_path / "c.pt")
    count, size = held(optimizer.state_dict())
    weights = sum(parameter.nbytes for parameter in model.parameters())
    told = {part.name: (part.path, part.kind, part.tensors, part.bytes) for part in info.parts}
    assert told == {
        "model weights": ("model", "weights", 4, weights),
        name: ("optimizer", "optimizer", count, size),
    }
    assert sum(part.share or 0 for part in info.parts) == pytest.approx(1)
    assert info.parts[1].share == pytest.approx(size / (size + weights))


def test_several_models_and_optimizers_have_each_a_part(tmp_path: Path) -> None:
    one, adam = trained(torch.optim.Adam)
    other, sgd = trained(torch.optim.SGD, lr=0.1, momentum=0.9)
    averaged = torch.optim.swa_utils.AveragedModel(one)
    content = {
        "checkpoint": {
            "generator": one.state_dict(),
            "discriminator": other.state_dict(),
            "model_ema": averaged.state_dict(),
            "optimizers": [adam.state_dict(), sgd.state_dict()],
            "lr_scheduler": {"best": torch.ones(3)},
            "losses": torch.ones(100),
            "rng": torch.get_rng_state(),
        }
    }
    torch.save(content, tmp_path / "gan.pt")
    assert {(part.name, part.path, part.kind) for part in opened(tmp_path / "gan.pt").parts} == {
        ("model weights", "checkpoint.generator", "weights"),
        ("model weights", "checkpoint.discriminator", "weights"),
        ("EMA weights", "checkpoint.model_ema", "average"),
        ("Adam state", "checkpoint.optimizers.0", "optimizer"),
        ("SGD momentum", "checkpoint.optimizers.1", "optimizer"),
        ("lr_scheduler", "checkpoint.lr_scheduler", "other"),
        ("other tensors", "checkpoint", "other"),
    }


def test_the_state_dict_of_an_optimizer_alone(tmp_path: Path) -> None:
    _, adam = trained(torch.optim.Adam)
    torch.save(adam.state_dict(), tmp_path / "o.pt")
    assert [(part.name, part.path) for part in opened(tmp_path / "o.pt").parts] == [("Adam state", "")]


def test_plain_weights_are_one_part_whatever_their_modules_are_called(tmp_path: Path) -> None:
    state = {f"{name}.weight": torch.ones(3) for name in ("semantic", "schema", "swap", "state", "sum")}
    save_file(state | {"encoder.momentum_buffer": torch.ones(2), "encoder.weight": torch.ones(2)}, tmp_path / "w.st")
    (part,) = opened(tmp_path / "w.st").parts
    assert (part.name, part.path, part.kind, part.share, part.tensors) == ("model weights", "", "weights", 1.0, 7)


def test_flat_keys_are_told_by_their_beginnings(tmp_path: Path) -> None:
    model, adam = trained(torch.optim.Adam)
    names = [name for name, _ in model.named_parameters()]
    state = {f"model.{name}": value.clone() for name, value in model.state_dict().items()}
    state |= {f"model_ema.{name}": value.clone() for name, value in model.state_dict().items()}
    for name, kept in zip(names, adam.state_dict()["state"].values(), strict=True):
        state |= {f"optim.state.{name}.{slot}": value.clone() for slot, value in kept.items()}
    save_file(state, tmp_path / "flat.safetensors")
    told = {(part.name, part.path): part.tensors for part in opened(tmp_path / "flat.safetensors").parts}
    assert told == {("model weights", ""): 4, ("EMA weights", "model_ema"): 4, ("Adam state", "optim"): 12}


def test_a_distributed_checkpoint(tmp_path: Path) -> None:
    model, adam = trained(torch.optim.AdamW)
    names = [name for name, _ in model.named_parameters()]
    kept = dict(zip(names, adam.state_dict()["state"].values(), strict=True))
    content = {"model": model.state_dict(), "optim": {"state": kept, "param_groups": [{"lr": 0.1}]}}
    dcp.save(content, checkpoint_id=tmp_path / "dcp", no_dist=True)
    told = {(part.name, part.path): part.bytes for part in opened(tmp_path / "dcp").parts}
    assert told == {("model weights", "model"): held(model.state_dict())[1], ("Adam state", "optim"): held(kept)[1]}


def test_shards_are_parted_as_one_file(tmp_path: Path) -> None:
    save_file({"a.weight": torch.ones(4), "ema.a.weight": torch.ones(4)}, tmp_path / "m-00001-of-00002.safetensors")
    save_file({"b.weight": torch.ones(8), "ema.b.weight": torch.ones(8)}, tmp_path / "m-00002-of-00002.safetensors")
    told = [(part.name, part.bytes, part.share) for part in opened(tmp_path).parts]
    assert told == [("model weights", 48, 0.5), ("EMA weights", 48, 0.5)]


def test_what_an_average_shares_with_the_weights_is_counted_with_the_weights(tmp_path: Path) -> None:
    weight = torch.ones(10)
    torch.save({"ema": {"w": weight, "own": torch.ones(5)}, "model": {"w": weight}}, tmp_path / "c.pt")
    told = {part.name: part.bytes for part in opened(tmp_path / "c.pt").parts}
    assert told == {"EMA weights": 20, "model weights": 40}


def test_bytes_by_dtype_and_by_the_device_that_was_saved(tmp_path: Path) -> None:
    state = {"a": torch.ones(10), "b": torch.ones(6, dtype=torch.bfloat16), "c": torch.ones(3, dtype=torch.int64)}
    torch.save(state | {"d": torch.ones(4, device="meta")}, tmp_path / "w.pt")
    info = opened(tmp_path / "w.pt")
    assert info.dtypes == {"float32": 56, "int64": 24, "bfloat16": 12}
    assert info.devices == {"cpu": 76, "meta": 16}
    assert list(info.dtypes) == ["float32", "int64", "bfloat16"]


def test_files_without_tensors_have_no_parts(tmp_path: Path) -> None:
    torch.save({"epoch": 3}, tmp_path / "e.pt")
    info = opened(tmp_path / "e.pt")
    assert (info.parts, info.dtypes, info.devices) == ([], {}, {})
    torch.save(torch.ones(3), tmp_path / "t.pt")
    (part,) = opened(tmp_path / "t.pt").parts
    assert (part.name, part.kind) == ("other tensors", "other")


def addresses(tensors: list[Tensor]) -> int:
    """How many bytes of memory the tensors reach, byte by byte."""
    found: set[int] = set()
    for one in tensors:
        places = torch.arange(one.untyped_storage().nbytes() // 4).as_strided(
            one.shape, one.stride(), one.storage_offset()
        )
        found |= {one.untyped_storage().data_ptr() + 4 * int(place) for place in places.flatten()}
    return 4 * len(found)


VIEWS = {
    "all": lambda base: base,
    "turned": lambda base: base.t(),
    "rows": lambda base: base[1:3],
    "a row, expanded": lambda base: base[2].expand(7, 4),
    "an element, expanded": lambda base: base[0, 0].expand(3, 5),
    "windows": lambda base: base.flatten().unfold(0, 3, 1),
    "a row": lambda base: base[5],
}


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from([*VIEWS])), min_size=1, max_size=6))
def test_bytes_are_the_memory_that_the_tensors_reach(tmp_path_factory: pytest.TempPathFactory, views) -> None:
    bases = [torch.zeros(6, 4) for _ in range(3)]
    state = {f"m{number}.w{number}": VIEWS[view](bases[base]) for number, (base, view) in enumerate(views)}
    path = tmp_path_factory.mktemp("views") / "w.pt"
    torch.save(state, path)
    table = table_of(open_catalog(path), "w.pt")
    reached = addresses([*state.values()])
    assert table.totals.parameter_bytes == table.rows[0].parameter_bytes == reached
    assert table.totals.parameters == table.rows[0].parameters == reached // 4
    assert table.file is not None
    assert sum(part.bytes for part in table.file.parts) == sum(table.file.dtypes.values()) == reached
    for row, one in zip(table.rows[1:], state.values(), strict=True):
        assert row.parameter_bytes == addresses([one])


def test_the_rows_of_what_shares_nothing_add_up_also_where_it_was_expanded(tmp_path: Path) -> None:
    state = {"a.w": torch.ones(4, 4), "b.w": torch.ones(3).expand(1000, 3), "c.w": torch.ones(5)[2:]}
    torch.save(state, tmp_path / "w.pt")
    table = table_of(open_catalog(tmp_path / "w.pt"), "w.pt")
    assert [row.parameter_bytes for row in table.rows] == [88, 64, 12, 12]
    assert [row.parameters for row in table.rows] == [22, 16, 3, 3]
    assert [tensor.elements for tensor in table.tensors] == [16, 3000, 3]
