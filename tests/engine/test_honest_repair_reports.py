"""What a report says of files that almost fit agrees with what it then does."""

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from inspector.core.repair import RepairReport, RepairSettings
from inspector.core.repair_wording import is_sure, sections
from inspector.engine.pytorch.repairing import repair


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.attention = nn.ModuleDict({name: nn.Linear(width, width) for name in "qkvo"})
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)


class Language(nn.Module):
    """As GPT-2: tables that are never transposed, and blocks in which every linear layer is."""

    def __init__(self, width: int = 16, context: int = 8) -> None:
        super().__init__()
        self.tokens, self.positions = nn.Embedding(40, width), nn.Embedding(context, width)
        self.blocks = nn.ModuleList(Block(width) for _ in range(2))


def mended(tmp_path: Path, state: dict[str, Tensor], model: nn.Module, **options: bool) -> RepairReport:
    torch.save(state, tmp_path / "w.pt")
    settings = RepairSettings(weights=str(tmp_path / "w.pt"), output=str(tmp_path / "m.safetensors"), **options)
    return repair(model, settings, lambda done, total, text: None)


def test_squares_among_transposed_matrices_are_guessed_to_be_transposed(tmp_path: Path) -> None:
    original = Language().state_dict()
    conv1d = {k: v.t().contiguous() if "blocks" in k and v.ndim == 2 else v for k, v in original.items()}
    report = mended(tmp_path, conv1d, Language())
    assert (report.loads, report.written, is_sure(report)) == (True, None, False)
    assert report.verdict.startswith("it would load, but 8 keys are guesses (--guess takes them)")
    assert {key for one in report.ambiguous for key in one.model} == {
        key for key, value in original.items() if value.shape == (16, 16)
    }
    assert mended(tmp_path, conv1d, Language(), guess=True).written
    written = load_file(tmp_path / "m.safetensors")
    assert all(torch.equal(written[key], value) for key, value in original.items())


def test_squares_in_a_module_whose_own_matrices_are_as_in_the_model_are_left(tmp_path: Path) -> None:
    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.near = nn.Sequential(nn.Linear(6, 6), nn.Linear(6, 3))
            self.far = nn.Sequential(nn.Linear(6, 6), nn.Linear(6, 5))

    original = Mixed().state_dict()
    broken = {k: v.t().contiguous() if "far" in k and v.ndim == 2 else v for k, v in original.items()}
    mended(tmp_path, broken, Mixed(), guess=True)
    written = load_file(tmp_path / "m.safetensors")
    assert all(torch.equal(written[key], value) for key, value in original.items())


def test_integers_for_floating_point_weights_do_not_load_and_the_reason_is_given(tmp_path: Path) -> None:
    state = {key: (100 * value).to(torch.int8) for key, value in nn.Linear(3, 4).state_dict().items()}
    report = mended(tmp_path, state, nn.Linear(3, 4))
    assert (report.loads, report.written) == (False, None)
    assert report.verdict.startswith("it does not load: weight and 1 more are int8 in the file")


def test_another_width_is_no_other_length_of_the_position_table(tmp_path: Path) -> None:
    wider = mended(tmp_path, Language(width=24).state_dict(), Language())
    assert "width 24 instead of 16" in wider.verdict
    assert not [one for one in wider.proposals if one.kind == "position table"]
    longer = mended(tmp_path, Language(context=12).state_dict(), Language())
    assert [one.message.split(";")[0] for one in longer.proposals] == [
        "positions: the position table is 12 in the file and 8 in the model"
    ]


def test_a_tensor_alone_is_not_taken_for_one_of_another_name_and_place(tmp_path: Path) -> None:
    model = nn.ModuleDict({"stem": nn.Linear(7, 3), "deep": nn.Sequential(nn.Conv2d(16, 32, 1, bias=False))})
    report = mended(tmp_path, {"pos.weight": torch.zeros(16, 32), "tok.weight": torch.zeros(99, 5)}, model)
    assert (report.matched, report.rules) == (0, [])


def test_a_rule_that_has_to_be_allowed_is_said_with_its_name(tmp_path: Path) -> None:
    weighted = nn.ModuleDict({"a": nn.utils.parametrizations.weight_norm(nn.Linear(4, 6)), "b": nn.Linear(6, 5)})
    plain = nn.ModuleDict({"a": nn.Linear(4, 6), "b": nn.Linear(6, 5)})
    report = mended(tmp_path, weighted.state_dict(), plain)
    (lines,) = [section.lines for section in sections(report, "") if section.heading == "could be done"]
    assert "(--allow weight_norm_fold)" in lines[0]
