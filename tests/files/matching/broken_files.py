"""Broken keys and shapes as real files: the values that each tensor holds, written in every format."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from breaking import Broken
from breaking import Tensor as BrokenTensor
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

State = dict[str, Tensor]


def distinct_values(model: nn.Module, seed: int) -> None:
    """Fill a model with multiples of 1/128 that every floating dtype holds exactly, so that a cast loses nothing."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for tensor in [*model.parameters(), *model.buffers()]:
            if not is_lazy(tensor) and tensor.is_floating_point():
                tensor.copy_(torch.randint(-128, 128, tensor.shape, generator=generator) / 128)


def contents(broken: Broken, state: State) -> State:
    """The tensors of a broken file, made from what the model holds; those that were one memory still are."""
    in_thirds = {key for one in broken for key, part in one.holds if part}
    made: dict[object, Tensor] = {}
    for one in broken:
        parts = [state[key].chunk(3)[part] if key in in_thirds else state[key] for key, part in one.holds]
        memory = one.key if one.identity is None else (one.identity, one.shape, one.dtype)
        if memory not in made:
            made[memory] = _shaped(torch.cat(parts) if len(parts) > 1 else parts[0], one)
        made[one.key] = made[memory]
    return {one.key: made[one.key] for one in broken}


def _shaped(whole: Tensor, one: BrokenTensor) -> Tensor:
    shape, before = one.shape or (), _squeezed(whole.shape)
    if _squeezed(shape) == before[::-1] != before:
        whole = whole.reshape(before).t()
    return whole.reshape(shape).to(getattr(torch, one.dtype)).clone(memory_format=torch.contiguous_format)


def _squeezed(shape: Iterable[int]) -> tuple[int, ...]:
    sizes = list(shape)
    while len(sizes) > 2 and sizes[-1] == 1:
        sizes.pop()
    return tuple(sizes)


def _zip(folder: Path, state: State) -> Path:
    torch.save({"epoch": 1, "state_dict": state}, folder / "broken.pt")
    return folder / "broken.pt"


def _legacy(folder: Path, state: State) -> Path:
    torch.save(state, folder / "broken.pt", _use_new_zipfile_serialization=False)
    return folder / "broken.pt"


def _safetensors(folder: Path, state: State) -> Path:
    save_file({key: value.clone() for key, value in state.items()}, folder / "broken.safetensors")
    return folder / "broken.safetensors"


def _sharded(folder: Path, state: State) -> Path:
    keys, weight_map = list(state), {}
    for shard in range(3):
        name = f"model-{shard + 1:05}-of-00003.safetensors"
        save_file({key: state[key].clone() for key in keys[shard::3]}, folder / name)
        weight_map |= dict.fromkeys(keys[shard::3], name)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    return folder / "model.safetensors.index.json"


FORMATS: dict[str, Callable[[Path, State], Path]] = {
    "zip": _zip, "legacy": _legacy, "safetensors": _safetensors, "sharded": _sharded,
}  # fmt: skip
