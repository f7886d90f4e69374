"""The sample models as data: what the docstring of each promises, and how to build it without the inspector."""

import importlib
import sys
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
import torch
from torch import nn

FOLDER = Path(__file__).resolve().parents[2] / "sample_models"


@dataclass(frozen=True)
class Sample:
    """What the docstring of a sample model promises."""

    name: str
    weights: str
    takes: tuple[int, ...]
    gives: tuple[int, ...]


SAMPLES = {
    "autoencoder": Sample("AutoEncoder", "autoencoder.params", (2, 1, 28, 28), (2, 1, 28, 28)),
    "bilinear_reduction": Sample("BilinearReduction", "bilinear_reduction.params", (2, 6), (2, 3)),
    "blocks_in_blocks": Sample("net", "blocks_in_blocks.params", (2, 4), (2, 1)),
    "centring": Sample("net", "centring.params", (2, 8), (2, 128)),
    "group_norm": Sample("GroupNormNet", "group_norm.safetensors", (2, 3, 20, 24), (2, 10)),
    "handwritten_linear": Sample("net", "handwritten_linear.params", (2, 64), (2, 1)),
    "lazy_layers": Sample("LazyNet", "lazy_layers.params", (2, 3, 32, 32), (2, 10)),
    "lenet": Sample("LeNet", "lenet.params", (2, 3, 32, 32), (2, 10)),
    "lstm": Sample("SentimentLSTM", "lstm.params", (2, 12), (2, 2)),
    "mlp": Sample("MLP", "mlp.params", (2, 20), (2, 10)),
    "module_list": Sample("Stack", "module_list.params", (2, 12), (2, 12)),
    "nested_mlp": Sample("Classifier", "nested_mlp.params", (2, 20), (2, 16)),
    "parallel_part": Sample("PartlyParallel", "parallel_part.params", (2, 3, 16, 16), (2, 10)),
    "parallel_whole": Sample("net", "parallel_whole.params", (2, 3, 16, 16), (2, 10)),
    "random_depth": Sample("RandomDepth", "random_depth.params", (2, 10), (2, 2)),
    "registered_twice": Sample("RegisteredTwice", "registered_twice.params", (2, 3, 16, 16), (2, 10)),
    "regression_line": Sample("Line", "regression_line.ckpt", (2, 1), (2, 1)),
    "shared_layer": Sample("SharedLayer", "shared_layer.params", (2, 4), (2, 1)),
    "super_resolution": Sample("SuperResolution", "super_resolution.params", (2, 3, 12, 14), (2, 3, 24, 28)),
}


def build(stem: str) -> nn.Module:
    """The model of a sample, new, in eval mode; its file is imported as a student would: from its own folder."""
    sys.path.insert(0, str(FOLDER))
    try:
        for name in SAMPLES:
            sys.modules.pop(name, None)
        found = getattr(importlib.import_module(stem), SAMPLES[stem].name)
    finally:
        sys.path.remove(str(FOLDER))
    return (found if isinstance(found, nn.Module) else found()).eval()


def state_in(path: Path) -> dict[str, torch.Tensor]:
    """The state_dict in a file of weights."""
    if path.suffix == ".safetensors":
        return safetensors.torch.load_file(path)
    content = torch.load(path, weights_only=True)
    return content.get("state_dict", content)


def loaded(stem: str) -> nn.Module:
    """The model of a sample with its weights."""
    model = build(stem)
    model.load_state_dict(state_in(FOLDER / SAMPLES[stem].weights), strict=True)
    return model


def values_for(stem: str) -> torch.Tensor:
    """An input of the shape that the docstring names."""
    takes = SAMPLES[stem].takes
    return torch.randint(0, 1000, takes) if stem == "lstm" else torch.randn(takes)
