"""What a call wants of a tensor that it was given, and whose input that tensor came from."""

from dataclasses import dataclass

INSERTED, MIXED = -1, -2
"""Instead of an axis of the input: one of size 1 that the model put in; one whose size is made of others."""
SAMPLES = 0
"""Instead of a usual size: as many as there are samples."""


@dataclass(frozen=True, kw_only=True)
class Origin:
    """That a tensor was made from an input."""

    name: str
    """The input's."""
    axes: tuple[int, ...]
    """For each axis of the tensor the input's axis that it is, INSERTED or MIXED."""
    same_values: bool = False
    """Whether its elements are the input's, at most in another order or dtype."""


@dataclass(frozen=True, kw_only=True)
class Want:
    """What a call would have taken in the place of a tensor made from inputs."""

    origins: tuple[Origin, ...]
    got: tuple[int, ...]
    """The shape of the tensor as it was."""
    shape: tuple[int | None, ...] | None = None
    """The shape wanted; None along an axis of any size."""
    dtype: str | None = None
    high: int | None = None
    """Indices below this are wanted."""
    grow: tuple[int, ...] = ()
    """Axes that are too short."""
    multiple: int | None = None
    """The number of elements, or the sizes in `grow`, shall be a multiple of this."""
    plain: tuple[str, ...] = ()
    """Python literals that would do, where no tensor is wanted."""
    parts: tuple[str, ...] = ()
    """Parts that a structure instead of the tensor shall have, as they are written behind its name."""
    free: tuple[int | None, ...] = ()
    """Usual sizes for the axes in `shape` of any size, the size of which has no other reason."""
    why: str = ""
