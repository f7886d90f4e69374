"""Pictures of a live model's tensors: the same of PyTorch, of ONNX and of the file that holds the weights."""

import msgspec
import numpy as np
import pytest
import torch

from inspector.core.errors import RequestError
from inspector.core.recipe import Recipe
from inspector.core.value_pictures import PictureSettings, ValuePicture
from inspector.engine.opening import open_live
from inspector.engine.values import read_picture
from inspector.files import open_catalog
from inspector.files.values.report import values_picture, values_report
from inspector.worker.framing import encode

PICTURES = [
    PictureSettings(key="conv2.weight", kind="kernels", first=(3, 1), planes=(9, 4)),
    PictureSettings(key="conv2.weight", index="[:, :, 2, 2]", block=(3, 2)),
    PictureSettings(key="fc1.weight", block=(7, 30)),
    PictureSettings(key="fc1.bias", block=(1, 11)),
]


@pytest.fixture(scope="module")
def lenets(tmp_path_factory):
    """LeNet as a PyTorch model with its weights, as an ONNX graph of the same weights, and the weights alone."""
    from conftest import SAMPLE_MODELS

    weights = str(SAMPLE_MODELS / "lenet.params")
    torch_model = open_live(Recipe(target=str(SAMPLE_MODELS / "lenet.py"), weights=weights))
    onnx_model = open_live(Recipe(target=str(SAMPLE_MODELS / "lenet.onnx")))
    return torch_model, onnx_model, open_catalog(weights)


@pytest.mark.parametrize("wanted", PICTURES, ids=lambda wanted: f"{wanted.key} {wanted.kind} {wanted.index}")
def test_files_pytorch_and_onnx_give_the_same_pictures(lenets, wanted):
    torch_model, onnx_model, catalog = lenets
    expected = values_picture(catalog, wanted)
    assert any(value for row in expected.cells for plane in row for line in plane for value in line)
    assert torch_model.picture(wanted) == expected
    assert onnx_model.picture(wanted) == expected


def test_files_pytorch_and_onnx_give_the_same_histogram_norms_and_largest_elements(lenets):
    torch_model, onnx_model, catalog = lenets
    expected = values_report(catalog, "conv1.weight", "[1:, :, 2]", 8)
    assert expected.statistics.histogram is not None
    assert expected.norms is not None
    assert len(expected.largest) == 8
    for model in (torch_model, onnx_model):
        found = model.values("conv1.weight", "[1:, :, 2]", 8)
        assert found.largest == expected.largest
        assert found.statistics.histogram == expected.statistics.histogram
        for name in ("one", "two", "infinity"):
            assert getattr(found.norms, name) == pytest.approx(getattr(expected.norms, name), rel=1e-12)


def test_a_picture_arrives_as_it_was_sent():
    tensor = torch.randn(3, 2, 3, 3, generator=torch.Generator().manual_seed(0))
    tensor[1, 0, 1, 1] = torch.nan
    drawn = read_picture(tensor, PictureSettings(key="t", kind="kernels", planes=(3, 2)))
    assert drawn.cells[1][0][1][1] is None
    assert msgspec.msgpack.decode(encode(drawn), type=ValuePicture) == drawn


@pytest.mark.parametrize(
    "name",
    [
        "float64", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz",
        "float8_e8m0fnu", "complex64", "complex32", "bool", "int8", "int64", "uint8", "uint16", "uint32", "uint64",
    ],
)  # fmt: skip
def test_every_dtype_of_torch(name):
    dtype = getattr(torch, name)
    values = torch.linspace(1, 100, 24).reshape(4, 6)
    tensor = (torch.complex(values, values).to(dtype) if dtype.is_complex else values.to(dtype)).t()
    wide = tensor.to(torch.complex64).abs() if dtype.is_complex else tensor.to(torch.float64)
    drawn = np.array(read_picture(tensor, PictureSettings(key="t")).cells)
    np.testing.assert_allclose(drawn, wide[None, None].numpy(), rtol=1e-6 if dtype.is_complex else 0)


@pytest.mark.parametrize(
    "tensor",
    [torch.eye(3).to_sparse(), torch.quantize_per_tensor(torch.eye(3), 0.5, 0, torch.qint8)],
    ids=["sparse", "quantised"],
)
def test_sparse_and_quantised_tensors_are_drawn_as_their_numbers(tensor):
    assert read_picture(tensor, PictureSettings(key="t")).cells == [[torch.eye(3).tolist()]]


@pytest.mark.parametrize(
    ("tensor", "words"),
    [
        (torch.empty(3, 3, device="meta"), "meta device"),
        (torch.nn.LazyLinear(3).weight, "run one first"),
        (torch.tensor(3.0), "single element"),
        (torch.empty(4, 4, dtype=torch.uint8).view(torch.uint4), "no single values"),
    ],
    ids=["meta", "lazy", "scalar", "packed"],
)
def test_tensors_without_values_to_draw_are_refused(tensor, words):
    with pytest.raises(RequestError, match=words):
        read_picture(tensor, PictureSettings(key="t"))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float8_e4m3fn, torch.int64, torch.bool])
def test_of_a_tensor_on_a_gpu_only_what_is_shown_is_fetched(dtype):
    tensor = torch.randn(64, 32, 7, 7).to(dtype)
    for wanted in (
        PictureSettings(key="t", kind="kernels", planes=(9, 9)),
        PictureSettings(key="t", index=":, :, 3, 3", block=(5, 5)),
    ):
        assert read_picture(tensor.cuda(), wanted) == read_picture(tensor, wanted)
