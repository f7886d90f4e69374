"""Whole pickled models against the live modules that they were."""

import warnings
from pathlib import Path

import msgspec
import pytest
import torch
from torch import nn

from inspector.core.errors import RequestError
from inspector.core.recipe import Recipe, parse_input
from inspector.engine.opening import open_live
from inspector.engine.pytorch.layer_formulas import static_formula
from inspector.files import open_catalog, table_of
from inspector.files.catalog import CatalogModule

LAYERS: list[nn.Module] = [
    nn.Conv1d(4, 6, 3, padding="same", dilation=2, groups=2), nn.Conv2d(3, 4, (3, 5), stride=2, padding=1, bias=False),
    nn.Conv2d(3, 4, 3, padding_mode="reflect", padding=(1, 2)), nn.Conv3d(1, 2, 3), nn.Conv2d(3, 4, 3, padding="valid"),
    nn.Conv2d(2, 4, 4, padding="same"),
    nn.ConvTranspose1d(2, 3, 4, stride=2, output_padding=1), nn.ConvTranspose2d(3, 4, 3, 2, 1, dilation=2),
    nn.MaxPool1d(2), nn.MaxPool2d(3, 2, padding=1, ceil_mode=True), nn.MaxPool3d((1, 2, 2)), nn.AvgPool1d(4),
    nn.AvgPool2d((3, 2), stride=1), nn.AvgPool3d(2), nn.LPPool1d(2, 3), nn.LPPool2d(2, 3, stride=2), nn.MaxUnpool2d(2),
    nn.AdaptiveAvgPool1d(3), nn.AdaptiveAvgPool2d((None, 7)), nn.AdaptiveMaxPool2d(1),
    nn.FractionalMaxPool2d(3, (4, 5)),
    nn.FractionalMaxPool2d(2, output_ratio=(0.5, 0.6)), nn.Linear(3, 4), nn.Linear(3, 4, bias=False),
    nn.Bilinear(2, 3, 4),
    nn.BatchNorm2d(4), nn.BatchNorm1d(3, affine=False), nn.InstanceNorm2d(3), nn.GroupNorm(2, 4), nn.LayerNorm((3, 4)),
    nn.LayerNorm(5, bias=False), nn.RMSNorm(4), nn.LocalResponseNorm(2), nn.Dropout(0.3), nn.Dropout2d(inplace=True),
    nn.AlphaDropout(), nn.Embedding(10, 3), nn.Embedding(10, 3, padding_idx=0, max_norm=1.0, sparse=True),
    nn.EmbeddingBag(10, 3, mode="sum"), nn.RNN(3, 4, nonlinearity="relu"),
    nn.GRU(3, 4, 2, dropout=0.1, bidirectional=True),
    nn.LSTM(3, 4, batch_first=True, proj_size=2), nn.LSTMCell(3, 4), nn.RNNCell(3, 4, bias=False, nonlinearity="relu"),
    nn.ReLU(), nn.ReLU(inplace=True), nn.ReLU6(), nn.LeakyReLU(0.2, inplace=True), nn.ELU(), nn.CELU(0.5), nn.SELU(),
    nn.GELU("tanh"), nn.GLU(), nn.PReLU(3), nn.RReLU(), nn.SiLU(), nn.Mish(), nn.Hardtanh(),
    nn.Hardshrink(), nn.Softshrink(),
    nn.Softplus(), nn.Threshold(0.1, 20), nn.Softmax(1), nn.Softmin(), nn.LogSoftmax(-1), nn.Sigmoid(), nn.Tanh(),
    nn.Upsample(scale_factor=2), nn.Upsample((4, 5), mode="bilinear"), nn.UpsamplingNearest2d(scale_factor=2),
    nn.PixelShuffle(2), nn.PixelUnshuffle(2), nn.ChannelShuffle(2), nn.Flatten(), nn.Unflatten(1, (2, 3)),
    nn.Fold((4, 5), 2), nn.Unfold((2, 3), stride=2), nn.ZeroPad2d(1), nn.ConstantPad1d(2, 3.5),
    nn.ReflectionPad2d((1, 2, 3, 4)),
    nn.ReplicationPad1d(1), nn.CircularPad2d(1), nn.Identity(), nn.MultiheadAttention(4, 2), nn.CosineSimilarity(),
]  # fmt: skip


def modules_of(model: nn.Module, path: Path) -> list[CatalogModule]:
    torch.save(model, path)
    return open_catalog(path).modules


def test_every_layer_is_described_as_torch_prints_it(tmp_path: Path) -> None:
    model = nn.ModuleList(LAYERS)
    told = {module.path: module for module in modules_of(model, tmp_path / "m.pt")}
    assert list(told) == [path for path, _ in model.named_modules()]
    for path, module in model.named_modules():
        cls = type(module)
        assert (told[path].type, told[path].class_path) == (cls.__name__, f"{cls.__module__}.{cls.__qualname__}")
        assert told[path].hyperparameters == module.extra_repr(), cls
        assert told[path].training == module.training
        if not isinstance(module, nn.Upsample):
            assert told[path].formula == static_formula(module), cls


class Own(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.width, self.ratio, self.sizes, self.kept = 3, 0.5, (1, 2), {"not": "literal"}
        self.conv = nn.Conv2d(1, 2, 3)
        self.act = nn.ReLU()
        self.same = self.act
        self.register_buffer("scale", torch.ones(2))
        self.register_buffer("cache", torch.ones(5), persistent=False)
        self.gain = nn.Parameter(torch.ones(2, dtype=torch.float64), requires_grad=False)
        self.steps = nn.Parameter(torch.ones(2, dtype=torch.int32), requires_grad=False)


def test_a_class_of_ones_own(tmp_path: Path) -> None:
    model = Own().eval()
    torch.save({"net": model, "epoch": 1}, tmp_path / "m.pt")
    catalog = open_catalog(tmp_path / "m.pt")
    root = catalog.modules[0]
    assert (root.container, root.type, root.training) == (["net"], "Own", False)
    assert root.settings == {"width": 3, "ratio": 0.5, "sizes": [1, 2]}
    assert root.hyperparameters == "width=3, ratio=0.5, sizes=(1, 2)"
    families = {t.name: (t.family, t.persistent) for t in catalog.tensors}
    assert families == {
        "gain": ("parameter", True), "steps": ("parameter", True), "scale": ("buffer", True),
        "cache": ("buffer", False),
        "conv.weight": ("parameter", True), "conv.bias": ("parameter", True),
    }  # fmt: skip
    table = table_of(catalog, "m.pt")
    rows = {row.path: row for row in table.rows}
    assert list(rows) == ["", "net", "net.conv", "net.act", "net.same"]
    assert (rows["net.act"].type, rows["net.act"].shared_with) == ("ReLU", ["net.same"])
    assert rows["net.conv"].formula is not None
    assert table.totals.parameters == sum(p.numel() for p in model.parameters())
    assert table.totals.trainable_parameters == sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert table.totals.buffers == sum(b.numel() for b in model.buffers())
    assert "file-only" not in {note.code for note in table.notes}
    assert msgspec.json.decode(msgspec.json.encode(table))["rows"][2]["hyperparameters"]


class Holder(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner
        self.head = nn.Conv2d(1, 1, 5)


CHAIN = nn.Sequential(
    nn.Conv2d(1, 2, (3, 5), stride=2, padding=1), nn.BatchNorm2d(2), nn.ReLU(),
    nn.Sequential(nn.MaxPool2d(3, 2, padding=1), nn.Conv2d(2, 2, 3, dilation=2, padding="same"), nn.Identity()),
    nn.ZeroPad2d((1, 2, 3, 4)), nn.AvgPool2d(2), nn.Conv2d(2, 2, 1), nn.Dropout(),
    nn.Flatten(), nn.LazyLinear(3),
)  # fmt: skip


def test_receptive_fields_along_a_sequential_are_those_of_a_pass(tmp_path: Path) -> None:
    (tmp_path / "chain.py").write_text(
        f"import torch\nfrom torch import nn\nnet = torch.load({str(tmp_path / 'm.pt')!r}, weights_only=False)\n"
    )
    torch.save(CHAIN[:8], tmp_path / "m.pt")
    live = open_live(Recipe(target=str(tmp_path / "chain.py")))
    table = live.trace([parse_input("1x1x201x203")], lambda *_: None)
    truth = {row.path: row.receptive_field for row in table.rows if row.kind == "module"}
    told = {module.path: module.receptive_field for module in open_catalog(tmp_path / "m.pt").modules}
    for path, module in CHAIN[:8].named_modules():
        if isinstance(module, nn.Sequential):
            assert told[path] is None
        else:
            found, expected = told[path], truth[path]
            assert found is not None
            assert expected is not None
            assert (found.size, found.stride, found.start) == (expected.size, expected.stride, expected.start), path


def test_receptive_fields_end_where_the_file_no_longer_tells(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Conv2d(1, 1, 3), Own(), nn.Conv2d(1, 1, 3))
    told = {module.path: module.receptive_field for module in modules_of(model, tmp_path / "m.pt")}
    assert told["0"] is not None
    assert {path for path, field in told.items() if field is not None} == {"0"}
    assert all(module.receptive_field is None for module in modules_of(Own(), tmp_path / "n.pt"))


@pytest.mark.filterwarnings("ignore")
def test_a_torchscript_archive_tells_parameters_from_buffers(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Sequential(nn.ReLU()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(model).save(str(tmp_path / "s.pt"))
    catalog = open_catalog(tmp_path / "s.pt")
    assert {t.key for t in catalog.tensors if t.family == "parameter"} == dict(model.named_parameters()).keys()
    assert {t.key for t in catalog.tensors if t.family == "buffer"} == dict(model.named_buffers()).keys()
    assert [(m.path, m.type) for m in catalog.modules] == [
        (path, type(module).__name__) for path, module in model.named_modules()
    ]


@pytest.mark.parametrize("shape", [(2, 1, 61, 67), (1, 1, 120, 90)])
def test_shapes_along_a_sequential_are_those_of_a_pass(shape, tmp_path: Path) -> None:
    chain = nn.Sequential(*CHAIN[:8], nn.ConvTranspose2d(2, 3, 3, stride=2), nn.AdaptiveAvgPool2d((4, None)),
                          nn.Flatten(1, 2), nn.GELU())  # fmt: skip
    truth: dict[str, list[int]] = {}
    for path, module in chain.named_modules():
        module.register_forward_hook(lambda *args, path=path: truth.update({path: list(args[2].shape)}))
    with torch.no_grad():
        chain(torch.zeros(shape))
    for module in chain.modules():
        module._forward_hooks.clear()
    torch.save(chain, tmp_path / "m.pt")
    table = table_of(open_catalog(tmp_path / "m.pt"), "m.pt", [parse_input("x".join(map(str, shape)))])
    assert {row.path: row.output_shapes[0] for row in table.rows} == truth
    assert table.rows[0].input_shapes == [list(shape)]


def test_shapes_end_where_the_file_no_longer_tells(tmp_path: Path) -> None:
    torch.save(nn.Sequential(nn.Linear(4, 3), Own(), nn.Linear(3, 2)), tmp_path / "m.pt")
    table = table_of(open_catalog(tmp_path / "m.pt"), "m.pt", [parse_input("5x4")])
    assert {row.path: row.output_shapes for row in table.rows if row.output_shapes} == {"0": [[5, 3]]}


@pytest.mark.parametrize(
    ("model", "shape", "said"),
    [
        (nn.Sequential(nn.Conv2d(3, 4, 3)), "1x1x8x8", "3 channels"),
        (nn.Sequential(nn.Conv2d(3, 4, 3)), "1x3x2x8", "too small"),
        (nn.Sequential(nn.Conv2d(3, 4, 3)), "3x8", "4 axes"),
        (nn.Sequential(nn.Flatten(), nn.Linear(7, 2)), "1x2x3", "7 features"),
        (nn.Linear(2, 2), "1x2", "Sequential only"),
    ],
)
def test_an_input_that_cannot_be_worked_through_is_refused(model, shape, said, tmp_path: Path) -> None:
    torch.save(model, tmp_path / "m.pt")
    with pytest.raises(RequestError, match=said):
        table_of(open_catalog(tmp_path / "m.pt"), "m.pt", [parse_input(shape)])


def test_what_is_read_of_the_input_of_a_sequential_within_other_code(tmp_path: Path) -> None:
    inner = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(1, 1, 3))
    torch.save(Holder(inner), tmp_path / "own.pt")
    torch.save(inner, tmp_path / "inner.pt")
    whole = {module.path: module.receptive_field for module in open_catalog(tmp_path / "inner.pt").modules}
    for module in open_catalog(tmp_path / "own.pt").modules:
        assert module.receptive_field is None
        expected = whole.get(module.path.removeprefix("inner."))
        if module.path == "head":
            assert module.local_field is not None
            assert (module.local_field.since, module.local_field.size) == ("head", [5, 5])
        elif expected is not None:
            found = module.local_field
            assert found is not None
            assert (found.since, found.size, found.stride, found.start) == (
                "inner", expected.size, expected.stride, expected.start,
            )  # fmt: skip
