"""Which of a checkpoint's state_dicts is loaded, and that the others are said."""

from pathlib import Path

import pytest
import torch
from torch import nn

from inspector.core.errors import RequestError
from inspector.core.load_notes import load_notes
from inspector.core.recipe import Recipe
from inspector.core.repair import RepairSettings
from inspector.engine.pytorch.repairing import repair
from inspector.engine.pytorch.weights import load_weights


def net(value: float = 0.0) -> nn.Module:
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    for parameter in model.parameters():
        nn.init.constant_(parameter, value)
    return model


def saved(tmp_path: Path, *names: str) -> str:
    """A checkpoint with a state_dict under each name, filled with 1, 2, …"""
    path = tmp_path / "w.pt"
    torch.save({name: net(float(at)).state_dict() for at, name in enumerate(names, 1)}, path)
    return str(path)


def value_of(model: nn.Module) -> float:
    (value,) = {value for parameter in model.parameters() for value in parameter.detach().unique().tolist()}
    return value


@pytest.mark.parametrize(
    ("names", "taken"),
    [(("G", "D"), "G"), (("D", "G"), "D"), (("teacher", "student"), "student"), (("ema", "model"), "model")],
)
def test_of_equals_the_models_own_is_taken_then_the_files_first_and_the_other_is_said(
    tmp_path: Path, names: tuple[str, str], taken: str
) -> None:
    path, model = saved(tmp_path, *names), net()
    (other,) = set(names) - {taken}
    load = load_weights(model, path)
    assert value_of(model) == names.index(taken) + 1
    assert (load.container, load.rivals) == (taken, [other])
    report = repair(net(), RepairSettings(weights=path), lambda done, total, text: None)
    assert report.container == taken
    recipe = Recipe(target="model.py", weights=path)
    for said in (report.notes[0], load_notes(load, recipe)[0].message):
        assert said.startswith(f"{taken} and {other} of the file fill the model equally; {taken} was taken")
        assert f"--container {other} takes the other" in said


def test_the_state_dict_that_is_named_is_taken(tmp_path: Path) -> None:
    path = saved(tmp_path, "model", "ema")
    model = net()
    load = load_weights(model, path, container="ema")
    assert value_of(model) == 2
    assert (load.container, load.rivals, load_notes(load, Recipe(target="m.py", weights=path))) == ("ema", [], [])
    settings = RepairSettings(weights=path, container="ema", output=str(tmp_path / "out.pt"))
    report = repair(net(), settings, lambda done, total, text: None)
    assert [one.container for one in report.others] == ["model"]
    written = torch.load(tmp_path / "out.pt")
    assert all((value == 2).all() for value in written.values())
    names: dict[str, dict[str, torch.Tensor]] = {}
    exec(report.snippet, names)
    assert all(torch.equal(names["state"][key], value) for key, value in written.items())


def test_a_name_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    path = saved(tmp_path, "model", "ema")
    with pytest.raises(RequestError, match=r"no state_dict at gone; its state_dicts: .*model, ema"):
        load_weights(net(), path, container="gone")
    with pytest.raises(RequestError, match="no state_dict at gone"):
        repair(net(), RepairSettings(weights=path, container="gone"), lambda done, total, text: None)


def test_an_optimizers_state_is_never_taken(tmp_path: Path) -> None:
    model = net(1.0)
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.randn(2, 3)).sum().backward()
    optimizer.step()
    torch.save({"model": model.state_dict(), "optim": optimizer.state_dict()}, tmp_path / "t.pt")
    with pytest.raises(RequestError, match="state of an optimizer"):
        load_weights(net(), str(tmp_path / "t.pt"), container="optim")
