"""A module and the inputs that it is put through its experiments with."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from torch import nn

from inspector.core.errors import RequestError
from inspector.core.recipe import InputSpec
from inspector.engine.live import Progress
from inspector.engine.pytorch.calling import Arguments, call_model
from inspector.engine.pytorch.inputs.arguments import arguments_for
from inspector.engine.pytorch.recording import Recorder
from inspector.engine.pytorch.untouched import modes_kept, untouched
from inspector.engine.random_state import seeded

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Subject:
    """What experiments are made on: a module stays as it was, whatever they do."""

    module: nn.Module
    find_inputs: Callable[[], list[InputSpec]]
    """Gives the inputs, worked out where none were given; raises RequestError where there are none."""
    seed: int
    progress: Progress
    files: list[str] = field(default_factory=list)
    """The file that the model was made by, where it was one."""
    _found: dict[Callable[..., Any], Any] = field(default_factory=dict)

    def of(self, experiment: "Callable[[Subject], T]") -> T:
        """What another experiment found; made once. Raises RequestError where it cannot be made."""
        if experiment not in self._found:
            try:
                self._found[experiment] = experiment(self)
            except RequestError as problem:
                self._found[experiment] = problem
        found = self._found[experiment]
        if isinstance(found, RequestError):
            raise RequestError(str(found))
        made: T = found
        return made

    def arguments(self, seed: int | None = None) -> Arguments:
        """What the module is called with, drawn anew for another seed."""
        return arguments_for(self.module, self.find_inputs(), self.seed if seed is None else seed)

    def run(
        self,
        arguments: Arguments,
        *,
        training: bool = False,
        grad: bool = False,
        recorder: Recorder | None = None,
        then: Callable[[Any], Any] = lambda output: output,
    ) -> Any:
        """What `then` makes of the output of one real pass, while gradients and modes are still as the pass left them.

        Raises whatever the module raises.
        """
        with untouched(self.module, values=True), modes_kept(self.module), seeded(self.seed):
            self.module.train(training)
            with torch.enable_grad() if grad else torch.no_grad(), recorder or nullcontext():
                output = call_model(self.module, arguments)
            return then(output)
