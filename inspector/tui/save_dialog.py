"""Asks where to write the state_dict; an existing file only after it was asked about."""

from collections.abc import Iterable
from pathlib import Path

from textual.widget import Widget
from textual.widgets import Static

from inspector.core.errors import RequestError
from inspector.core.recipe import Recipe, parse_target
from inspector.tui.dialog import Dialog, Tick, entry, labelled
from inspector.tui.overwriting import Overwriting
from inspector.worker.protocol import Save


class SaveDialog(Dialog[Save]):
    """A path, and where an ONNX model's weights go; a second press is the answer to "overwrite?"."""

    title_text = "Save the state_dict"
    button = "Save"

    def __init__(self, path: str) -> None:
        super().__init__()
        self._is_onnx = path.endswith(".onnx")
        if self._is_onnx:
            self.title_text = "Save the model"
        self._path = path
        self._overwriting = Overwriting(self.button)

    def fields(self) -> Iterable[Widget]:
        """The path."""
        yield entry("path", self._path, "file")
        formats = ".safetensors, or torch.save's .pt, .pth, .params, .bin, .ckpt"
        hint = "an ONNX model is saved whole, with the changes" if self._is_onnx else formats
        if self._is_onnx:
            yield weights_beside(False)
        yield Static(hint, classes="hint", markup=False)

    def result(self) -> Save:
        """The request; raises RequestError to ask about a file that exists."""
        path = self.text("path").strip()
        if not path:
            raise RequestError("the file has no name; write one that ends in .pt or .safetensors")
        beside = self._is_onnx and self.query_one("#external-data", Tick).value
        return Save(path=path, overwrite=self._overwriting.allowed(path), external_data=beside)


def weights_beside(value: bool) -> Widget:
    """Whether an ONNX model's weights go beside it whatever their size."""
    return labelled("weights", Tick("always in a .data file beside it; else where needed", value, id="external-data"))


def suggested_path(recipe: Recipe) -> str:
    """A name beside the model that says what it is and does not overwrite its weights."""
    weights = Path(recipe.weights) if recipe.weights else None
    if weights is not None:
        return str(weights.with_name(f"{weights.stem}-changed{weights.suffix}"))
    target = parse_target(recipe.target)
    if target.kind == "onnx":
        return str(Path(target.location).with_name(f"{Path(target.location).stem}-changed.onnx"))
    return f"{target.short_name}.pt"
