"""Real files broken in random ways and mended by `repair`: what is written loads strictly, bit for bit the original."""

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from breaking import WAYS, Broken, cast, sorted_by_name, unbroken, wrapper_in_front, wrapper_inside
from broken_files import FORMATS, contents, distinct_values
from known_models import SAMPLES, entries, made, of_file
from safetensors.torch import load_file
from torch.nn.parameter import is_lazy

from inspector.core.errors import RequestError
from inspector.core.repair import RepairReport, RepairSettings
from inspector.engine.pytorch.repairing import repair

pytestmark = pytest.mark.slow
MODELS = sorted(path.stem for path in SAMPLES.glob("*.py") if path.stem not in ("make_weights", "lazy_layers"))
SMALL = ("mobilenet_v3_small", "shufflenet_v2_x0_5", "squeezenet1_1", "resnet18", "small_bert", "new_generator")


def silent(*_: Any) -> None:
    """Progress nobody watches."""


def broken_file(name: str, form: str, ways: list[int], seed: int, folder: Path) -> tuple[Path, dict[str, torch.Tensor]]:
    """A file of the model `name`, broken in these ways, and the state_dict that it was."""
    random = Random(seed)
    model = made(name)
    if any(map(is_lazy, model.parameters())):
        model.eval()(torch.ones(2, 3, 16, 16))
    distinct_values(model, seed)
    broken: Broken = unbroken(of_file(entries(model)))
    for way in ways:
        broken = WAYS[way](broken, random)
    state = model.state_dict()
    return FORMATS[form](folder, contents(broken, state)), state


def mended(name: str, file: Path, suffix: str) -> tuple[RepairReport, dict[str, torch.Tensor]]:
    """Repair for a model with other values, and what is then written."""
    out = file.with_name(f"mended{suffix}")
    out.unlink(missing_ok=True)
    report = repair(made(name), RepairSettings(weights=str(file), output=str(out)), silent)
    if report.written is None:
        assert not out.exists()
        return report, {}
    return report, load_file(out) if suffix == ".safetensors" else torch.load(out, weights_only=True)


def check(name: str, form: str, ways: list[int], seed: int, folder: Path) -> bool:
    """Whether the file came back; it may only be otherwise where the report says what is ambiguous."""
    file, original = broken_file(name, form, ways, seed, folder)
    report, state = mended(name, file, ".pt" if seed % 2 else ".safetensors")
    if report.ambiguous:
        assert not state
        return False
    assert report.loads, (report.verdict, [WAYS[way].__name__ for way in ways])
    fresh = made(name)
    fresh.load_state_dict(state, strict=True)
    for key, value in fresh.state_dict().items():
        wanted = original[key]
        assert value.dtype == wanted.dtype, key
        assert torch.equal(value, wanted), (key, [WAYS[way].__name__ for way in ways])
    return True


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", [*MODELS, *SMALL])
def test_random_combinations_come_back_or_are_ambiguous(name: str, form: str, tmp_path: Path) -> None:
    came_back = []
    for seed in range(3 if name in SMALL else 6):
        random = Random(f"{name} {form} {seed}")
        ways = random.sample(range(len(WAYS)), random.randint(1, 5))
        came_back.append(check(name, form, ways, seed, tmp_path))
    assert any(came_back)


@pytest.mark.parametrize("way", range(len(WAYS)), ids=lambda way: WAYS[way].__name__)
def test_each_way_alone_comes_back(way: int, tmp_path: Path) -> None:
    for seed, name in enumerate(("resnet18", "small_bert", "lenet")):
        back = check(name, list(FORMATS)[way % len(FORMATS)], [way], seed, tmp_path)
        assert back or WAYS[way].__name__ == "transposed"


@pytest.mark.parametrize("way", [wrapper_in_front, wrapper_inside, cast, sorted_by_name])
def test_a_model_without_shapes_takes_those_of_the_file_and_says_that_they_prove_nothing(
    way: Callable[[Broken, Random], Broken], tmp_path: Path
) -> None:
    assert check("lazy_layers", "zip", [WAYS.index(way)], 0, tmp_path)
    model = made("lazy_layers")
    report = repair(model, RepairSettings(weights=str(tmp_path / "broken.pt")), silent)
    assert is_lazy(model.get_parameter("conv.weight"))
    assert any("shapes prove nothing" in note for note in report.notes)


def test_a_model_that_refuses_files_without_versions_gets_them(tmp_path: Path) -> None:
    for seed in (1, 3):  # odd: a .pt file
        assert check("mnasnet0_5", "zip", [WAYS.index(wrapper_in_front), WAYS.index(cast)], seed, tmp_path)
    with pytest.raises(RequestError, match=r"versions of its modules, which safetensors does not hold; write a \.pt"):
        mended("mnasnet0_5", tmp_path / "broken.pt", ".safetensors")


@pytest.mark.parametrize(
    ("file", "model"), [("resnet18", "mobilenet_v3_small"), ("lenet", "mlp"), ("small_bert", "squeezenet1_1")]
)
@pytest.mark.parametrize("form", FORMATS)
def test_another_architecture_is_refused(file: str, model: str, form: str, tmp_path: Path) -> None:
    path, _ = broken_file(file, form, [], 0, tmp_path)
    report, state = mended(model, path, ".pt")
    assert (report.loads, state) == (False, {})
    assert report.verdict.startswith("this is not this model: ")
