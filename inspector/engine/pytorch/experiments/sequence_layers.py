"""torch's layers that take time before samples unless they are told otherwise."""

from dataclasses import dataclass

from torch import nn

from inspector.engine.pytorch.experiments.subject import Subject

_LAYERS = (
    nn.RNNBase,
    nn.MultiheadAttention,
    nn.TransformerEncoderLayer,
    nn.TransformerDecoderLayer,
    nn.Transformer,
)


@dataclass(frozen=True)
class SequenceLayers:
    """Those of a model, by path."""

    time_major: dict[str, bool]
    """Whether each takes time first."""

    def time_major_at(self, path: str) -> str | None:
        """The outermost layer at or above a path that takes time first."""
        parts = path.split(".") if path else []
        paths = [".".join(parts[:count]) for count in range(len(parts) + 1)]
        return next((each for each in paths if self.time_major.get(each)), None)


def sequence_layers(subject: Subject) -> SequenceLayers:
    """By torch's own classes: the convention is theirs."""
    return SequenceLayers(
        {path: _time_first(module) for path, module in subject.module.named_modules() if isinstance(module, _LAYERS)}
    )


def _time_first(module: nn.Module) -> bool:
    attention = getattr(module, "self_attn", module)
    return not getattr(module, "batch_first", getattr(attention, "batch_first", True))
