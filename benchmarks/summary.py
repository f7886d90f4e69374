"""How long shapes, receptive fields and operations take, against a bare pass on meta and other tools that tell shapes.

    pip install torchinfo torchscan torchlens      # those that are there are measured
    python benchmarks/summary.py [--repeats 9]

All in one process, in turn, so that a slow moment of the machine falls on all alike; warm medians. A bare pass is
``model(x)`` with the parameters and the input on meta. torchlens refuses meta, so it runs for real, once.

* nninspect: all of a model that was just opened: structure, tensors, calls, shapes, receptive fields, operations and
  formulas;
* nninspect again: the same on an opened model, as after another input was chosen: its structure is known.

The goals hold for each model: "nninspect again" at most 0.5 of a bare pass, "nninspect" below every other tool. The
exit status is 1 where one is missed.
"""

import argparse
import gc
import importlib.util
import statistics
import sys
import time
from collections.abc import Callable

import torch
from torch import nn

from inspector.core.recipe import InputSpec, Recipe
from inspector.engine.opening import open_live
from inspector.engine.pytorch.model import TorchModel
from inspector.engine.pytorch.opening import Opened

GOAL = 0.5
AGAIN = "nninspect again"


class Decoder(nn.Module):
    """A language model of 48 layers, the size of the larger GPT-2."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(50257, 1600)
        layer = nn.TransformerEncoderLayer(1600, 25, 6400, activation="gelu", batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, 48, enable_nested_tensor=False)
        self.head = nn.Linear(1600, 50257, bias=False)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.head(self.layers(self.embedding(tokens)))  # type: ignore[no-any-return]  # modules return anything


def main() -> int:
    parser = argparse.ArgumentParser(description="Time to all shapes, against a bare pass on meta and other tools.")
    parser.add_argument("--repeats", type=int, default=9, help="rounds that count; one more warms the caches")
    repeats = parser.parse_args().repeats
    open_live(Recipe(target="torchvision.models:alexnet"))  # imports torchvision, also where operators are missing
    from torchvision import models

    image = InputSpec(shape=[1, 3, 224, 224])
    tokens = InputSpec(shape=[1, 128], dtype="int64", distribution="range", low=0, high=50257)
    made: list[tuple[str, Callable[[], nn.Module], InputSpec]] = [
        ("resnet152", lambda: models.resnet152(weights=None), image),
        ("transformer of 48 layers", Decoder, tokens),
        ("densenet201", lambda: models.densenet201(weights=None), image),
    ]
    missed = [compare(name, make, spec, repeats) for name, make, spec in made]
    return int(any(missed))


def compare(name: str, make: Callable[[], nn.Module], spec: InputSpec, repeats: int) -> bool:
    """Measure one model and print what came out; whether a goal was missed."""
    with torch.device("meta"):
        model = make().eval()
    ways = ways_on_meta(model, spec)
    gc.collect()
    gc.freeze()
    rounds = [{way: seconds(run) for way, run in ways.items()} for _ in range(repeats + 1)][1:]
    medians = {way: statistics.median(one[way] for one in rounds) for way in ways}
    if name == "resnet152":
        medians |= for_real(make, spec)
    print(f"{name}: {len(list(model.modules()))} modules")
    for way, median in medians.items():
        print(f"  {way:>15}: {median * 1e3:7.1f} ms, {median / medians['bare']:5.2f} of a bare pass")
    slower = [way for way, median in medians.items() if way not in ("bare", AGAIN) and median < medians["nninspect"]]
    missed = medians[AGAIN] > GOAL * medians["bare"] or bool(slower)
    print(f"  goals: {'MISSED' if missed else 'reached'}{', faster: ' + ', '.join(slower) if slower else ''}")
    return missed


def ways_on_meta(model: nn.Module, spec: InputSpec) -> dict[str, Callable[[], object]]:
    """What is measured in every round."""
    x = torch.empty(spec.shape, dtype=getattr(torch, spec.dtype), device="meta")
    opened = open_here(model)

    def bare() -> object:
        with torch.no_grad():
            return model(x)

    ways: dict[str, Callable[[], object]] = {
        "bare": bare,
        "nninspect": lambda: trace(open_here(model), spec),
        AGAIN: lambda: trace(opened, spec),
    }
    if importlib.util.find_spec("torchinfo"):
        import torchinfo

        ways["torchinfo"] = lambda: torchinfo.summary(model, input_data=[x], device="meta", verbose=0, depth=99)
    if importlib.util.find_spec("torchscan"):
        import torchscan

        ways["torchscan"] = lambda: torchscan.crawl_module(model, args=(x,))
    return ways


def for_real(make: Callable[[], nn.Module], spec: InputSpec) -> dict[str, float]:
    """The tool that refuses meta, on real values, timed once after a pass that warms it."""
    if not importlib.util.find_spec("torchlens"):
        return {}
    import torchlens

    model, x = make().eval(), torch.randn(spec.shape or [])
    torchlens.trace(nn.ReLU(), torch.randn(2, 3))
    return {"torchlens": seconds(lambda: torchlens.trace(model, x))}


def open_here(model: nn.Module) -> TorchModel:
    return TorchModel(Recipe(target="benchmark"), Opened(model=model, name="benchmark", build=lambda seed: model))


def trace(opened: TorchModel, spec: InputSpec) -> object:
    return opened.trace([spec], lambda done, total, what: None)


def seconds(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main())
