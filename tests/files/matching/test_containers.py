"""Which of a checkpoint's mappings is the model's."""

from pathlib import Path

import torch
from known_models import entries
from torch import nn

from inspector.files import open_catalog
from inspector.files.matching import candidates


def net() -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))


def saved(tmp_path: Path, content: object) -> str:
    torch.save(content, tmp_path / "checkpoint.pt")
    return str(tmp_path / "checkpoint.pt")


def stepped(model: nn.Module) -> torch.optim.Optimizer:
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.randn(3, 4)).sum().backward()
    optimizer.step()
    return optimizer


def test_the_model_comes_before_its_average_and_the_optimizer_is_never_taken(tmp_path: Path) -> None:
    model = net()
    content = {
        "epoch": 3,
        "state_dict_ema": net().state_dict(),
        "state_dict": {f"module.{key}": value for key, value in model.state_dict().items()},
        "trainer": {"state": stepped(model).state_dict()},
    }
    found = candidates(open_catalog(saved(tmp_path, content)), entries(model))
    assert [(one.path, one.kind) for one in found if one.path] == [
        (["state_dict"], "model"),
        (["state_dict_ema"], "average"),
        (["trainer", "state"], "optimizer"),
    ]
    best = found[0].diagnosis
    assert best
    assert best.loads
    assert [rule.kind for rule in best.rules] == ["container", "drop_wrapper"]
    assert found[-1].diagnosis is None


def test_a_plain_state_dict_is_its_own_candidate(tmp_path: Path) -> None:
    (one,) = candidates(open_catalog(saved(tmp_path, net().state_dict())), entries(net()))
    assert one.path == []
    assert one.diagnosis
    assert one.diagnosis.loads
    assert one.diagnosis.rules == []


def test_parts_in_mappings_of_their_own_are_one_candidate(tmp_path: Path) -> None:
    model = nn.ModuleDict({"encoder": net(), "head": nn.Linear(2, 3)})
    content = {"model": {name: part.state_dict() for name, part in model.items()}, "step": 1}
    best = candidates(open_catalog(saved(tmp_path, content)), entries(model))[0]
    assert best.path == ["model"]
    assert best.diagnosis
    assert best.diagnosis.loads


def test_slots_without_their_groups_are_an_optimizer_s_too(tmp_path: Path) -> None:
    model = net()
    content = {"net": model.state_dict(), "saved": stepped(model).state_dict()["state"][0]}
    kinds = {tuple(one.path): one.kind for one in candidates(open_catalog(saved(tmp_path, content)), entries(model))}
    assert kinds["saved",] == "optimizer"


def test_memory_that_the_file_shares_is_known(tmp_path: Path) -> None:
    model = net()
    weight = model[0].weight
    content = {"a.weight": weight, "b.weight": weight}
    (one,) = candidates(open_catalog(saved(tmp_path, content)), entries(model))
    assert one.entries[0].identity == one.entries[1].identity
