"""Lets torchvision be imported beside a torch its compiled operators were not built for.

On a CPU-only torch the torchvision wheel's extension does not load, and its Python code then fails at import with
``operator torchvision::nms does not exist`` because it registers fake implementations for operators that nobody has
defined. Declaring the two operators first is enough for that. `nms`, without which no detection model runs, is given
an implementation in Python; torchvision has one of its own of `roi_align`. Calling another one fails with torch's own
message.
"""

import importlib.machinery
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import torch

_DECLARATIONS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
UNAVAILABLE = "roi_pool, ps_roi_align, ps_roi_pool, deform_conv2d"
"""The operations that torchvision then lacks."""
IN_PYTHON = "nms, roi_align"
"""Those that run as Python instead."""


class TorchvisionFinder:
    """A finder in ``sys.meta_path`` that finds nothing, but prepares for torchvision just before it is imported."""

    def __init__(self) -> None:
        self.declared: torch.library.Library | None = None

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Declare the operators on the first import of torchvision; always None, so the next finder finds it."""
        if name == "torchvision" and self.declared is None and not _extension_loads():
            self.declared = torch.library.Library("torchvision", "FRAGMENT")
            for declaration in _DECLARATIONS:
                self.declared.define(declaration)
            for backend in ("CPU", "CUDA"):
                self.declared.impl("nms", nms, backend)
        return None


def install() -> TorchvisionFinder:
    """Put the finder first in ``sys.meta_path`` once, and return it."""
    for finder in sys.meta_path:
        if isinstance(finder, TorchvisionFinder):
            return finder
    finder = TorchvisionFinder()
    sys.meta_path.insert(0, finder)
    return finder


def use_python_operators() -> None:
    """Let torchvision call `nms` although it did not load its own; without effect where nothing was declared."""
    boxes = sys.modules.get("torchvision.ops.boxes")
    if install().declared is not None and hasattr(boxes, "_assert_has_ops"):
        # What it asks there is whether the library was loaded, not whether the operator exists.
        vars(boxes)["_assert_has_ops"] = lambda: None


def nms(dets: torch.Tensor, scores: torch.Tensor, iou_threshold: float) -> torch.Tensor:
    """Indices of the boxes (x1, y1, x2, y2) kept, by falling score: each overlaps no better one above the threshold.

    Overlap is the area of the intersection over that of the union, as in ``torchvision.ops.nms``.
    """
    areas = (dets[:, 2] - dets[:, 0]) * (dets[:, 3] - dets[:, 1])
    order = torch.sort(scores, descending=True, stable=True).indices
    kept: list[torch.Tensor] = []
    while order.numel():
        best, order = order[0], order[1:]
        kept.append(best)
        low = torch.maximum(dets[order, :2], dets[best, :2])
        high = torch.minimum(dets[order, 2:], dets[best, 2:])
        shared = (high - low).clamp(min=0).prod(dim=1)
        # In double, as the compiled one compares.
        order = order[~((shared / (areas[order] + areas[best] - shared)).double() > iou_threshold)]
    return torch.stack(kept) if kept else order


def _extension_loads() -> bool:
    """Whether torchvision's own extension loads; loading it here is what torchvision would do next."""
    finders = [finder for finder in sys.meta_path if not isinstance(finder, TorchvisionFinder)]
    specs = (finder.find_spec("torchvision", None, None) for finder in finders if hasattr(finder, "find_spec"))
    spec = next((spec for spec in specs if spec is not None), None)
    if spec is None or spec.origin is None:
        return True
    libraries = [
        library
        for suffix in [*importlib.machinery.EXTENSION_SUFFIXES, ".so", ".pyd"]
        for library in Path(spec.origin).parent.glob(f"_C{suffix}")
    ]
    if not libraries:
        return False
    try:
        torch.ops.load_library(str(libraries[0]))
    except (OSError, ImportError):
        return False
    return True
