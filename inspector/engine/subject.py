"""What checks make their experiments on: a live model and its inputs, both left as they were."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from inspector.core.errors import RequestError

if TYPE_CHECKING:
    from inspector.engine.activations import Activations
    from inspector.engine.nonfinite import Origins
    from inspector.engine.pytorch.experiments.subject import Subject

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class ExperimentSubject(ABC):
    """A model with inputs; every experiment on it is made once. All of them raise RequestError where they cannot."""

    _found: dict[Callable[..., Any], Any] = field(default_factory=dict, kw_only=True)

    @abstractmethod
    def of(self, experiment: "Callable[[Subject], T]") -> T:
        """What an experiment on a PyTorch module found."""

    @abstractmethod
    def activations(self) -> "Activations":
        """What every operation puts out over many random samples."""

    @abstractmethod
    def origins(self) -> "Origins":
        """Where the first values that are not finite come from, forward and, where there is one, backward."""

    def _once(self, experiment: Callable[..., Any], make: Callable[[], T]) -> T:
        """What `make` gives, or raised, when it was called for this experiment first."""
        if experiment not in self._found:
            try:
                self._found[experiment] = make()
            except RequestError as problem:
                self._found[experiment] = problem
        found = self._found[experiment]
        if isinstance(found, RequestError):
            raise RequestError(str(found))
        made: T = found
        return made
