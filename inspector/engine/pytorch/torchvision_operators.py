"""Lets torchvision be imported beside a torch its compiled operators were not built for.

On a CPU-only torch the torchvision wheel's extension does not load, and its Python code then fails at import with
``operator torchvision::nms does not exist`` because it registers fake implementations for operators that nobody has
defined. Declaring the two operators first is enough; calling one then fails with torch's own message.
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
UNAVAILABLE = "nms, roi_align, roi_pool, ps_roi_align, ps_roi_pool, deform_conv2d"
"""The operations that torchvision then lacks."""


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
        return None


def install() -> TorchvisionFinder:
    """Put the finder first in ``sys.meta_path`` once, and return it."""
    for finder in sys.meta_path:
        if isinstance(finder, TorchvisionFinder):
            return finder
    finder = TorchvisionFinder()
    sys.meta_path.insert(0, finder)
    return finder


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
