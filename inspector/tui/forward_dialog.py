"""Asks how to run the model: inputs, batch size, distribution, seed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable

import msgspec
from textual.widget import Widget
from textual.widgets import Select

from inspector.core.device_budgets import PlanSettings, written
from inspector.core.forward_settings import ForwardSettings
from inspector.core.recipe import DISTRIBUTIONS, LARGEST_COUNT, LARGEST_SEED, InputSpec, parse_each, parse_inputs
from inspector.tui.dialog import Dialog, Tick, entry, labelled
from inspector.worker.protocol import Forward

AS_WRITTEN = "as written above"
EMPTY = "1x3x32x32; several are separated by ;"


class ForwardDialog(Dialog[Forward]):
    """The inputs of one real pass."""

    title_text = "Run the model on random input"
    button = "Run"

    def __init__(
        self,
        inputs: list[InputSpec],
        seed: int,
        backward: bool | None,
        can_be_optimised: bool = False,
        planned: PlanSettings | None = None,
    ) -> None:
        """`backward` is whether it is ticked at first; None where the model has no backward pass.

        `planned` is of the plan over devices by which it could run.
        """
        super().__init__()
        self._inputs = inputs
        self._batch = next((one.shape[0] for one in inputs if one.shape and not one.file), None)
        self._seed = seed
        self._backward = backward
        self._can_be_optimised = can_be_optimised
        self._planned = planned

    def fields(self) -> Iterable[Widget]:
        """A line for each input, and what holds for all of them."""
        for number, one in enumerate(self._inputs):
            yield entry(f"input-{number}", str(one), f"input {number + 1}" if len(self._inputs) > 1 else "input")
        if not self._inputs:
            yield entry("input-0", "", "input", EMPTY)
        if self._batch is not None:
            yield entry("batch", str(self._batch), "batch size", f"first axis of every {self._batch}x… input")
        choices = [(AS_WRITTEN, AS_WRITTEN), *((name, name) for name in DISTRIBUTIONS)]
        yield labelled(
            "distribution", Select(choices, value=AS_WRITTEN, allow_blank=False, id="distribution", compact=True)
        )
        yield entry("seed", str(self._seed), "seed", "the same seed draws the same input")
        yield entry("batches", "1", "batches", "passes on inputs drawn anew, counted as one")
        if self._backward is not None:
            yield entry("timed", "0", "timed", "passes for their times alone, beside as many bare ones")
            yield labelled(
                "backward", Tick("from a randomly weighted sum of the outputs", self._backward, id="backward")
            )
        if self._can_be_optimised:
            yield labelled("optimised", Tick("also with onnxruntime's optimisations", False, id="optimised"))
        if self._planned is not None:
            yield labelled("placed", Tick(f"by the plan over {written(self._planned.budgets)}", False, id="placed"))
            yield entry("folder", self._planned.folder or tempfile.gettempdir(), "disk", "for what the plan puts there")

    def result(self) -> Forward:
        """The pass as filled in."""
        if self._inputs:
            inputs = parse_each(self.text(f"input-{number}") for number in range(len(self._inputs)))
        else:
            inputs = parse_inputs(self.text("input-0"))
        if self._batch is not None:
            batch = self.whole_number("batch", "the batch size", 1, LARGEST_COUNT)
            inputs = with_batch(inputs, self._inputs, self._batch, batch)
        distribution = self.query_one("#distribution", Select).value
        if distribution != AS_WRITTEN:
            inputs = [
                msgspec.structs.replace(one, distribution=str(distribution), low=None, high=None)
                if one.file is None
                else one
                for one in inputs
            ]
        seed = self.whole_number("seed", "the seed", least=0, most=LARGEST_SEED)
        placement = None
        if self._planned is not None and self._ticked("placed"):
            placement = msgspec.structs.replace(self._planned, folder=self.text("folder").strip() or None)
        timed = self.whole_number("timed", "the number of timed passes", 0, LARGEST_COUNT) if self._has("timed") else 0
        settings = ForwardSettings(
            inputs=inputs,
            seed=seed,
            backward=self._ticked("backward"),
            batches=self.whole_number("batches", "the number of batches", least=1, most=LARGEST_COUNT),
            timed=timed,
            placement=placement,
        )
        return Forward(settings=settings, optimised=self._ticked("optimised"))

    def _has(self, name: str) -> bool:
        return bool(self.query(f"#{name}"))

    def _ticked(self, name: str) -> bool:
        return any(tick.value for tick in self.query(f"#{name}").results(Tick))


def with_batch(inputs: list[InputSpec], before: list[InputSpec], was: int, batch: int) -> list[InputSpec]:
    """The inputs with another first axis where that `was` the batch, unless one was typed into the shape itself."""
    changed = []
    for one, old in zip(inputs, before, strict=True):
        is_batch = one.shape and old.shape and one.shape[0] == old.shape[0] == was
        changed.append(msgspec.structs.replace(one, shape=[batch, *one.shape[1:]]) if is_batch and one.shape else one)
    return changed
