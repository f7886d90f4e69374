"""Asks where to export the model to, and how."""

from __future__ import annotations

import os
from collections.abc import Iterable

from textual.widget import Widget
from textual.widgets import Static

from inspector.core.errors import RequestError
from inspector.core.export import DynamicAxis, ExportSettings, parse_dynamic
from inspector.core.recipe import InputSpec
from inspector.core.wording import shape
from inspector.tui.dialog import Dialog, Tick, entry, labelled
from inspector.tui.save_dialog import weights_beside

LARGEST_OPSET = 99


class ExportDialog(Dialog[ExportSettings]):
    """Path, open axes of each input, opset, precision, and whether to compare the file with the model."""

    title_text = "Export to ONNX"
    button = "Export"

    def __init__(
        self, path: str, inputs: list[InputSpec], names: list[str], seed: int, last: ExportSettings | None
    ) -> None:
        """`names` are those of the model's inputs; `last` is what was asked for before."""
        super().__init__()
        self._names = names
        self._path = last.path if last else path
        self._inputs = inputs
        self._seed = seed
        self._last = last or ExportSettings(path=path, verify=True)
        self._asked_about: str | None = None

    def fields(self) -> Iterable[Widget]:
        """A line for each."""
        yield entry("path", self._path, "file")
        for number, (name, one) in enumerate(self._named()):
            before = [f"{axis.axis}={axis.name}" for axis in self._last.dynamic if axis.input == name]
            sizes = shape(one.shape) if one.shape is not None else "a file"
            yield entry(f"axes-{number}", ", ".join(before), "open axes", f"of {name} {sizes}: 0=batch, say")
        opset = "" if self._last.opset is None else str(self._last.opset)
        yield entry("opset", opset, "opset", "empty: the exporter's choice")
        yield labelled("precision", Tick("half: weights and inputs in float16", self._last.half, id="half"))
        yield labelled("merge", Tick("normalisations into the convolutions before them", self._last.fuse, id="fuse"))
        yield weights_beside(self._last.external_data)
        yield labelled("verify", Tick("compare the file with the model, row by row", self._last.verify, id="verify"))
        yield Static("sizes of axes that are not open are fixed in the file", classes="hint", markup=False)

    def result(self) -> ExportSettings:
        """What was filled in; raises RequestError to ask about a file that exists."""
        path = self.text("path").strip()
        if not path.endswith(".onnx"):
            raise RequestError("the file has to end in .onnx; write such a name")
        axes = [
            axis for number, (name, _) in enumerate(self._named()) for axis in _axes(name, self.text(f"axes-{number}"))
        ]
        opset = self.whole_number("opset", "the opset", 7, LARGEST_OPSET) if self.text("opset").strip() else None
        # The worker may run on another machine, whose files only it can see; it refuses by itself.
        if os.path.exists(os.path.expanduser(path)) and self._asked_about != path:
            self._asked_about = path
            raise RequestError(f"{path} exists. Press Export again to overwrite it, or write another name")
        ticked = {tick.id: tick.value for tick in self.query(Tick)}
        return ExportSettings(
            path=path,
            inputs=self._inputs,
            dynamic=axes,
            opset=opset,
            half=ticked["half"],
            fuse=ticked["fuse"],
            external_data=ticked["external-data"],
            verify=ticked["verify"],
            overwrite=self._asked_about == path,
            seed=self._seed,
        )

    def _named(self) -> list[tuple[str, InputSpec]]:
        """The tensors by name; one without a name by its number."""
        tensors = [one for one in self._inputs if one.value is None]
        names = self._names if len(self._names) == len(tensors) else [""] * len(tensors)
        return [(one.name or name or str(at), one) for at, (one, name) in enumerate(zip(tensors, names, strict=True))]


def _axes(name: str, text: str) -> list[DynamicAxis]:
    """Read ``0=batch, 2``: axes of one input. Raises RequestError where one does not read."""
    return [parse_dynamic(f"{name}:{part.strip()}") for part in text.split(",") if part.strip()]
