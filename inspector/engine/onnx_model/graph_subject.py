"""A graph and the inputs that it is run with for its checks."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from inspector.core.errors import RequestError
from inspector.core.recipe import InputSpec
from inspector.engine.activations import Activations
from inspector.engine.live import Progress
from inspector.engine.nonfinite import Origins
from inspector.engine.onnx_model.activations import activations
from inspector.engine.onnx_model.graph import Graph
from inspector.engine.onnx_model.nonfinite import origins
from inspector.engine.subject import ExperimentSubject

if TYPE_CHECKING:
    from inspector.engine.pytorch.experiments.subject import Subject

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class GraphSubject(ExperimentSubject):
    """The main graph, run by onnxruntime."""

    graph: Graph
    find_inputs: Callable[[], list[InputSpec]]
    """Gives the inputs; raises RequestError where there are none."""
    device: str
    seed: int
    progress: Progress

    def of(self, experiment: "Callable[[Subject], T]") -> T:
        """Nothing."""
        raise RequestError("an ONNX graph has no modules, no gradients and no code of its own")

    def activations(self) -> Activations:
        """Of the main graph's nodes."""
        return self._once(
            activations, lambda: activations(self.graph, self.find_inputs(), self.device, self.seed, self.progress)
        )

    def origins(self) -> Origins:
        """Forward only."""
        return self._once(origins, lambda: origins(self.graph, self.find_inputs(), self.device, self.seed))
