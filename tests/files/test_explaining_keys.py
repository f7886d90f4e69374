"""Keys of files part by part: expressions against what torch.load gives, meanings against the living model."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from inspector.core.errors import RequestError
from inspector.core.results import KeyExplanation
from inspector.engine.pytorch.tensor_meanings import meaning_of
from inspector.files import open_catalog, table_of
from inspector.files.explaining_keys import FileKeys


class Net(nn.Module):
    """Layers of every family whose tensors have a meaning."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.ConvTranspose2d(4, 2, 3))
        self.blocks = nn.ModuleList([nn.Linear(4, 4), nn.LayerNorm(4)])
        self.named = nn.ModuleDict({"rnn": nn.GRU(4, 4), "attention": nn.MultiheadAttention(4, 2)})
        self.words = nn.Embedding(7, 4, padding_idx=2)
        self.head = nn.Linear(4, 7)
        self.head.weight = self.words.weight


def explained(path: Path, *keys: str) -> dict[str, KeyExplanation]:
    catalog = open_catalog(path)
    return {one.key: one for one in FileKeys(catalog, table_of(catalog, str(path))).explain(keys)}


def last(one: KeyExplanation) -> str:
    return one.parts[-1].explanation


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Net, dict[str, Any]]:
    """A training checkpoint as saved from DataParallel, with Adam's state, lists, numbers as keys and a whole model."""
    torch.manual_seed(0)
    model = Net()
    optimizer = torch.optim.Adam(model.parameters())
    sum(parameter.sum() for parameter in model.parameters()).backward()
    optimizer.step()
    content = {
        "state_dict": {f"module.{key}": value for key, value in model.state_dict().items()},
        "optimizer": optimizer.state_dict(), "losses": [torch.ones(1), torch.ones(2)], "by_step": {10: torch.ones(3)},
        "whole": model, "0": {"1": torch.ones(4)},
    }  # fmt: skip
    path = tmp_path_factory.mktemp("keys") / "c.pt"
    torch.save(content, path)
    return path, model, torch.load(path, weights_only=False)


def test_every_expression_reaches_the_tensor_and_the_parts_are_the_key(
    checkpoint: tuple[Path, Net, dict[str, Any]],
) -> None:
    path, _, loaded = checkpoint
    shapes = {tensor.key: tensor.shape for tensor in open_catalog(path).tensors}
    found = explained(path)
    assert found.keys() == shapes.keys()
    for key, one in found.items():
        assert list(eval(one.expression, {"checkpoint": loaded}).shape) == shapes[key], one.expression
        assert ".".join(part.text for part in one.parts) == key
        assert all(part.explanation for part in one.parts)


def test_a_whole_model_is_explained_as_the_living_one(checkpoint: tuple[Path, Net, dict[str, Any]]) -> None:
    path, model, _ = checkpoint
    found = explained(path)
    for name, module in model.named_modules():
        for leaf, tensor in [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]:
            one = found[f"whole.{name}.{leaf}"]
            assert meaning_of(module, leaf, tensor) in last(one), one
            assert one.parts[-1].module_type == type(module).__name__
    index = found["whole.stem.3.weight"].parts[2]
    assert (index.kind, index.module_type) == ("index", "ConvTranspose2d")
    assert index.explanation.startswith("position 3 of the Sequential, which runs its modules in order")
    assert found["whole.named.rnn.weight_ih_l0"].parts[2].explanation.startswith("key 'rnn' of the ModuleDict")


def test_an_optimizers_slots_say_whose_they_are(checkpoint: tuple[Path, Net, dict[str, Any]]) -> None:
    path, model, _ = checkpoint
    found = explained(path)
    # The file has the model twice, so the parameters have two names and neither is certain.
    assert "the file does not tell" in found["optimizer.state.3.exp_avg"].parts[2].explanation
    optimizer = torch.optim.Adam(model.parameters())
    optimizer.step()
    alone = path.with_name("alone.pt")
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, alone)
    found = explained(alone)
    for number, (name, _) in enumerate(model.named_parameters()):
        slot = found[f"optimizer.state.{number}.exp_avg"]
        assert last(slot).startswith(f"Adam's running mean of the gradients, for model.{name}, shape")
        assert slot.parts[-1].kind == "slot"


def test_another_models_optimizer_is_not_matched(tmp_path: Path) -> None:
    model, other = nn.Linear(2, 3), nn.Linear(3, 2)
    optimizer = torch.optim.SGD(other.parameters(), momentum=0.9)
    other(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, tmp_path / "c.pt")
    one = explained(tmp_path / "c.pt")["optimizer.state.0.momentum_buffer"]
    assert last(one).startswith("SGD's momentum: the running sum of the gradients, for parameter 0, shape")


def test_without_classes_layers_are_told_by_their_tensors(checkpoint: tuple[Path, Net, dict[str, Any]]) -> None:
    path, _, _ = checkpoint
    found = explained(path)
    words = {
        "stem.0.weight": "as a convolution has it", "stem.1.running_mean": "as a batch or instance normalisation",
        "stem.3.bias": "as a transposed convolution has it", "blocks.0.weight": "as a linear layer has it",
        "blocks.1.weight": "as a normalisation of layers or groups", "named.rnn.weight_hh_l0": "as a GRU has it",
        "named.attention.in_proj_weight": "as a multi-head attention has it",
        "words.weight": "as a linear layer without bias or an embedding has it",
    }  # fmt: skip
    for key, expected in words.items():
        assert last(found[f"state_dict.module.{key}"]).startswith(expected), key
    assert "the file does not tell which" in last(found["state_dict.module.words.weight"])
    assert "the same memory as state_dict.module.head.weight" in last(found["state_dict.module.words.weight"])
    wrapper = found["state_dict.module.stem.0.weight"].parts[1]
    assert (wrapper.kind, wrapper.text) == ("wrapper", "module")


def test_an_index_does_not_tell_its_container_and_gaps_are_named(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Dropout(), nn.Linear(2, 2))
    save_file(model.state_dict(), tmp_path / "w.safetensors")
    part = explained(tmp_path / "w.safetensors")["3.weight"].parts[0]
    assert part.kind == "index"
    assert part.explanation.startswith("position 3 of a Sequential, ModuleList or the like: keys do not tell which")
    assert "1, 2 are layers without tensors" in part.explanation


def test_a_layer_that_is_named_module_is_no_wrapper(tmp_path: Path) -> None:
    torch.save({"module.weight": torch.ones(2, 2), "other.weight": torch.ones(2, 2)}, tmp_path / "w.pt")
    assert explained(tmp_path / "w.pt")["module.weight"].parts[0].kind == "attribute"


@pytest.mark.parametrize(
    ("tensors", "name", "words"),
    [
        (("weight_g", "weight_v"), "weight_v", "direction v of weight"),
        (("weight_orig", "weight_u", "weight_v"), "weight_v", "right singular vector"),
        (("weight_orig", "weight_mask"), "weight_mask", "1 where a tensor is kept"),
        (("lora_A",), "lora_A", "first factor A"),
        (("cls_token",), "cls_token", "put in front of a sequence"),
    ],
)
def test_names_that_say_what_a_tensor_is(tensors: tuple[str, ...], name: str, words: str, tmp_path: Path) -> None:
    torch.save({f"a.{each}": torch.ones(2, 2) for each in tensors}, tmp_path / "w.pt")
    assert words in last(explained(tmp_path / "w.pt")[f"a.{name}"])


def test_an_unknown_key_is_refused_with_what_is_near(tmp_path: Path) -> None:
    torch.save(Net().state_dict(), tmp_path / "w.pt")
    with pytest.raises(RequestError, match=r"no key head\.wieght; did you mean head\.weight"):
        explained(tmp_path / "w.pt", "head.wieght")
    with pytest.raises(RequestError, match=r"part of keys, such as stem\.0\.weight"):
        explained(tmp_path / "w.pt", "stem")


def test_the_command_needs_no_torch(tmp_path: Path) -> None:
    torch.save({"state_dict": {"fc.weight": torch.ones(2, 3)}}, tmp_path / "w.pt")
    code = (
        "import sys\nfrom inspector.cli.main import run\n"
        f"assert run(['keys', {str(tmp_path / 'w.pt')!r}, 'state_dict.fc.weight']) == 0\n"
        "assert 'torch' not in sys.modules and 'numpy' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "checkpoint['state_dict']['fc.weight']" in done.stdout
