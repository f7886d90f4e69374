"""NumPy's ``.npz``: a zip archive with one ``.npy`` for each array."""

from inspector.core.table import Note
from inspector.files.catalog import Catalog, CatalogContainer
from inspector.files.numpy_array import HEAD, BrokenArrayError, array_tensor, read_header, unreadable
from inspector.files.pickled_text import encodable
from inspector.files.zip_directory import BrokenZipError, ZipDirectory

MAX_ARRAYS = 20_000
MAX_HEADERS = 4 * 2**20
"""Bytes of all headers together."""


def sniff(directory: ZipDirectory) -> bool:
    """Whether all members are arrays."""
    return bool(directory.members) and all(name.endswith(".npy") for name in directory.members)


def open(directory: ZipDirectory) -> Catalog:
    """Read the headers of all arrays; those that are damaged or hold no numbers become notes and text."""
    path = directory.path
    headers, entries, notes = {}, {}, list[Note]()
    if len(directory.members) > MAX_ARRAYS:
        raise BrokenZipError(f"it has more than {MAX_ARRAYS:,} arrays")
    left = MAX_HEADERS
    for record, member in directory.members.items():
        if left <= 0:
            message = f"the headers of its arrays take more than {MAX_HEADERS:,} bytes; the others are not listed"
            notes.append(Note(code="not-understood", message=message))
            break
        name = encodable(record.removesuffix(".npy"))
        try:
            header = read_header(directory.read(record, HEAD, only_head=True))
            left -= header.start
        except (BrokenArrayError, BrokenZipError) as error:
            if "encrypted" in str(error):
                raise
            entries[name] = "a damaged array"
            notes.append(Note(code="damaged-array", message=f"the array {name} is damaged: {error}", path=name))
            continue
        if header.dtype is None:
            entries[name] = unreadable(header)
            notes.append(Note(code="not-readable", message=f"the array {name} holds {header.kind}, which is not read"))
            continue
        headers[name] = (record, header)
        needed = header.start + array_tensor(name, header, "", None).bytes
        if needed > member.size or member.header + member.packed > directory.size:
            message = f"{name} needs {needed:,} bytes and its member has {member.size:,}"
            notes.append(Note(code="out-of-storage", message=message, path=name))
    big_endian = any(header.big_endian for _, header in headers.values())
    tensors = []
    for name, (record, header) in headers.items():
        tensor = array_tensor(name, header, str(path), record)
        tensors.append(tensor)
        if big_endian and not header.big_endian and tensor.bytes > tensor.elements:
            message = (
                f"{name} has its lowest byte first and other arrays their highest, so its values are not shown right"
            )
            notes.append(Note(code="mixed-byte-order", message=message, path=name))
    top = CatalogContainer(path=[], type="numpy.npz", tensors=len(tensors), entries=entries)
    return Catalog(
        path=str(path),
        format="numpy-archive",
        bytes=path.stat().st_size,
        root="mapping",
        root_type="numpy.npz",
        tensors=tensors,
        containers=[top],
        big_endian=big_endian,
        notes=notes,
    )
