"""Loading files of weights: expected values are torch's own, or the very tensors that were saved."""

import os
import zipfile
from collections import OrderedDict
from pathlib import Path

import msgspec
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from inspector.core.errors import RequestError
from inspector.core.loads import Load
from inspector.engine.pytorch.weights import load_weights


class Net(nn.Module):
    """Convolution, BatchNorm and a head: parameters, buffers, an integer."""

    def __init__(self, classes: int = 3) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 4, 3))
        self.head = nn.Linear(4, classes)


class HoldsModule(nn.Module):
    """A real submodule named like DataParallel's attribute, beside a parameter of the same leaf name and shape."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 4))
        self.module = nn.Linear(4, 4, bias=False)


class Tied(nn.Module):
    """Two names for one parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(5, 3)
        self.head = nn.Linear(3, 5)
        self.head.weight = self.embedding.weight


class Extra(nn.Module):
    """A module with an extra state."""

    def __init__(self, seen: int = 0) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 2)
        self.seen = seen

    def get_extra_state(self) -> dict[str, int]:
        return {"seen": self.seen}

    def set_extra_state(self, state: dict[str, int]) -> None:
        self.seen = state["seen"]


def scrambled(model: nn.Module) -> nn.Module:
    """Every value, buffers too, unlike its initial one."""
    with torch.no_grad():
        for value in model.state_dict().values():
            if isinstance(value, Tensor):
                value.copy_(torch.randn(value.shape) if value.is_floating_point() else torch.full(value.shape, 7))
    return model


def same(one: nn.Module, other: nn.Module) -> bool:
    """Whether the tensors of two models agree to the bit, in order, whatever their names."""
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def rules(load: Load) -> list[tuple[str, str, str, int]]:
    return [(rule.kind, rule.from_, rule.to, rule.tensors) for rule in load.rules]


@pytest.mark.parametrize("suffix", ["pt", "legacy", "safetensors"])
def test_a_plain_state_dict_loads_to_the_bit_without_a_rule(tmp_path: Path, suffix: str) -> None:
    trained, model = scrambled(Net()), Net()
    path = tmp_path / f"w.{suffix}"
    if suffix == "safetensors":
        save_file(trained.state_dict(), path)
    else:
        torch.save(trained.state_dict(), path, _use_new_zipfile_serialization=suffix == "pt")
    load = load_weights(model, str(path))
    assert same(model, trained)
    assert load == Load(matched=len(trained.state_dict()), coverage=1.0)


def test_a_file_is_what_it_holds_whatever_its_name(tmp_path: Path) -> None:
    trained, models = scrambled(Net()), [Net(), Net()]
    torch.save(trained.state_dict(), tmp_path / "zip.safetensors")
    save_file(trained.state_dict(), tmp_path / "safetensors.pt")
    for model, name in zip(models, ("zip.safetensors", "safetensors.pt"), strict=True):
        load = load_weights(model, str(tmp_path / name))
        assert (load.coverage, same(model, trained)) == (1.0, True)


def test_why_a_tensor_does_not_load_is_said(tmp_path: Path) -> None:
    state = {**Net().state_dict(), "head.weight": torch.eye(3, 4).to_sparse()}
    torch.save(state, tmp_path / "w.pt")
    with pytest.raises(RequestError, match=r"head\.weight: copy_\(\) between dense and sparse"):
        load_weights(Net(), str(tmp_path / "w.pt"))


@pytest.mark.parametrize(
    ("content", "container"),
    [
        (lambda sd, opt: {"epoch": 3, "state_dict": sd, "optimizer": opt}, "state_dict"),
        (lambda sd, opt: {"model_state_dict": sd, "optimizer_state_dict": opt, "loss": 0.5}, "model_state_dict"),
        (lambda sd, opt: {"a": {"b": {"params": sd}}, "optimizers": [opt]}, "a.b.params"),
        (lambda sd, opt: {"ema": {k: v + 1 for k, v in sd.items()}, "model": sd, "optim": opt}, "model"),
        (lambda sd, opt: {"ema": sd, "step": torch.tensor(3)}, "ema"),
    ],
)
def test_containers_are_descended_into_and_the_optimizer_never_chosen(tmp_path: Path, content, container) -> None:
    trained, model = scrambled(Net()), Net()
    optimizer = torch.optim.Adam(trained.parameters())
    torch.save(content(trained.state_dict(), optimizer.state_dict()), tmp_path / "c.ckpt")
    load = load_weights(model, str(tmp_path / "c.ckpt"))
    assert same(model, trained)
    assert rules(load) == [("container", container, "", len(trained.state_dict()))]
    assert (load.coverage, load.missing, load.unexpected) == (1.0, [], [])


def test_the_fuller_mapping_wins(tmp_path: Path) -> None:
    trained, model = scrambled(Net()), Net()
    part = {key: value for key, value in trained.state_dict().items() if "head" in key}
    torch.save({"model": part, "net": trained.state_dict()}, tmp_path / "c.pt")
    load = load_weights(model, str(tmp_path / "c.pt"))
    assert rules(load)[0][:2] == ("container", "net")
    assert same(model, trained)


WRAPPINGS = {
    "root": lambda net: nn.DataParallel(net),
    "middle": lambda net: (setattr(net, "features", nn.DataParallel(net.features)), net)[1],
    "both": lambda net: (setattr(net, "features", nn.DataParallel(net.features)), nn.DataParallel(net))[1],
    "inside a Sequential": lambda net: (net.features.__setitem__(2, nn.DataParallel(net.features[2])), net)[1],
}
RULES = {
    "root": [("module.", "", 11)],
    "middle": [("features.module.", "features.", 9)],
    "both": [("module.", "", 11), ("module.features.module.", "module.features.", 9)],
    "inside a Sequential": [("features.2.module.", "features.2.", 2)],
}


@pytest.mark.parametrize("where", WRAPPINGS)
@pytest.mark.parametrize("wrapped", ["file", "model"])
def test_data_parallel_is_dropped_and_added_anywhere(tmp_path: Path, where: str, wrapped: str) -> None:
    trained, model = scrambled(Net()), Net()
    if wrapped == "file":
        trained = WRAPPINGS[where](trained)
        expected = [("drop_wrapper", full, plain, count) for full, plain, count in RULES[where]]
    else:
        model = WRAPPINGS[where](model)
        expected = [("add_wrapper", plain, full, count) for full, plain, count in RULES[where]]
    torch.save(trained.state_dict(), tmp_path / "w.pt")
    load = load_weights(model, str(tmp_path / "w.pt"))
    assert same(model, trained)
    assert sorted(rules(load)) == sorted(expected)
    assert (load.coverage, load.matched, load.missing, load.unexpected) == (1.0, 11, [], [])


@pytest.mark.parametrize(
    "prefix",
    [
        "_orig_mod.",
        "_orig_mod.module.",
        "module._orig_mod.",
        "_forward_module.",
        "_fsdp_wrapped_module._checkpoint_wrapped_module.",
        "model.",
        "_forward_module.model.module.",
    ],
)
def test_wrapper_tokens_at_the_front(tmp_path: Path, prefix: str) -> None:
    trained, model = scrambled(Net()), Net()
    torch.save({prefix + key: value for key, value in trained.state_dict().items()}, tmp_path / "w.pt")
    load = load_weights(model, str(tmp_path / "w.pt"))
    assert same(model, trained)
    assert load.coverage == 1.0
    assert [rule.tensors for rule in load.rules] == [11] * prefix.count(".")


def test_one_wrapper_for_another(tmp_path: Path) -> None:
    trained, model = scrambled(Net()), nn.DataParallel(Net())
    torch.save({"_orig_mod." + key: value for key, value in trained.state_dict().items()}, tmp_path / "w.pt")
    load = load_weights(model, str(tmp_path / "w.pt"))
    assert same(model, trained)
    assert sorted(rules(load)) == [("add_wrapper", "", "module.", 11), ("drop_wrapper", "_orig_mod.", "", 11)]


@pytest.mark.parametrize("wrapped", ["neither", "file", "model", "both"])
def test_a_real_submodule_named_module_survives(tmp_path: Path, wrapped: str) -> None:
    trained, model = scrambled(HoldsModule()), HoldsModule()
    wanted = {key: value.clone() for key, value in trained.state_dict().items()}
    target: nn.Module = nn.DataParallel(model) if wrapped in ("model", "both") else model
    source: nn.Module = nn.DataParallel(trained) if wrapped in ("file", "both") else trained
    torch.save(source.state_dict(), tmp_path / "w.pt")
    load = load_weights(target, str(tmp_path / "w.pt"))
    assert torch.equal(model.weight, wanted["weight"])
    assert torch.equal(model.module.weight, wanted["module.weight"])
    assert load.coverage == 1.0
    assert len(load.rules) == (wrapped in ("file", "model"))


def test_a_wrapper_beside_a_real_module_of_that_name_in_another_place(tmp_path: Path) -> None:
    trained = scrambled(nn.ModuleDict({"a": HoldsModule(), "b": nn.Linear(2, 2)}))
    model = nn.ModuleDict({"a": HoldsModule(), "b": nn.DataParallel(nn.Linear(2, 2))})
    torch.save(trained.state_dict(), tmp_path / "w.pt")
    load = load_weights(model, str(tmp_path / "w.pt"))
    assert same(model, trained)
    assert rules(load) == [("add_wrapper", "b.", "b.module.", 2)]


def test_another_head_leaves_the_rest_loaded_and_itself_untouched(tmp_path: Path) -> None:
    trained, model = scrambled(Net(classes=10)), Net(classes=3)
    before = model.head.weight.clone()
    torch.save(trained.state_dict(), tmp_path / "w.pt")
    load = load_weights(model, str(tmp_path / "w.pt"))
    assert torch.equal(model.features[0].weight, trained.features[0].weight)
    assert torch.equal(model.head.weight, before)
    assert [(m.key, m.file_shape, m.model_shape) for m in load.mismatched] == [
        ("head.weight", [10, 4], [3, 4]),
        ("head.bias", [10], [3]),
    ]
    total = sum(value.numel() for value in model.state_dict().values())
    assert load.coverage == pytest.approx((total - 15) / total)
    assert (load.missing, load.unexpected, load.matched) == ([], [], 9)


@pytest.mark.parametrize("metadata", [True, False])
def test_missing_and_unexpected_keys_are_those_that_differ(tmp_path: Path, metadata: bool) -> None:
    model = Net()
    state = scrambled(Net()).state_dict()
    for key in ("features.1.num_batches_tracked", "head.bias"):
        del state[key]
    state["other.weight"] = torch.ones(2)
    content = OrderedDict(state) if not metadata else state
    torch.save(content, tmp_path / "w.pt")
    load = load_weights(model, str(tmp_path / "w.pt"))
    # Without metadata the file is taken for one of before 0.4.1, when BatchNorm did not count its batches.
    assert ("features.1.num_batches_tracked" in load.missing) is metadata
    assert (load.missing, load.unexpected) == tuple(Net().load_state_dict(content, strict=False))


@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
def test_a_file_from_before_batches_were_counted_fits_as_torch_says(tmp_path: Path, suffix: str) -> None:
    trained, model = scrambled(Net()), Net()
    state = {key: value for key, value in trained.state_dict().items() if "num_batches" not in key}
    save_file(state, tmp_path / "w.safetensors") if suffix == "safetensors" else torch.save(state, tmp_path / "w.pt")
    load = load_weights(model, str(tmp_path / f"w.{suffix}"))
    expected = Net()
    expected.load_state_dict(state, strict=True)
    assert same(model, expected)
    assert (load.missing, load.unexpected, load.mismatched, load.matched) == ([], [], [], len(state))


class SavesOtherwise(nn.Module):
    """Renames a key when it saves, and does not know that name when it loads."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 2)
        self.register_state_dict_post_hook(self.rename)

    @staticmethod
    def rename(module: nn.Module, state: dict[str, Tensor], prefix: str, metadata: object) -> None:
        state[f"{prefix}renamed"] = state.pop(f"{prefix}linear.weight")


def test_what_the_model_does_not_take_is_not_matched(tmp_path: Path) -> None:
    state = SavesOtherwise().state_dict()
    torch.save(state, tmp_path / "w.pt")
    load = load_weights(SavesOtherwise(), str(tmp_path / "w.pt"))
    assert (load.missing, load.unexpected) == tuple(SavesOtherwise().load_state_dict(state, strict=False))
    assert load.matched == 1


def test_a_file_of_another_model_is_a_coverage_of_zero(tmp_path: Path) -> None:
    torch.save(nn.LSTM(2, 2).state_dict(), tmp_path / "w.pt")
    model = Net()
    before = [value.clone() for value in model.state_dict().values()]
    load = load_weights(model, str(tmp_path / "w.pt"))
    assert (load.matched, load.coverage) == (0, 0.0)
    assert (load.missing, load.unexpected) == tuple(Net().load_state_dict(nn.LSTM(2, 2).state_dict(), strict=False))
    assert all(torch.equal(a, b) for a, b in zip(before, model.state_dict().values(), strict=True))


@pytest.mark.parametrize("kept", ["embedding.weight", "head.weight"])
def test_a_tied_tensor_saved_once_fills_both_names_and_stays_tied(tmp_path: Path, kept: str) -> None:
    trained, model = scrambled(Tied()), Tied()
    state = {key: value for key, value in trained.state_dict().items() if key in (kept, "head.bias")}
    save_file(state, tmp_path / "w.safetensors")
    load = load_weights(model, str(tmp_path / "w.safetensors"))
    assert same(model, trained)
    assert model.head.weight is model.embedding.weight
    assert (load.missing, load.coverage, load.matched) == ([], 1.0, 3)
    assert [rule.kind for rule in load.rules] == ["tied"]


def test_modes_gradients_and_dtypes_are_the_models(tmp_path: Path) -> None:
    trained, model = scrambled(Net()), Net().half().eval()
    model.head.requires_grad_(False)
    torch.save(nn.Module.train(trained).state_dict(), tmp_path / "w.pt")
    load = load_weights(model, str(tmp_path / "w.pt"))
    assert not any(module.training for module in model.modules())
    assert [p.requires_grad for p in model.parameters()] == [True] * 6 + [False] * 2
    assert torch.equal(model.head.weight, trained.head.weight.half())
    assert [(r.kind, r.from_, r.to, r.tensors, r.lossy) for r in load.rules] == [
        ("cast", "float32", "float16", 10, True)
    ]


def test_lazy_modules_take_the_shape_of_the_file(tmp_path: Path) -> None:
    trained = scrambled(nn.Sequential(nn.Linear(7, 3), nn.ReLU(), nn.Linear(3, 2)))
    model = nn.Sequential(nn.LazyLinear(3), nn.ReLU(), nn.LazyLinear(2))
    torch.save(trained.state_dict(), tmp_path / "w.pt")
    load = load_weights(model, str(tmp_path / "w.pt"))
    assert (load.coverage, load.missing) == (1.0, [])
    x = torch.randn(4, 7)
    assert torch.equal(model(x), trained(x))


def test_old_keys_that_a_modules_own_hook_knows(tmp_path: Path) -> None:
    old = nn.utils.weight_norm(nn.Linear(4, 3))
    scrambled(old)
    model = nn.utils.parametrizations.weight_norm(nn.Linear(4, 3))
    torch.save(old.state_dict(), tmp_path / "w.pt")
    load = load_weights(model, str(tmp_path / "w.pt"))
    x = torch.randn(2, 4)
    torch.testing.assert_close(model(x), old(x))
    assert (load.missing, load.unexpected, load.coverage) == ([], [], 1.0)
    assert {rule.kind for rule in load.rules} == {"weight_norm"}


def test_extra_state_is_handed_over(tmp_path: Path) -> None:
    trained, model = Extra(seen=5), Extra()
    torch.save(nn.DataParallel(trained).state_dict(), tmp_path / "w.pt")
    load = load_weights(model, str(tmp_path / "w.pt"))
    assert model.seen == 5
    assert (load.coverage, load.missing, load.unexpected) == (1.0, [], [])


def test_entries_that_are_not_tensors_are_unexpected(tmp_path: Path) -> None:
    state: dict[str, object] = {**scrambled(Net()).state_dict(), "epoch": 3, "head.bias": 1.5}
    torch.save(state, tmp_path / "w.pt")
    load = load_weights(Net(), str(tmp_path / "w.pt"))
    assert load.missing == ["head.bias"]
    assert sorted(load.unexpected) == ["epoch", "head.bias"]


def test_a_model_on_meta_is_refused(tmp_path: Path) -> None:
    torch.save(Net().state_dict(), tmp_path / "w.pt")
    with pytest.raises(RequestError, match=r"features\.0\.weight of the model is on the meta device"):
        load_weights(Net().to("meta"), str(tmp_path / "w.pt"))


def test_sharded_checkpoints_load_as_one(tmp_path: Path) -> None:
    trained, model = scrambled(Net()), Net()
    halves: dict[str, dict[str, Tensor]] = {"a.safetensors": {}, "b.safetensors": {}}
    for key, value in trained.state_dict().items():
        halves["a.safetensors" if "features" in key else "b.safetensors"][key] = value
    for name, half in halves.items():
        save_file(half, tmp_path / name)
    named = ", ".join(f'"{key}": "{name}"' for name, half in halves.items() for key in half)
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(f'{{"metadata": {{}}, "weight_map": {{{named}}}}}')
    load = load_weights(model, str(index))
    assert same(model, trained)
    assert msgspec.structs.replace(load, python="") == Load(matched=11, coverage=1.0)
    assert "weight_map" in load.python
    (tmp_path / "b.safetensors").unlink()
    with pytest.raises(RequestError, match=r"b\.safetensors is not beside the index"):
        load_weights(model, str(index))


class Hostile:
    """Creates a file when it is unpickled."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (self.command,)


@pytest.mark.parametrize("zipped", [True, False])
def test_the_tensors_of_a_hostile_file_load_and_nothing_of_it_runs(tmp_path: Path, zipped: bool) -> None:
    proof = tmp_path / "ran"
    trained, model = scrambled(Net()), Net()
    state = {**trained.state_dict(), "x": Hostile(f"touch {proof}")}
    torch.save(state, tmp_path / "w.pt", _use_new_zipfile_serialization=zipped)
    load = load_weights(model, str(tmp_path / "w.pt"))
    assert same(model, trained)
    assert (load.coverage, load.unexpected) == (1.0, ["x"])
    assert not proof.exists()


def test_what_only_torch_can_read_of_a_hostile_file_is_refused_and_runs_nothing(tmp_path: Path) -> None:
    proof = tmp_path / "ran"
    state = {**nn.DataParallel(Extra(seen=5)).state_dict(), "x": Hostile(f"touch {proof}")}
    torch.save(state, tmp_path / "w.pt")
    with pytest.raises(RequestError, match=r"_extra_state is kept .* names (posix|nt)\.system.*state_dict"):
        load_weights(Extra(), str(tmp_path / "w.pt"))
    assert not proof.exists()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ([torch.ones(2)], "a list of values without names"),
        (torch.ones(2), "a single tensor, not a state_dict"),
        (3, "holds no tensors, only a value of type int"),
        ({"epoch": 3}, "holds no state_dict, only: epoch"),
        ({}, "holds no state_dict, only: nothing"),
        ({"optimizer": torch.optim.SGD([torch.ones(2)]).state_dict()}, "holds no state_dict, only: optimizer"),
        (nn.ReLU(), "holds no state_dict, only: nothing"),
    ],
)
def test_what_is_not_a_state_dict_says_what_it_is(tmp_path: Path, content, sentence: str) -> None:
    torch.save(content, tmp_path / "w.pt")
    with pytest.raises(RequestError, match=sentence):
        load_weights(Net(), str(tmp_path / "w.pt"))


def test_a_storage_shorter_than_its_tensor_is_refused(tmp_path: Path) -> None:
    torch.save({"w": torch.arange(8.0)}, tmp_path / "w.pt")
    with zipfile.ZipFile(tmp_path / "w.pt") as good, zipfile.ZipFile(tmp_path / "bad.pt", "w") as bad:
        for name in good.namelist():
            data = good.read(name)
            bad.writestr(name, data[:16] if name.endswith("data/0") else data)
    with pytest.raises(RequestError, match="w needs 32 bytes of storage 0, but 16 bytes are there"):
        load_weights(nn.Linear(2, 2), str(tmp_path / "bad.pt"))
