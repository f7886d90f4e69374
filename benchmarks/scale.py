"""Whether the time for a module stays the same as models grow: chains of 1,000 to 50,000 modules.

    python benchmarks/scale.py [--repeats 3]

Each size is opened and traced on meta in the same process, in turn; what counts is the least time for all of it (rows,
shapes, receptive fields, operations) divided by the number of modules. The goal: the largest of these at most 1.3 times
the smallest. The exit status is 1 where it is missed.
"""

import argparse
import gc
import sys
import time

import torch
from torch import nn

from inspector.core.recipe import InputSpec, Recipe
from inspector.engine.pytorch.model import TorchModel
from inspector.engine.pytorch.opening import Opened

SIZES = (1_000, 5_000, 20_000, 50_000)
GOAL = 1.3


def main() -> int:
    parser = argparse.ArgumentParser(description="Time for each module of models of 1,000 to 50,000 modules.")
    parser.add_argument("--repeats", type=int, default=3, help="rounds, of which the best counts")
    repeats = parser.parse_args().repeats
    models = {size: chain(size) for size in SIZES}
    trace(models[SIZES[0]])
    gc.collect()
    gc.freeze()
    best = dict.fromkeys(SIZES, float("inf"))
    for _ in range(repeats):
        for size, model in models.items():
            began = time.perf_counter()
            rows = trace(model)
            best[size] = min(best[size], (time.perf_counter() - began) / rows)
    for size, each in best.items():
        print(f"{size:>7} modules: {each * 1e6:6.1f} µs a module")
    ratio = max(best.values()) / min(best.values())
    print(f"largest / smallest: {ratio:.2f}; goal {GOAL}: {'reached' if ratio <= GOAL else 'MISSED'}")
    return int(ratio > GOAL)


def chain(modules: int) -> nn.Module:
    """Blocks of a convolution, a normalisation and an activation, ten to a stage."""
    with torch.device("meta"):
        stages = []
        for _ in range(modules // 41):
            blocks = [nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU()) for _ in range(10)]
            stages.append(nn.Sequential(*blocks))
        return nn.Sequential(*stages).eval()


def trace(model: nn.Module) -> int:
    """Open and trace; the number of modules."""
    opened = TorchModel(Recipe(target="chain"), Opened(model=model, name="chain", build=lambda seed: model))
    table = opened.trace([InputSpec(shape=[1, 4, 32, 32])], lambda done, total, what: None)
    assert table.failure is None, table.failure
    return table.totals.modules


if __name__ == "__main__":
    sys.exit(main())
