"""The third panel: what each part of a state_dict key means, and the expression that reaches the tensor."""

from collections.abc import Sequence

from inspector.core.results import KeyExplanation
from inspector.tui.keys_here import keyed
from inspector.tui.page import CODE, MUTED, Page
from inspector.tui.view import View

KIND_STYLES = {"wrapper": "$text-warning", "parameter": "$text-success", "buffer": "$text-secondary"}


def names(explanations: Sequence[KeyExplanation], view: View) -> Page:
    """Each key with its parts below it; in the spelling of the view."""
    page = Page()
    if view.spelling != "here":
        what = (
            "as saved from DataParallel, with its module. in front" if view.spelling == "saved" else "without wrappers"
        )
        page.line((keyed(f"keys {what}; {{spelling}} changes it"), "$text-warning"))
        page.line()
    for number, one in enumerate(explanations):
        if number:
            page.line()
        page.line((view.spell(one.key), "bold"))
        page.line((one.expression, CODE))
        width = min(24, max((len(part.text) for part in one.parts), default=0))
        for part in one.parts:
            page.line(f"  {part.text:<{width}}  ", (part.kind, KIND_STYLES.get(part.kind, "")))
            if part.explanation:
                page.line(f"  {'':<{width}}  ", (part.explanation, MUTED), hang=width + 4)
    if len(explanations) < len(view.tensors) and not view.own_tensors:
        page.line()
        page.line((f"and {len(view.tensors) - len(explanations)} more below", MUTED))
    return page
