"""Makes the weights of the models in this folder: ``python sample_models/make_weights.py [FOLDER]``.

Every file is made from its model, built anew under a fixed seed, so that running this again makes the same weights. The
files differ on purpose in what people meet in the wild: most are a bare state_dict saved by `torch.save`, one is a
safetensors file, one a checkpoint with the state_dict inside, two were saved from under DataParallel, one is ONNX.
"""

import importlib
import os
import sys
from pathlib import Path

# DataParallel moves what it wraps to a GPU where there is one; these weights belong on the CPU.
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import safetensors.torch
import torch
from torch import nn

HERE = Path(__file__).resolve().parent

BARE_STATE_DICTS = {
    "mlp": "MLP",
    "lenet": "LeNet",
    "nested_mlp": "Classifier",
    "blocks_in_blocks": "net",
    "module_list": "Stack",
    "centring": "net",
    "handwritten_linear": "net",
    "bilinear_reduction": "BilinearReduction",
    "shared_layer": "SharedLayer",
    "random_depth": "RandomDepth",
    "registered_twice": "RegisteredTwice",
    "parallel_whole": "net",
    "parallel_part": "PartlyParallel",
    "lazy_layers": "LazyNet",
    "autoencoder": "AutoEncoder",
    "super_resolution": "SuperResolution",
    "lstm": "SentimentLSTM",
}
"""File and the class or instance in it, saved as ``<file>.params``."""

FIRST_INPUT = {
    "lazy_layers": (4, 3, 32, 32),
    "registered_twice": (4, 3, 16, 16),
    "parallel_whole": (4, 3, 16, 16),
    "parallel_part": (4, 3, 16, 16),
}
"""Models that see an input first: lazy layers to get their shapes, BatchNorm to get statistics worth showing."""


def main(folder: Path) -> None:
    """Write every file of weights into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for stem, name in BARE_STATE_DICTS.items():
        torch.save(state_of(build(stem, name), stem), folder / f"{stem}.params")
    group_norm = safetensors.torch.save(build("group_norm", "GroupNormNet").state_dict())
    (folder / "group_norm.safetensors").write_bytes(group_norm)
    torch.save(fitted_line(), folder / "regression_line.ckpt")
    lenet_as_onnx(build("lenet", "LeNet").state_dict(), folder / "lenet.onnx")


def build(stem: str, name: str) -> nn.Module:
    """The model `name` of the file `stem`, with the weights that seed 0 gives it."""
    if str(HERE) not in sys.path:
        sys.path.insert(0, str(HERE))
    torch.manual_seed(0)
    sys.modules.pop(stem, None)
    sys.modules.pop("registered_twice", None)
    model = getattr(importlib.import_module(stem), name)
    return model if isinstance(model, nn.Module) else model()


def state_of(model: nn.Module, stem: str) -> dict[str, torch.Tensor]:
    """The state_dict, after a first input where the model needs one."""
    if stem in FIRST_INPUT:
        model(torch.randn(FIRST_INPUT[stem]))
    return model.state_dict()


def fitted_line() -> dict[str, object]:
    """The checkpoint of a training run that fits ``y = 2x + 1`` to 100 noisy points by gradient descent."""
    model = build("regression_line", "Line")
    x = torch.linspace(-1, 1, 100).unsqueeze(1)
    y = 2 * x + 1 + 0.1 * torch.randn(x.shape)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.5)
    epochs = 100
    loss = torch.tensor(0.0)
    for _ in range(epochs):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
    return {
        "epoch": epochs,
        "loss": loss.item(),
        "state_dict": model.state_dict(),
        "optimizer": optimizer.state_dict(),
    }


def lenet_as_onnx(state: dict[str, torch.Tensor], path: Path) -> None:
    """Write LeNet as an ONNX graph with these weights, its nodes named as torch's exporter names them."""
    from onnx import TensorProto, checker, helper, numpy_helper, save

    def node(kind: str, name: str, inputs: list[str], **attributes: object) -> str:
        output = f"{name}_output_0" if name != "/fc3/Gemm" else "scores"
        nodes.append(helper.make_node(kind, inputs, [output], name=name, **attributes))
        return output

    def convolution(x: str, layer: str, number: str) -> str:
        x = node("Conv", f"/{layer}/Conv", [x, f"{layer}.weight", f"{layer}.bias"], kernel_shape=[5, 5])
        x = node("Relu", f"/Relu{number}", [x])
        return node("MaxPool", f"/MaxPool{number}", [x], kernel_shape=[2, 2], strides=[2, 2])

    def linear(x: str, layer: str) -> str:
        return node("Gemm", f"/{layer}/Gemm", [x, f"{layer}.weight", f"{layer}.bias"], transB=1)

    nodes: list[object] = []
    x = convolution("image", "conv1", "")
    x = convolution(x, "conv2", "_1")
    x = node("Reshape", "/Reshape", [x, "flat"])
    x = node("Relu", "/Relu_2", [linear(x, "fc1")])
    x = node("Relu", "/Relu_3", [linear(x, "fc2")])
    linear(x, "fc3")

    weights = [numpy_helper.from_array(tensor.numpy(), name=key) for key, tensor in state.items()]
    weights.append(helper.make_tensor("flat", TensorProto.INT64, [2], [-1, 16 * 5 * 5]))
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 3, 32, 32])
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch", 10])
    graph = helper.make_graph(nodes, "LeNet", [image], [scores], initializer=weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], producer_name="sample_models")
    # The newest IR version that onnx can write is one that an older onnxruntime refuses to read.
    model.ir_version = 8
    checker.check_model(model, full_check=True)
    save(model, path)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
