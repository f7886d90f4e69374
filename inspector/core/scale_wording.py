"""What an initialisation does to the scale of the signal, in words."""

from inspector.core.results import InitTarget, LayerScale
from inspector.core.wording import number

COLUMNS = ("forward", "backward", "output", "gradient")


def scale_words(target: InitTarget) -> dict[str, str]:
    """By column: ``×1.41 predicted, ×0.58 | ×1.40 measured``; columns that say nothing are left out."""
    before, after = target.scale_before or LayerScale(), target.scale_after or LayerScale()
    words = {
        "forward": _factor(target.forward, before.forward, after.forward),
        "backward": _factor(target.backward, before.backward, after.backward),
        "output": _change(before.output_std, after.output_std),
        "gradient": _change(before.gradient_std, after.gradient_std),
    }
    if target.behind is not None:
        words["forward"] += f"; ×{number(target.behind)} with what follows"
    return {column: text for column, text in words.items() if text}


def _factor(predicted: float | None, before: float | None, after: float | None) -> str:
    if predicted is None:
        return ""
    measured = "" if after is None else f", ×{number(before)} | ×{number(after)} measured"
    return f"×{number(predicted)} predicted{measured}"


def _change(before: float | None, after: float | None) -> str:
    return "" if after is None else f"std {number(before)} | {number(after)}"
