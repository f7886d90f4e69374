"""Is a clone the same function: the outputs of a model and of its clone, side by side."""

from typing import Any

import torch

from inspector.core.results import CloneReport
from inspector.engine.pytorch.nested import named_tensors
from inspector.engine.pytorch.running import previews


def compared(original: Any, copied: Any) -> CloneReport:
    """Whether two outputs of any structure are equal to the bit, NaN where NaN, and by how much they differ."""
    pairs = list(zip(named_tensors(original, "Y"), named_tensors(copied, "Y_clone"), strict=False))
    same_structure = len(named_tensors(original, "Y")) == len(named_tensors(copied, "Y_clone"))
    equal = same_structure and all(
        a.shape == b.shape and bool(torch.isclose(a, b, rtol=0, atol=0, equal_nan=True).all())
        for (_, a), (_, b) in pairs
    )
    differences = [
        float((a.double() - b.double()).abs().max()) if a.numel() else 0.0
        for (_, a), (_, b) in pairs
        if a.shape == b.shape and not a.is_complex()
    ]
    explanation = (
        "a clone built anew, with this model's state_dict loaded, gives the same output to the bit"
        if equal
        else "the clone's output differs: part of what the model computes with is not in its state_dict"
    )
    return CloneReport(
        equal=equal, max_abs=max(differences, default=None), outputs=previews(original), explanation=explanation
    )
