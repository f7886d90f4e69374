"""Real keys and shapes: of torchvision's models, of the sample models, and of small networks with what those lack."""

import importlib.util
import sys
from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from inspector.engine.pytorch import torchvision_operators
from inspector.files.matching import Entry

SAMPLES = Path(__file__).resolve().parents[3] / "sample_models"

TORCHVISION = (
    "alexnet", "convnext_tiny", "densenet121", "efficientnet_b0", "efficientnet_v2_s", "googlenet", "inception_v3",
    "maxvit_t", "mnasnet1_0", "mobilenet_v2", "mobilenet_v3_large", "regnet_y_400mf", "resnet18", "resnet50",
    "resnext50_32x4d", "shufflenet_v2_x1_0", "squeezenet1_0", "swin_t", "vgg16", "vgg11_bn", "vit_b_16",
    "wide_resnet50_2",
)  # fmt: skip

SAMPLE_MODELS = (
    "autoencoder", "blocks_in_blocks", "group_norm", "handwritten_linear", "lenet", "lstm", "mlp", "module_list",
    "nested_mlp", "parallel_part", "parallel_whole", "random_depth", "registered_twice", "shared_layer",
    "super_resolution",
)  # fmt: skip


class BertLike(nn.Module):
    """Query, key and value apart, named as in transformers; the decoder tied to the embedding."""

    def __init__(self, blocks: int = 12, width: int = 768, words: int = 30522) -> None:
        super().__init__()
        self.embeddings = nn.Module()
        self.embeddings.word_embeddings = nn.Embedding(words, width)
        self.embeddings.position_embeddings = nn.Embedding(512, width)
        self.embeddings.LayerNorm = nn.LayerNorm(width)
        self.embeddings.register_buffer("position_ids", torch.arange(512)[None])
        self.encoder = nn.Module()
        self.encoder.layer = nn.ModuleList(self._block(width) for _ in range(blocks))
        self.decoder = nn.Linear(width, words)
        self.decoder.weight = self.embeddings.word_embeddings.weight

    def _block(self, width: int) -> nn.Module:
        block = nn.Module()
        block.attention = nn.ModuleDict(
            {
                "self": nn.ModuleDict({name: nn.Linear(width, width) for name in ("query", "key", "value")}),
                "output": nn.ModuleDict({"dense": nn.Linear(width, width), "LayerNorm": nn.LayerNorm(width)}),
            }
        )
        block.intermediate = nn.ModuleDict({"dense": nn.Linear(width, 4 * width)})
        block.output = nn.ModuleDict({"dense": nn.Linear(4 * width, width), "LayerNorm": nn.LayerNorm(width)})
        return block


class Generator(nn.Module):
    """Weight norm around transposed convolutions, spectral norm in the critic."""

    def __init__(self, new: bool) -> None:
        super().__init__()
        weight_norm = nn.utils.parametrizations.weight_norm if new else nn.utils.weight_norm
        spectral_norm = nn.utils.parametrizations.spectral_norm if new else nn.utils.spectral_norm
        widths = (80, 64, 32, 16)
        self.first = weight_norm(nn.Conv1d(80, 80, 7))
        self.ups = nn.ModuleList(weight_norm(nn.ConvTranspose1d(a, b, 4)) for a, b in pairwise(widths))
        self.critic = nn.Sequential(
            spectral_norm(nn.Conv1d(16, 32, 5)), nn.ReLU(), spectral_norm(nn.Linear(32, 8)), nn.ReLU(), nn.Linear(8, 1)
        )


def _old_generator() -> nn.Module:
    return Generator(new=False)


def _new_generator() -> nn.Module:
    return Generator(new=True)


OWN: dict[str, Callable[[], nn.Module]] = {
    "bert_like": BertLike,
    "small_bert": lambda: BertLike(3, 32, 100),
    "transformer": lambda: nn.Transformer(64, 4, 3, 3, 128),
    "old_generator": _old_generator,
    "new_generator": _new_generator,
}
COMPUTE_THEIR_SIZES = ("regnet_y_400mf", "maxvit_t")
NAMES = (*TORCHVISION, *SAMPLE_MODELS, *OWN)


@cache
def known(name: str) -> tuple[Entry, ...]:
    """The entries of a model by name, on the meta device where it is big."""
    with torch.device("cpu" if name not in TORCHVISION or name in COMPUTE_THEIR_SIZES else "meta"):
        return entries(made(name))


def made(name: str) -> nn.Module:
    """A model by name, on the current device."""
    if name in OWN:
        return OWN[name]()
    if (SAMPLES / f"{name}.py").exists():
        return _sample(name)
    torchvision_operators.use_python_operators()
    from torchvision import models

    options = {"aux_logits": False, "init_weights": False} if name in ("googlenet", "inception_v3") else {}
    return models.get_model(name, weights=None, **options)


def entries(model: nn.Module) -> tuple[Entry, ...]:
    """What `diagnose` is told of a model: its state_dict, without values."""
    parameters = {name for name, _ in model.named_parameters(remove_duplicate=False)}
    modules = dict(model.named_modules(remove_duplicate=False))
    found = []
    for key, value in model.state_dict(keep_vars=True).items():
        if not isinstance(value, Tensor):
            continue
        holder = modules.get(key.rpartition(".")[0])
        found.append(
            Entry(
                key=key,
                shape=None if is_lazy(value) else tuple(value.shape),
                dtype=str(value.dtype).removeprefix("torch."),
                identity=str(id(value)),
                trainable=value.requires_grad,
                kind="parameter" if key in parameters else "buffer",
                module_type=type(holder).__name__ if holder else "",
            )
        )
    return tuple(found)


def of_file(model: Sequence[Entry]) -> list[Entry]:
    """The same tensors as a file declares them: nothing about modules."""
    return [Entry(key=e.key, shape=e.shape, dtype=e.dtype, identity=e.identity) for e in model]


def _sample(name: str) -> nn.Module:
    spec = importlib.util.spec_from_file_location(f"sample_{name}", SAMPLES / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    sys.path.insert(0, str(SAMPLES))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(SAMPLES))
    for value in vars(module).values():
        if isinstance(value, nn.Module):
            return value
    classes = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, nn.Module) and value.__module__ == spec.name
    ]
    return classes[-1]()
