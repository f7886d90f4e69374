"""The two spellings of keys, against what torch's own wrappers and loaders write and take."""

import pytest
from torch import nn

from inspector.core.key_spelling import (
    as_saved_from_data_parallel,
    plain,
    spell,
    wrapped_paths,
    wrapped_paths_of_keys,
)
from inspector.core.results import KeyExplanation, KeyPart
from inspector.core.table import Row


def row(index: int, path: str, wrapper: str = "") -> Row:
    return Row(index=index, parent=None, kind="module", path=path, type="", depth=path.count("."), wrapper=wrapper)


def network() -> nn.Module:
    network = nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.BatchNorm1d(3)))
    network.add_module("module", nn.Linear(3, 1))
    return network


def test_as_saved_is_what_data_parallel_saves() -> None:
    model = network()
    spelled = [as_saved_from_data_parallel(key) for key in model.state_dict()]
    assert spelled == list(nn.DataParallel(model).state_dict())


def test_plain_undoes_data_parallel_and_keeps_a_users_own_module() -> None:
    model = network()
    wrapped = wrapped_paths([row(0, "", "module"), row(1, "module")])
    assert wrapped == {"module"}
    assert [plain(key, wrapped) for key in nn.DataParallel(model).state_dict()] == list(model.state_dict())
    assert "module.weight" in model.state_dict()


def test_a_wrapped_root_is_not_wrapped_twice() -> None:
    wrapped = frozenset({"module"})
    assert as_saved_from_data_parallel("module.0.weight", wrapped) == "module.0.weight"
    assert as_saved_from_data_parallel("n_averaged", wrapped) == "n_averaged"


def test_wrappers_in_the_middle() -> None:
    whole = nn.ModuleDict({"features": network(), "head": nn.Linear(1, 1)})
    part = nn.ModuleDict({"features": nn.DataParallel(whole["features"]), "head": whole["head"]})
    wrapped = wrapped_paths([row(0, ""), row(1, "features", "module"), row(2, "features.module")])
    assert [plain(key, wrapped) for key in part.state_dict()] == list(whole.state_dict())
    spelled = [as_saved_from_data_parallel(key, wrapped) for key in part.state_dict()]
    assert spelled == list(nn.DataParallel(part).state_dict())


@pytest.mark.parametrize(
    ("wrapped", "plainly", "saved"),
    [
        (frozenset({"_orig_mod"}), "fc.weight", "module._orig_mod.fc.weight"),
        (frozenset({"_orig_mod", "_orig_mod.fc"}), "weight", "module._orig_mod.fc.weight"),
    ],
)
def test_compiled_models(wrapped: frozenset[str], plainly: str, saved: str) -> None:
    assert plain("_orig_mod.fc.weight", wrapped) == plainly
    assert as_saved_from_data_parallel("_orig_mod.fc.weight", wrapped) == saved


def test_compiled_around_data_parallel_stands_in_it_already() -> None:
    wrapped = frozenset({"_orig_mod", "_orig_mod.module"})
    key = "_orig_mod.module.fc.weight"
    assert as_saved_from_data_parallel(key, wrapped) == key
    assert plain(key, wrapped) == "fc.weight"


def test_paths_of_rows_switch_too() -> None:
    wrapped = frozenset({"module"})
    assert [plain(path, wrapped) for path in ("", "module", "module.0")] == ["", "", "0"]
    assert [as_saved_from_data_parallel(path) for path in ("", "0")] == ["module", "module.0"]
    assert spell("0.weight", frozenset(), as_saved=True) == "module.0.weight"
    assert spell("module.0.weight", wrapped, as_saved=False) == "0.weight"


def test_wrappers_are_read_off_explained_keys() -> None:
    def part(text: str, kind: str) -> KeyPart:
        return KeyPart(text=text, kind=kind, module_type=None, explanation="")

    parts = [part("a", "attribute"), part("module", "wrapper"), part("module", "attribute"), part("w", "parameter")]
    explained = KeyExplanation(key="a.module.module.w", expression="", parts=parts)
    assert wrapped_paths_of_keys([explained]) == {"a.module"}
