"""Read a pickle without doing what it says: names become records, calls become records of calls, nothing is run.

The stock unpickler imports what the stream names, calls it, and lets one opcode allocate gigabytes (a memo index or a
length of 2³²). This one is a plain interpreter of the opcodes of protocols 0 to 5 (`pickletools` documents each) that
never imports and never calls; lengths are held against the bytes that are there.
"""

import struct

from inspector.files import pickle_opcodes as _opcodes  # noqa: F401  # fills the table of what each does
from inspector.files.pickle_machine import (
    KEPT_CALLS,
    MAX_BYTES,
    BrokenPickleError,
    Buffer,
    Call,
    Global,
    Machine,
    Persistent,
    Pickled,
    Uses,
)

__all__ = [
    "KEPT_CALLS",
    "MAX_BYTES",
    "BrokenPickleError",
    "Call",
    "Global",
    "Persistent",
    "Pickled",
    "Uses",
    "read_pickle",
]


def read_pickle(data: Buffer, start: int = 0, most: int = MAX_BYTES) -> Pickled:
    """Read the pickle of at most `most` bytes at `start`.

    Raises BrokenPickleError where it is cut off, malformed or beyond the bounds.
    """
    machine = Machine(data, start, most)
    try:
        machine.run()
    except BrokenPickleError as error:
        error.globals = machine.globals
        raise
    except (IndexError, KeyError, TypeError, ValueError, AttributeError, struct.error, OverflowError) as error:
        broken = BrokenPickleError(f"malformed at byte {machine.position - start}: {type(error).__name__} {error}")
        broken.globals = machine.globals
        raise broken from error
    return Pickled(machine.result, machine.position, machine.protocol, machine.globals, machine.persistents)
