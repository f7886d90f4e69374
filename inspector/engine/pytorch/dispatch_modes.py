"""Modes that see every operation of a pass, without the compiler that torch would import for their sake."""

from torch.utils._python_dispatch import TorchDispatchMode


class UncompiledDispatchMode(TorchDispatchMode):
    """A dispatch mode for passes in which nothing is compiled."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # Else torch wraps `__torch_dispatch__` so that its first call imports the compiler, which takes most of a
        # second. A torch that does not ask this is slower, no more.
        return False
