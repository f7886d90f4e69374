"""What every record is."""

import msgspec


class Record(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A plain immutable record that the worker can send and JSON can print.

    Records never hold each other in a circle. So Python's search for such circles may pass them over: among those of a
    hundred thousand rows it takes longer than a frame may.
    """
