"""A module and the inputs that it is put through its experiments with."""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from inspector.core.errors import NO_FAILURES, RequestError
from inspector.core.recipe import InputSpec
from inspector.engine.live import Progress
from inspector.engine.pytorch.calling import Arguments, call_model
from inspector.engine.pytorch.importing import first_line
from inspector.engine.pytorch.inputs.arguments import arguments_for
from inspector.engine.pytorch.recording import Recorder
from inspector.engine.pytorch.untouched import modes_kept, untouched
from inspector.engine.random_state import seeded
from inspector.engine.statistics import on_one_thread
from inspector.engine.subject import ExperimentSubject

if TYPE_CHECKING:
    from inspector.engine.activations import Activations
    from inspector.engine.nonfinite import Origins

NO_VALUES = "its parameters are on meta and have no values; a file with them, or init --materialise, gives them some"
FEW_PARAMETERS = 1_000_000
"""With fewer, threads wait for each other longer than they work wherever the machine has other work."""

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Subject(ExperimentSubject):
    """A module."""

    module: nn.Module
    find_inputs: Callable[[], list[InputSpec]]
    """Gives the inputs, worked out where none were given; raises RequestError where there are none."""
    seed: int
    progress: Progress
    modes: dict[str, bool] = field(default_factory=dict)
    """Which modules were in train mode when the user's code had made the model, by path."""

    files: list[str] = field(default_factory=list)
    """The file that the model was made by, where it was one."""
    operations: Callable[[], int | None] = lambda: None
    """Floating-point operations of a pass on those inputs, where they are known."""

    def of(self, experiment: "Callable[[Subject], T]") -> T:
        """What another experiment found."""
        return self._once(experiment, lambda: self._made(experiment))

    def _made(self, experiment: "Callable[[Subject], T]") -> T:
        try:
            return experiment(self)
        except (*NO_FAILURES, RequestError):
            raise
        except Exception as problem:
            # The model's own code runs in every experiment, and may raise anything anywhere.
            why = f"{type(problem).__name__} {first_line(problem)}".strip()
            raise RequestError(f"the model does not stand the experiment: {why}") from problem

    def activations(self) -> "Activations":
        """In eval mode."""
        from inspector.engine.pytorch.experiments.activations import activations

        return self.of(activations)

    def origins(self) -> "Origins":
        """Forward and backward."""
        from inspector.engine.pytorch.experiments.nonfinite import origins

        return self.of(origins)

    @contextmanager
    def in_mode(self, *, training: bool) -> Iterator[None]:
        """In train or eval mode as a whole, for passes of their own."""
        with modes_kept(self.module):
            self.module.train(training)
            yield

    @cached_property
    def specs(self) -> list[InputSpec]:
        """Its inputs. Raises RequestError where there are none."""
        return self.find_inputs()

    def arguments(self, seed: int | None = None, specs: list[InputSpec] | None = None) -> Arguments:
        """What the module is called with, drawn anew for another seed; `specs` in the place of its inputs.

        Raises RequestError where no parameter has values, so that none would come out.
        """
        parameters = list(self.module.parameters())
        if parameters and all(one.is_meta for one in parameters):
            raise RequestError(NO_VALUES)
        specs = self.specs if specs is None else specs
        return arguments_for(self.module, specs, self.seed if seed is None else seed)

    def copied(self) -> nn.Module:
        """A copy of the module. Raises RequestError where it cannot be copied."""
        try:
            return copy.deepcopy(self.module)
        except Exception as problem:
            raise RequestError(f"the model cannot be copied: {first_line(problem)}") from problem

    def run(
        self,
        arguments: Arguments,
        *,
        training: bool | Callable[[nn.Module], bool] = False,
        grad: bool = False,
        recorder: Recorder | None = None,
        then: Callable[[Any], Any] = lambda output: output,
    ) -> Any:
        """What `then` makes of the output of one real pass, while gradients and modes are still as the pass left them.

        `training` may also say it module by module. Raises whatever the module raises.
        """
        few = sum(one.numel() for one in self.module.parameters() if not is_lazy(one)) < FEW_PARAMETERS
        threads = on_one_thread() if few else nullcontext()
        with untouched(self.module, values=True), modes_kept(self.module), seeded(self.seed), threads:
            self.module.train(training is True)
            if callable(training):
                for part in self.module.modules():
                    part.training = training(part)
            with torch.enable_grad() if grad else torch.no_grad(), recorder or nullcontext():
                output = call_model(self.module, arguments)
            return then(output)
