"""Mended files load strictly, hold the original's values to the bit, and the snippet does the same."""

import copy
import zipfile
from pathlib import Path

import msgspec
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from inspector.core.errors import RequestError
from inspector.core.recipe import parse_arguments
from inspector.core.repair import RepairReport, RepairSettings
from inspector.engine.pytorch.opening import Constructor
from inspector.engine.pytorch.repairing import repair

State = dict[str, Tensor]


def silent(done: int, total: int | None, text: str) -> None:
    """Progress nobody watches."""


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(width, 2)
        self.norm = nn.LayerNorm(width)
        self.layers = nn.Sequential(nn.Linear(width, 3 * width), nn.ReLU(), nn.Linear(3 * width, width))


class Net(nn.Module):
    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 1)
        self.bn = nn.BatchNorm2d(8)
        self.blocks = nn.ModuleList(Block(8) for _ in range(3))
        self.head = nn.Linear(8, classes)


def mended(tmp_path: Path, content: object, **options: object) -> tuple[RepairReport, State]:
    """Save, mend for a freshly made model, and read back what was written."""
    torch.save(content, tmp_path / "broken.pt")
    out = str(tmp_path / "mended.safetensors")
    settings = RepairSettings(weights=str(tmp_path / "broken.pt"), output=out, **options)  # type: ignore[arg-type]
    report = repair(Net(), settings, silent)
    return report, load_file(out) if report.written else {}


def renamed(state: State, *pairs: tuple[str, str]) -> State:
    made = {}
    for key, value in state.items():
        for old, new in pairs:
            key = key.replace(old, new)
        made[key] = value
    return made


def transposed(state: State) -> State:
    return {
        key: value.t().contiguous() if "layers" in key and value.ndim == 2 else value for key, value in state.items()
    }


def split(state: State) -> State:
    made: State = {}
    for key, value in state.items():
        if "in_proj_" in key:
            for name, part in zip("qkv", value.chunk(3), strict=True):
                made[key.replace("in_proj_", f"{name}_proj.")] = part.clone()
        else:
            made[key] = value
    return made


BREAKS = {
    "as it is": lambda state: state,
    "wrapped": lambda state: {f"module.{key}": value for key, value in state.items()},
    "in a training checkpoint": lambda state: {
        "epoch": 3,
        "state_dict": state,
        "optimizer": {"state": {0: {"exp_avg": torch.zeros(3)}}, "param_groups": []},
    },
    "renamed": lambda state: renamed(state, ("blocks", "encoder.stages"), ("head", "classifier")),
    "transposed": transposed,
    "a convolution as a matrix": lambda state: {**state, "stem.weight": state["stem.weight"][:, :, 0, 0].clone()},
    "split": split,
    "without what does not matter": lambda state: {k: v for k, v in state.items() if "num_batches" not in k},
    "shifted": lambda state: renamed(state, ("layers.2", "layers.3")),
    "all at once": lambda state: {
        "model": {f"net.{key}": value for key, value in transposed(renamed(state, ("layers.2", "layers.3"))).items()}
    },
}


@pytest.mark.parametrize("name", BREAKS)
def test_the_original_comes_back(tmp_path: Path, name: str) -> None:
    original = Net().state_dict()
    # Beside transposed matrices the square ones are a guess.
    report, state = mended(tmp_path, BREAKS[name](copy.deepcopy(original)), guess=name in ("transposed", "all at once"))
    assert report.loads, report.verdict
    assert report.coverage == 1 or name == "without what does not matter"
    Net().load_state_dict(state, strict=True)
    for key, value in original.items():
        assert torch.equal(state[key], value), key


@pytest.mark.parametrize("name", BREAKS)
@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
def test_the_snippet_does_the_same(tmp_path: Path, name: str, suffix: str) -> None:
    original = Net().state_dict()
    broken = BREAKS[name](copy.deepcopy(original))
    path = tmp_path / f"broken.{suffix}"
    if suffix == "safetensors":
        if not all(isinstance(value, Tensor) for value in broken.values()):
            return
        save_file({key: value.contiguous() for key, value in broken.items()}, path)
    else:
        torch.save(broken, path)
    report = repair(Net(), RepairSettings(weights=str(path)), silent)
    names: dict[str, State] = {}
    exec(report.snippet, names)
    model = Net()
    result = model.load_state_dict(names["state"], strict=False)
    assert not [key for key in result.missing_keys if "num_batches" not in key]
    assert not result.unexpected_keys
    for key, value in model.state_dict().items():
        assert torch.equal(value, original[key]) or "num_batches" in key, key


def test_another_head_is_loaded_in_part_where_that_is_asked_for(tmp_path: Path) -> None:
    original = Net(classes=100).state_dict()
    report, state = mended(tmp_path, original)
    assert (report.loads, report.written, state) == (False, None, {})
    assert [one.kind for one in report.proposals] == ["class head"]
    assert set(report.stays_random) == {"head.weight", "head.bias"}
    report, state = mended(tmp_path, original, partial=True)
    assert not report.loads
    assert report.written
    Net().load_state_dict(state, strict=True)
    assert all(torch.equal(value, original[key]) for key, value in state.items() if not key.startswith("head"))


class Deep(nn.Module):
    def __init__(self, width: int = 16, depth: int = 3, num_classes: int = 10, *, in_channels: int = 3) -> None:
        super().__init__()
        self.stem = nn.Conv2d(in_channels, width, 3)
        self.blocks = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.head = nn.Linear(width, num_classes)


@pytest.mark.parametrize(
    "wanted",
    [{"num_classes": 7}, {"in_channels": 1}, {"width": 24}, {"depth": 5}, {"width": 24, "num_classes": 7}],
    ids=str,
)
def test_constructor_arguments_are_read_off_the_file(tmp_path: Path, wanted: dict[str, int]) -> None:
    torch.save(Deep(**wanted).state_dict(), tmp_path / "a.pt")
    values: dict[str, object] = {"width": 16, "depth": 3, "num_classes": 10, "in_channels": 3}
    constructor = Constructor(values, False, lambda more: Deep(**{**values, **more}))  # type: ignore[arg-type]
    report = repair(Deep(), RepairSettings(weights=str(tmp_path / "a.pt")), silent, constructor)
    assert not report.loads
    _, named = parse_arguments(report.arguments)
    assert named == wanted


def test_another_model_s_file_is_refused(tmp_path: Path) -> None:
    report, state = mended(tmp_path, nn.Sequential(nn.Linear(5, 77), nn.Linear(77, 3)).state_dict(), partial=True)
    assert not report.loads
    assert report.coverage < 0.3
    assert state == {}


def test_the_file_that_is_mended_is_never_written_over(tmp_path: Path) -> None:
    torch.save(Net().state_dict(), tmp_path / "a.pt")
    before = (tmp_path / "a.pt").read_bytes()
    (tmp_path / "link.pt").symlink_to(tmp_path / "a.pt")
    for name in ("a.pt", "link.pt"):
        settings = RepairSettings(weights=str(tmp_path / "a.pt"), output=str(tmp_path / name), overwrite=True)
        with pytest.raises(RequestError, match="never written over"):
            repair(Net(), settings, silent)
    assert (tmp_path / "a.pt").read_bytes() == before


def test_looking_changes_nothing_in_the_model(tmp_path: Path) -> None:
    torch.save({f"module.{key}": value for key, value in Net().state_dict().items()}, tmp_path / "a.pt")
    model = Net()
    before = {key: (id(value), value.clone()) for key, value in model.state_dict(keep_vars=True).items()}
    repair(model, RepairSettings(weights=str(tmp_path / "a.pt"), output=str(tmp_path / "b.pt")), silent)
    for key, value in model.state_dict(keep_vars=True).items():
        assert (id(value), True) == (before[key][0], torch.equal(value, before[key][1]))
    Net().load_state_dict(torch.load(tmp_path / "b.pt", weights_only=True), strict=True)


class Square(nn.Module):
    """A square matrix, which looks the same transposed, beside one that is not square."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(8, 8), nn.Linear(8, 4)


def test_what_is_a_guess_is_written_only_where_guesses_are_allowed(tmp_path: Path) -> None:
    state = {key: value.t().contiguous() if value.ndim == 2 else value for key, value in Square().state_dict().items()}
    torch.save(state, tmp_path / "a.pt")
    settings = RepairSettings(weights=str(tmp_path / "a.pt"), output=str(tmp_path / "b.pt"))
    report = repair(Square(), settings, silent)
    assert report.loads
    assert [one.model for one in report.ambiguous] == [["a.weight"]]
    assert report.written is None
    assert not (tmp_path / "b.pt").exists()
    assert repair(Square(), msgspec.structs.replace(settings, guess=True), silent).written


def test_values_that_cannot_be_read_are_not_proven_to_load(tmp_path: Path) -> None:
    path, out = tmp_path / "damaged.pt", tmp_path / "mended.safetensors"
    torch.save(Net().state_dict(), path)
    assert repair(Net(), RepairSettings(weights=str(path)), silent).loads
    with zipfile.ZipFile(path) as archive:
        (header,) = (info.header_offset for info in archive.infolist() if info.filename.endswith("data/3"))
    data = bytearray(path.read_bytes())
    data[header : header + 4] = bytes(4)
    path.write_bytes(data)
    report = repair(Net(), RepairSettings(weights=str(path)), silent)
    assert not report.loads
    assert "data/3 is not where its directory says" in report.verdict
    with pytest.raises(RequestError, match="cannot be read"):
        repair(Net(), RepairSettings(weights=str(path), output=str(out)), silent)
    assert not out.exists()


def test_a_type_that_torch_lacks_is_refused_in_a_sentence(tmp_path: Path) -> None:
    model, weights = nn.Linear(3, 2), tmp_path / "w.safetensors"
    save_file(model.state_dict(), weights)
    # As many characters, so that the header keeps its length.
    weights.write_bytes(weights.read_bytes().replace(b'"F32"', b'"Q99"'))
    settings = RepairSettings(weights=str(weights), output=str(tmp_path / "out.pt"), partial=True)
    with pytest.raises(RequestError, match="is q99, which torch lacks"):
        repair(model, settings, lambda done, total, text: None)
    assert not (tmp_path / "out.pt").exists()
