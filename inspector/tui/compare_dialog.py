"""Asks with which file or model to compare."""

from collections.abc import Iterable

from textual.widget import Widget
from textual.widgets import Static

from inspector.core.errors import RequestError
from inspector.core.recipe import Recipe, parse_arguments, parse_target
from inspector.tui.dialog import Dialog, entry


class CompareDialog(Dialog[Recipe]):
    """A target as on the command line, and constructor arguments where it is a model that needs some."""

    title_text = "Compare with"
    button = "Compare"

    def __init__(self, target: str, open_now: Recipe) -> None:
        """`target` is what is written there at first."""
        super().__init__()
        self._target = target
        self._open_now = open_now

    def fields(self) -> Iterable[Widget]:
        """The target and its arguments."""
        yield entry("target", self._target, "file or model")
        yield entry("arguments", "", "arguments", "of a model's constructor")
        hint = "weights.pt, model.safetensors, a folder of shards, model.onnx, model.py or package.module:Model"
        yield Static(hint, classes="hint", markup=False)

    def result(self) -> Recipe:
        """What to open; raises RequestError where it cannot be compared."""
        target = self.text("target").strip()
        if not target:
            raise RequestError("nothing is named; write a file of tensors or a model")
        kind = parse_target(target).kind
        arguments = self.text("arguments").strip()
        parse_arguments(arguments)
        if arguments and kind in ("weights", "onnx"):
            raise RequestError(f"{target} is a file, which takes no constructor arguments; leave them out")
        return Recipe(target=target, arguments=arguments, allow_outside=self._open_now.allow_outside)
