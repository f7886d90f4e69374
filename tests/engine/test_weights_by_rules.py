"""Weights that fit after a mending load directly; expected values are those of the very model that was saved."""

import subprocess
import sys
import textwrap
import types
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from msgspec.structs import replace
from safetensors.torch import save_file
from torch import Tensor, nn

from inspector.core.loads import Load
from inspector.engine.pytorch import file_values
from inspector.engine.pytorch.weights import load_weights


class Attention(nn.Module):
    """Query, key and value apart."""

    def __init__(self, width: int = 12) -> None:
        super().__init__()
        self.q_proj, self.k_proj, self.v_proj = (nn.Linear(width, width) for _ in range(3))
        self.out_proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        weights = (self.q_proj(x) @ self.k_proj(x).transpose(-1, -2)).softmax(-1)
        return self.out_proj(weights @ self.v_proj(x))


class Block(nn.Module):
    """As in a transformer."""

    def __init__(self, width: int = 12) -> None:
        super().__init__()
        self.norm1, self.attn, self.norm2 = nn.LayerNorm(width), Attention(width), nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 20), nn.GELU(), nn.Linear(20, width))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Encoder(nn.Module):
    """Words in, classes out."""

    def __init__(self, classes: int = 7) -> None:
        super().__init__()
        self.embed = nn.Embedding(30, 12)
        self.blocks = nn.ModuleList(Block() for _ in range(3))
        self.head = nn.Linear(12, classes)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.embed(ids)
        for block in self.blocks:
            x = block(x)
        return self.head(x)


class Fused(nn.Module):
    """An attention whose query, key and value are one layer."""

    def __init__(self, width: int = 12) -> None:
        super().__init__()
        self.qkv, self.out_proj = nn.Linear(width, 3 * width), nn.Linear(width, width)


IDS = torch.arange(20).reshape(2, 10)


def scrambled(model: nn.Module) -> nn.Module:
    """Every value, buffers too, unlike its initial one."""
    with torch.no_grad():
        for value in model.state_dict().values():
            value.copy_(torch.randn(value.shape) if value.is_floating_point() else torch.full(value.shape, 7))
    return model.eval()


def kinds(load: Load) -> set[str]:
    return {rule.kind for rule in load.rules}


def whole(load: Load) -> bool:
    """Whether everything was filled and nothing is left over."""
    return load.coverage == 1 and not (load.missing or load.unexpected or load.mismatched or load.ambiguous)


def same(one: nn.Module, other: nn.Module) -> bool:
    pairs = zip(one.state_dict().items(), other.state_dict().items(), strict=True)
    return all(a[0] == b[0] and torch.equal(a[1], b[1]) for a, b in pairs)


RENAMED: dict[str, tuple[Callable[[str], str], set[str]]] = {
    "DataParallel in torch.compile": (lambda key: f"_orig_mod.module.{key}", {"drop_wrapper"}),
    "FSDP around a block": (
        lambda key: key.replace("blocks.1.", "blocks.1._fsdp_wrapped_module."),
        {"drop_wrapper"},
    ),
    "a Lightning attribute": (lambda key: f"network.{key}", {"prefix"}),
    "a deep prefix": (lambda key: f"student.backbone.{key}", {"prefix"}),
    "renamed blocks": (lambda key: key.replace("blocks.", "encoder.layers."), {"renamed", "prefix"}),
    "renamed parts of a block": (
        lambda key: key.replace(".mlp.", ".feed_forward."),
        {"prefix", "renamed"},
    ),
    "counted from one": (
        lambda key: ".".join(str(int(p) + 1) if p.isdigit() and at == 1 else p for at, p in enumerate(key.split("."))),
        {"index_shift"},
    ),
    "layers between": (
        lambda key: key.replace("mlp.2.", "mlp.3."),
        {"index_shift"},
    ),
}


@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
@pytest.mark.parametrize("how", RENAMED)
def test_renamed_keys_load_to_the_bit_and_are_said(tmp_path: Path, how: str, suffix: str) -> None:
    renamed, expected = RENAMED[how]
    trained, model = scrambled(Encoder()), Encoder().eval()
    state = {renamed(key): value for key, value in trained.state_dict().items()}
    path = tmp_path / f"w.{suffix}"
    save_file(state, path) if suffix == "safetensors" else torch.save(state, path)
    load = load_weights(model, str(path))
    assert same(model, trained)
    assert torch.equal(model(IDS), trained(IDS))
    assert whole(load)
    assert kinds(load)
    assert kinds(load) <= expected
    names = {renamed(key): key for key in trained.state_dict()}
    assert load.sources == {key: [given] for given, key in names.items() if given != key}
    for rule in load.rules:
        assert rule.tensors == len(rule.keys) == len(set(rule.keys))
        assert set(rule.keys) <= load.sources.keys()


def test_a_lightning_checkpoint_with_its_optimizer_and_a_loss_of_its_own(tmp_path: Path) -> None:
    trained, model = scrambled(Encoder()), Encoder()
    state = {f"model.{key}": value for key, value in trained.state_dict().items()}
    state["loss.weight"] = torch.ones(7)
    optimizer = torch.optim.Adam(trained.parameters())
    trained(IDS).sum().backward()
    optimizer.step()
    content = {"state_dict": state, "optimizer_states": [optimizer.state_dict()], "hyper_parameters": {"width": 12}}
    torch.save(content, tmp_path / "last.ckpt")
    load = load_weights(model, str(tmp_path / "last.ckpt"))
    assert same(model, trained)
    assert [(rule.kind, rule.from_) for rule in load.rules] == [("container", "state_dict"), ("prefix", "model.")]
    assert (load.coverage, load.unexpected, load.missing) == (1.0, ["loss.weight"], [])


def save_whole_model_in_another_process(path: Path) -> Tensor:
    """A pickled model whose classes are gone when the process is; returns what it makes of `IDS`."""
    code = textwrap.dedent("""
        import importlib.util, sys, torch
        spec = importlib.util.spec_from_file_location("gone", sys.argv[1])
        sys.modules["gone"] = gone = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(gone)
        model = gone.Encoder().eval()
        torch.save(model, sys.argv[2])
        torch.save(model(gone.IDS), sys.argv[2] + ".out")
    """)
    subprocess.run([sys.executable, "-c", code, __file__, str(path)], check=True)
    output: Tensor = torch.load(f"{path}.out")
    return output


def test_a_pickled_model_whose_class_is_gone(tmp_path: Path) -> None:
    expected = save_whole_model_in_another_process(tmp_path / "w.pt")
    model = Encoder().eval()
    load = load_weights(model, str(tmp_path / "w.pt"))
    assert torch.equal(model(IDS), expected)
    assert replace(load, python="") == Load(matched=len(model.state_dict()), coverage=1.0)
    assert "gone" not in sys.modules


@pytest.mark.parametrize("kind", ["TorchScript", "exported program", "protocol 4", "model in a mapping", "legacy"])
def test_other_kinds_of_file_of_the_same_model(tmp_path: Path, kind: str) -> None:
    def net() -> nn.Module:
        return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 5))

    trained, model, x = scrambled(net()), net().eval(), torch.randn(2, 3, 8, 8)
    trained[1].running_var.abs_()
    path = tmp_path / "w.pt2"
    match kind:
        case "TorchScript":
            torch.jit.trace(trained, x).save(str(path))
        case "exported program":
            torch.export.save(torch.export.export(trained, (x,)), path)
        case "protocol 4":
            torch.save(trained.state_dict(), path, pickle_protocol=4)
        case "model in a mapping":
            torch.save({"epoch": 3, "model": trained, "options": types.SimpleNamespace(lr=0.1)}, path)
        case "legacy":
            torch.save(trained, path, _use_new_zipfile_serialization=False)
    load = load_weights(model, str(path))
    assert torch.equal(model(x), trained(x))
    assert same(model, trained)
    assert whole(load)


def fused_state(model: Encoder) -> dict[str, Tensor]:
    """What a model with one layer for query, key and value would have saved."""
    state: dict[str, Tensor] = {}
    for key, value in model.state_dict().items():
        if ".attn.q_proj." in key:
            names = [key.replace("q_proj", f"{letter}_proj") for letter in "qkv"]
            state[key.replace("q_proj", "qkv")] = torch.cat([model.state_dict()[name] for name in names])
        elif ".attn.k_proj." not in key and ".attn.v_proj." not in key:
            state[key] = value.clone()
    return state


def test_a_fused_query_key_value_fills_a_model_that_has_them_apart(tmp_path: Path) -> None:
    trained, model = scrambled(Encoder()), Encoder().eval()
    save_file(fused_state(trained), tmp_path / "w.safetensors")
    load = load_weights(model, str(tmp_path / "w.safetensors"))
    assert same(model, trained)
    assert torch.equal(model(IDS), trained(IDS))
    assert (whole(load), kinds(load)) == (True, {"qkv_split"})
    assert load.sources["blocks.0.attn.k_proj.weight"] == ["blocks.0.attn.qkv.weight"]


def test_query_key_and_value_apart_fill_a_model_that_has_them_fused(tmp_path: Path) -> None:
    trained, model = scrambled(Encoder()), Encoder()
    for block in model.blocks:
        block.attn = Fused()
    torch.save(trained.state_dict(), tmp_path / "w.pt")
    load = load_weights(model, str(tmp_path / "w.pt"))
    expected = fused_state(trained)
    assert all(torch.equal(value, expected[key]) for key, value in model.state_dict().items())
    assert (whole(load), kinds(load)) == (True, {"qkv_join"})
    names = [f"blocks.2.attn.{letter}_proj.bias" for letter in "qkv"]
    assert load.sources["blocks.2.attn.qkv.bias"] == names


class Mlp(nn.Module):
    """The two layers of GPT-2's block."""

    def __init__(self) -> None:
        super().__init__()
        self.c_fc, self.c_proj = nn.Linear(12, 48), nn.Linear(48, 12)


def test_weights_that_were_kept_transposed_as_gpt2s(tmp_path: Path) -> None:
    trained, model = scrambled(nn.Sequential(Mlp(), Mlp())), nn.Sequential(Mlp(), Mlp())
    state = {key: value.t().contiguous() if value.ndim == 2 else value for key, value in trained.state_dict().items()}
    save_file(state, tmp_path / "w.safetensors")
    load = load_weights(model, str(tmp_path / "w.safetensors"))
    assert same(model, trained)
    assert (whole(load), kinds(load)) == (True, {"transpose"})
    assert load.sources["0.c_fc.weight"] == ["0.c_fc.weight"]


def test_whether_a_square_weight_was_transposed_is_not_guessed(tmp_path: Path) -> None:
    def net() -> nn.Module:
        return nn.ModuleDict({"square": nn.Linear(12, 12), "wide": nn.Linear(12, 48)})

    trained, model = scrambled(net()), net()
    before = model["square"].weight.clone()
    state = {key: value.t().contiguous() if value.ndim == 2 else value for key, value in trained.state_dict().items()}
    save_file(state, tmp_path / "w.safetensors")
    load = load_weights(model, str(tmp_path / "w.safetensors"))
    assert torch.equal(model["wide"].weight, trained["wide"].weight)
    assert torch.equal(model["square"].weight, before)
    assert (load.ambiguous, load.missing, load.unexpected, load.matched) == (["square.weight"], [], [], 3)
    assert "its shape does not tell whether it is transposed" in load.doubts["square.weight"]
    assert load.coverage == pytest.approx(1 - 144 / (144 + 12 + 12 * 48 + 48))


class Branches(nn.Module):
    """Two branches of one form."""

    def __init__(self, names: tuple[str, str]) -> None:
        super().__init__()
        self.stem = nn.Linear(8, 16)
        for name in names:
            setattr(self, name, nn.Sequential(nn.Linear(16, 16), nn.LayerNorm(16)))


def test_parts_that_could_as_well_be_the_other_are_not_loaded_and_said(tmp_path: Path) -> None:
    trained, model = scrambled(Branches(("red", "blue"))), Branches(("left", "right"))
    before = {key: value.clone() for key, value in model.state_dict().items()}
    torch.save(trained.state_dict(), tmp_path / "w.pt")
    load = load_weights(model, str(tmp_path / "w.pt"))
    assert torch.equal(model.stem.weight, trained.stem.weight)
    guesses = [key for key in before if "stem" not in key]
    assert all(torch.equal(model.state_dict()[key], before[key]) for key in guesses)
    assert sorted(load.ambiguous) == sorted(load.doubts) == sorted(guesses)
    assert (load.missing, load.unexpected, load.fits) == ([], [], False)
    assert (load.matched, load.rules, load.sources) == (2, [], {})


def test_of_another_architecture_only_equal_names_are_taken(tmp_path: Path) -> None:
    def net(width: int, *names: str) -> nn.Module:
        layers = {name: nn.Sequential(nn.Linear(width, width), nn.LayerNorm(width)) for name in names}
        return nn.ModuleDict({"shared": nn.Linear(4, 4), **layers})

    trained, model = scrambled(net(24, "a", "b", "c", "d")), net(32, "a", "b", "c", "e")
    before = {key: value.clone() for key, value in model.state_dict().items()}
    state = {f"module.{key}": value for key, value in trained.state_dict().items()}
    torch.save(state, tmp_path / "w.pt")
    load = load_weights(model, str(tmp_path / "w.pt"))
    assert torch.equal(model["shared"].weight, trained["shared"].weight)
    assert all(torch.equal(model.state_dict()[key], before[key]) for key in before if "shared" not in key)
    assert (load.refused, load.matched, load.ambiguous) == (True, 2, [])
    assert kinds(load) == {"drop_wrapper"}


def test_spectral_norm_in_its_older_spelling(tmp_path: Path) -> None:
    old = scrambled(nn.Sequential(nn.utils.spectral_norm(nn.Linear(6, 5)), nn.Linear(5, 2)))
    model = nn.Sequential(nn.utils.parametrizations.spectral_norm(nn.Linear(6, 5)), nn.Linear(5, 2)).eval()
    torch.save(old.state_dict(), tmp_path / "w.pt")
    load = load_weights(model, str(tmp_path / "w.pt"))
    now = model[0].parametrizations.weight
    assert torch.equal(now.original, old[0].weight_orig)
    assert torch.equal(now[0]._u, old[0].weight_u)
    assert torch.equal(now[0]._v, old[0].weight_v)
    assert (whole(load), kinds(load)) == (True, {"spectral_norm"})


class Counts(nn.Module):
    """Knows the version of the file that it loads."""

    _version = 3

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(3))
        self.seen: list[object] = []

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *args) -> None:
        self.seen.append(local_metadata.get("version"))
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *args)


@pytest.mark.parametrize("zipped", [True, False])
def test_modules_see_the_versions_that_they_were_saved_with_under_other_names(tmp_path: Path, zipped: bool) -> None:
    trained = nn.ModuleDict({"old": nn.DataParallel(Counts())})
    Counts._version = 2
    try:
        state = trained.state_dict()
    finally:
        Counts._version = 3
    torch.save({"model": state}, tmp_path / "w.pt", _use_new_zipfile_serialization=zipped)
    model = nn.ModuleDict({"old": Counts()})
    load_weights(model, str(tmp_path / "w.pt"))
    assert model["old"].seen == [2]


class RenamesItself(nn.Module):
    """Takes an older name in a hook."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.zeros(9))
        self.register_load_state_dict_pre_hook(self.rename)

    @staticmethod
    def rename(module: nn.Module, state: dict[str, Tensor], prefix: str, *_: object) -> None:
        if f"{prefix}lut" in state:
            state[f"{prefix}table"] = state.pop(f"{prefix}lut").mul_(2)


def test_a_hook_sees_an_old_key_behind_a_wrapper_and_may_change_what_it_gets(tmp_path: Path) -> None:
    given = torch.arange(9.0)
    state = {"module.lin.weight": torch.ones(2, 2), "module.lin.bias": torch.ones(2), "module.own.lut": given}
    torch.save(state, tmp_path / "w.pt")
    model = nn.ModuleDict({"lin": nn.Linear(2, 2), "own": RenamesItself()})
    load = load_weights(model, str(tmp_path / "w.pt"))
    assert torch.equal(model["own"].table, given * 2)
    assert torch.equal(torch.load(tmp_path / "w.pt")["module.own.lut"], given)
    assert load.unexpected == []


@pytest.mark.parametrize("dtype", ["bfloat16", "float8_e4m3fn", "complex64", "int16", "bool"])
@pytest.mark.parametrize("suffix", ["pt", "legacy", "safetensors"])
def test_values_of_every_dtype_arrive_as_torch_reads_them(tmp_path: Path, dtype: str, suffix: str) -> None:
    kept = getattr(torch, dtype)
    value = (torch.randn(5, 3) * 10).to(torch.complex64 if kept.is_complex else torch.float32).to(kept)
    model = nn.Module()
    model.register_buffer("odd", torch.zeros(3, dtype=torch.uint8))
    model.register_buffer("value", torch.zeros(3, 5, dtype=kept))
    state = {"odd": torch.tensor([1, 2, 3], dtype=torch.uint8), "value": value.t()}
    path = tmp_path / f"w.{suffix}"
    if suffix == "safetensors":
        save_file({key: one.contiguous() for key, one in state.items()}, path)
    else:
        torch.save(state, path, _use_new_zipfile_serialization=suffix == "pt")
    assert whole(load_weights(model, str(path)))
    assert torch.equal(model.value.view(torch.uint8), value.t().contiguous().view(torch.uint8))


def test_views_that_torch_conjugates_when_it_reads_them(tmp_path: Path) -> None:
    given = torch.randn(4, dtype=torch.complex64)
    model = nn.Module()
    model.register_buffer("conjugate", torch.zeros(4, dtype=torch.complex64))
    model.register_buffer("imaginary", torch.zeros(4))
    torch.save({"conjugate": given.conj(), "imaginary": given.clone().conj().imag}, tmp_path / "w.pt")
    assert whole(load_weights(model, str(tmp_path / "w.pt")))
    assert torch.equal(model.conjugate, given.conj().resolve_conj())
    assert torch.equal(model.imaginary, given.conj().imag.resolve_neg())


def test_a_file_that_the_kernel_does_not_map_privately_is_copied_tensor_by_tensor(tmp_path: Path, monkeypatch) -> None:
    trained, model = scrambled(Encoder()), Encoder()
    torch.save(fused_state(trained), tmp_path / "w.pt")
    monkeypatch.setattr(file_values.mmap, "ACCESS_COPY", -1)
    asked = []

    def refuse(*arguments: object, access: int, **options: object) -> object:
        asked.append(access)
        if access == -1:
            raise OSError(12, "Cannot allocate memory")
        return real(*arguments, access=access, **options)

    real = file_values.mmap.mmap
    monkeypatch.setattr(file_values.mmap, "mmap", refuse)
    assert whole(load_weights(model, str(tmp_path / "w.pt")))
    assert same(model, trained)
    assert -1 in asked


def test_a_sparse_tensor_fills_a_sparse_buffer(tmp_path: Path) -> None:
    given = torch.eye(4).to_sparse()
    model = nn.Sequential(nn.Linear(2, 2))
    model.register_buffer("mask", torch.zeros(4, 4).to_sparse())
    torch.save({**model.state_dict(), "mask": given}, tmp_path / "w.pt")
    load = load_weights(model, str(tmp_path / "w.pt"))
    assert whole(load)
    assert torch.equal(model.mask.to_dense(), torch.eye(4))
