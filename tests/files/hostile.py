"""Files that attack whoever opens them: each writes itself into a folder and gives the path to open.

Every payload would create the file `PROOF` in the current folder; what the test demands is that none does.
"""

import io
import json
import os
import pickle
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

PROOF = "attacked"
COMMAND = f"touch {PROOF}".encode()
HOSTILE: dict[str, Callable[[Path], Path]] = {}


def text(value: bytes) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value


def called(module: bytes, name: bytes, *args: bytes, end: bytes = b"R") -> bytes:
    return b"c" + module + b"\n" + name + b"\n(" + b"".join(text(arg) for arg in args) + b"t" + end


RUN = called(b"posix", b"system", COMMAND)
PICKLES = {
    "reduce": RUN,
    "stack_global": b"\x8c\x05posix\x8c\x06system\x93(" + text(COMMAND) + b"tR",
    "inst": b"(" + text(COMMAND) + b"iposix\nsystem\n",
    "obj": b"(cposix\nsystem\n" + text(COMMAND) + b"o",
    "newobj": b"csubprocess\nPopen\n(" + text(COMMAND) + b"t\x81",
    "newobj_ex": b"csubprocess\nPopen\n(" + text(COMMAND) + b"t}" + text(b"shell") + b"\x88s\x92",
    "build": called(b"types", b"SimpleNamespace")
    + b"}"
    + text(b"__setstate__")
    + b"cposix\nsystem\nsb"
    + text(COMMAND)
    + b"b",
    "build on a global": b"cos\n__dict__\n}" + text(b"system") + b"Nsb",
    "ext1": b"\x82\x01(" + text(COMMAND) + b"tR",
    "ext2": b"\x83\x01\x00(" + text(COMMAND) + b"tR",
    "ext4": b"\x84\x01\x00\x00\x00(" + text(COMMAND) + b"tR",
    "persid": b"Pposix.system\n" + b"0" + RUN,
    "binpersid": RUN + b"Q",
    "called in a key": b"}" + RUN + b"K\x01s",
    "called in a storage": b"(" + text(b"storage") + RUN + text(b"0") + text(b"cpu") + b"K\x04tQ",
    "called in a rebuild": b"ctorch._utils\n_rebuild_tensor_v2\n(" + RUN + b"K\x00)))Nt" + b"R",
    "eval": called(b"builtins", b"eval", b"__import__('os').system('" + COMMAND + b"')"),
    "exec of python 2": called(b"__builtin__", b"exec", b"import os"),
    "getattr chain": b"c__builtin__\ngetattr\nc__builtin__\n__import__\n"
    + text(b"os")
    + b"\x85R"
    + text(b"system")
    + b"\x86R"
    + text(COMMAND)
    + b"\x85R",
    "pip main": called(b"pip", b"main", b"install"),
    "torch.load within": called(b"torch", b"load", b"/etc/passwd"),
    "asyncio": called(b"asyncio.unix_events", b"_UnixSubprocessTransport._start", COMMAND),
    "pydoc pipepager": called(b"pydoc", b"pipepager", b"x", COMMAND),
    "runpy": called(b"runpy", b"_run_code", b"import os"),
    "bdb": called(b"bdb", b"Bdb.run", b"import os"),
    "timeit": called(b"timeit", b"timeit", b"import os"),
    "numpy f2py": called(b"numpy.f2py.crackfortran", b"getlincoef", b"os.system('x')"),
    "torch config": called(b"torch.utils.bottleneck.__main__", b"run_cprofile", b"import os"),
    "operator methodcaller": b"coperator\nmethodcaller\n"
    + text(b"system")
    + text(COMMAND)
    + b"\x86R"
    + b"cos\n__name__\n\x85R",
    "nested name": called(b"os", b"path.os.system", COMMAND),
    "broken after the call": RUN + b"\xff\xff",
    "call before the stop of a first pickle": RUN + b"0N",
}


def hostile(name: str) -> Callable[[Callable[[Path], Path]], Callable[[Path], Path]]:
    def register(make: Callable[[Path], Path]) -> Callable[[Path], Path]:
        HOSTILE[name] = make
        return make

    return register


def archive(path: Path, data: bytes, method: int = zipfile.ZIP_STORED, **others: bytes) -> Path:
    with zipfile.ZipFile(path, "w", method) as target:
        target.writestr("w/data.pkl", data)
        target.writestr("w/version", b"3\n")
        for name, content in others.items():
            target.writestr(f"w/{name}", content)
    return path


def saved(body: bytes, protocol: int = 2) -> bytes:
    return b"\x80" + bytes([protocol]) + b"}" + text(b"w") + body + b"s."


def _in_archive(name: str, body: bytes) -> None:
    data = saved(body, 4 if b"\x93" in body or b"\x92" in body else 2)
    HOSTILE[f"zip: {name}"] = lambda folder: archive(folder / "w.pt", data)


for _name, _body in PICKLES.items():
    _in_archive(_name, _body)


def legacy(body: bytes) -> bytes:
    from inspector.files.torch_legacy import MAGIC

    return b"".join(pickle.dumps(part, 2) for part in (MAGIC, 1001, {})) + body + pickle.dumps([], 2)


@hostile("legacy: called in the object")
def _(folder: Path) -> Path:
    (folder / "w.pt").write_bytes(legacy(saved(RUN)))
    return folder / "w.pt"


@hostile("legacy: called in the magic number")
def _(folder: Path) -> Path:
    (folder / "w.pt").write_bytes(b"\x80\x02" + RUN + b"." + legacy(saved(b"N")))
    return folder / "w.pt"


@hostile("a bare pickle of protocol 0")
def _(folder: Path) -> Path:
    (folder / "w.pkl").write_bytes(RUN + b".")
    return folder / "w.pkl"


@hostile("a bare pickle of protocol 5")
def _(folder: Path) -> Path:
    (folder / "w.pkl").write_bytes(b"\x80\x05" + RUN + b".")
    return folder / "w.pkl"


@hostile("metadata: called at the top")
def _(folder: Path) -> Path:
    (folder / ".metadata").write_bytes(b"\x80\x04" + RUN + b".")
    return folder


METADATA = b"ctorch.distributed.checkpoint.metadata\n%s\n)\x81"


@hostile("metadata: called among its fields")
def _(folder: Path) -> Path:
    state = b"}(" + text(b"state_dict_metadata") + b"}" + text(b"w") + RUN + b"s" + text(b"planner_data") + RUN
    state += text(b"storage_data") + b"}" + RUN + RUN + b"s" + b"u"
    (folder / ".metadata").write_bytes(b"\x80\x04" + METADATA % b"Metadata" + state + b"b.")
    return folder


@hostile("bomb: metadata with many references to many pieces")
def _(folder: Path) -> Path:
    chunk = (
        METADATA % b"ChunkStorageMetadata" + b"}(" + text(b"offsets") + b"K\x00\x85" + text(b"sizes") + b"K\x01\x85ub"
    )
    chunks = b"](" + chunk + b"q\x01" + b"h\x01" * 50_000 + b"eq\x02"
    record = METADATA % b"TensorStorageMetadata" + b"}(" + text(b"properties") + METADATA % b"TensorProperties" + b"}"
    record += (
        text(b"dtype") + b"ctorch\nfloat32\nsb" + text(b"size") + b"K\x01\x85" + text(b"chunks") + chunks + b"ubq\x03"
    )
    many = b"}(" + text(b"w") + record + b"".join(text(b"%d" % i) + b"h\x03" for i in range(50_000)) + b"u"
    state = b"}(" + text(b"state_dict_metadata") + many + text(b"storage_data") + b"}u"
    (folder / ".metadata").write_bytes(b"\x80\x04" + METADATA % b"Metadata" + state + b"b.")
    return folder


@hostile("bomb: metadata of a hundred thousand files")
def _(folder: Path) -> Path:
    entries = b"".join(
        METADATA % b"MetadataIndex" + b"}" + text(b"fqn") + text(b"%d" % number) + b"sb"
        b"ctorch.distributed.checkpoint.filesystem\n_StorageInfo\n)\x81}(" + text(b"relative_path")
        + text(b"../%d" % number) + text(b"offset") + b"K\x00" + text(b"length") + b"K\x01ub"
        for number in range(100_000)
    )  # fmt: skip
    state = b"}(" + text(b"state_dict_metadata") + b"}" + text(b"storage_data") + b"}(" + entries + b"uu"
    (folder / ".metadata").write_bytes(b"\x80\x04" + METADATA % b"Metadata" + state + b"b.")
    return folder


@hostile("a tar whose storages call")
def _(folder: Path) -> Path:
    with tarfile.open(folder / "w.pt", "w") as target:
        for name in ("pickle", "storages", "tensors"):
            info = tarfile.TarInfo(name)
            data = b"\x80\x02" + RUN + b"."
            info.size = len(data)
            target.addfile(info, io.BytesIO(data))
    return folder / "w.pt"


@hostile("a tar that leaves its folder")
def _(folder: Path) -> Path:
    with tarfile.open(folder / "w.pt", "w") as target:
        for name in ("pickle", "storages", "tensors", "../../escape"):
            info = tarfile.TarInfo(name)
            info.size = 2
            target.addfile(info, io.BytesIO(b"N."))
    return folder / "w.pt"


@hostile("an array of objects")
def _(folder: Path) -> Path:
    header = b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n"
    (folder / "w.npy").write_bytes(
        b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + b"\x80\x02" + RUN + b"."
    )
    return folder / "w.npy"


@hostile("an array whose header calls")
def _(folder: Path) -> Path:
    header = f"{{'descr': __import__('os').system('touch {PROOF}'), 'fortran_order': False, 'shape': (1,)}}\n".encode()
    (folder / "w.npy").write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header)
    return folder / "w.npy"


@hostile("an array whose header nests")
def _(folder: Path) -> Path:
    header = b"(" * 9000
    (folder / "w.npy").write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header)
    return folder / "w.npy"


@hostile("an exported program with a pickle that calls")
def _(folder: Path) -> Path:
    inner = archive(folder / "inner.pt", saved(RUN)).read_bytes()
    with zipfile.ZipFile(folder / "w.pt2", "w") as target:
        target.writestr("serialized_exported_program.json", "{}")
        target.writestr("serialized_state_dict.pt", inner)
    os.remove(folder / "inner.pt")
    return folder / "w.pt2"


@hostile("an index that points everywhere")
def _(folder: Path) -> Path:
    names = [
        "../../etc/passwd",
        "/etc/passwd",
        "a/../../x",
        "\0",
        "~/x",
        "..",
        ".",
        "",
        "C:\\x",
        "..\\x",
        "/proc/self/mem",
    ]
    (folder / "m.index.json").write_text(json.dumps({"weight_map": {str(i): name for i, name in enumerate(names)}}))
    return folder / "m.index.json"


@hostile("an index that names itself")
def _(folder: Path) -> Path:
    (folder / "m.index.json").write_text(json.dumps({"weight_map": {"a": "m.index.json"}}))
    return folder


@hostile("bomb: an index of half a million files")
def _(folder: Path) -> Path:
    (folder / "m.index.json").write_text(json.dumps({"weight_map": {str(i): f"s{i}" for i in range(400_000)}}))
    return folder


@hostile("a folder of loops")
def _(folder: Path) -> Path:
    (folder / "model.safetensors").symlink_to("model.safetensors")
    return folder


# Bombs: little on the disk, much in memory or time.


@hostile("bomb: a pickle of zeros, a thousand times smaller")
def _(folder: Path) -> Path:
    return archive(folder / "w.pt", b"\x80\x02" + b"}" * 120_000_000, zipfile.ZIP_DEFLATED)


@hostile("bomb: a pickle said to be huge")
def _(folder: Path) -> Path:
    return archive(folder / "w.pt", bytes(300_000_000), zipfile.ZIP_DEFLATED)


@hostile("bomb: a directory that lies about sizes")
def _(folder: Path) -> Path:
    data = bytearray(archive(folder / "w.pt", zlib.compress(bytes(10**7))).read_bytes())
    place = data.rfind(b"PK\x01\x02")
    data[place + 20 : place + 28] = struct.pack("<II", 2**31, 2**31)
    (folder / "w.pt").write_bytes(data)
    return folder / "w.pt"


@hostile("bomb: a million members")
def _(folder: Path) -> Path:
    entry = b"PK\x01\x02" + bytes(24) + struct.pack("<HHH", 1, 0, 0) + bytes(12) + b"x"
    count = 1_000_000
    end = b"PK\x06\x06" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, count, count, len(entry) * count, 0)
    locator = b"PK\x06\x07" + struct.pack("<IQI", 0, len(entry) * count, 1)
    close = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 0xFFFF, 0xFFFF, 2**32 - 1, 2**32 - 1, 0)
    (folder / "w.pt").write_bytes(b"PK\x03\x04"[:0] + entry * count + end + locator + close)
    data = (folder / "w.pt").read_bytes()
    (folder / "w.pt").write_bytes(b"PK\x03\x04" + data[4:])
    return folder / "w.pt"


def bomb(name: str, body: bytes, protocol: int = 4) -> None:
    def make(folder: Path) -> Path:
        return archive(folder / "w.pt", b"\x80" + bytes([protocol]) + body, zipfile.ZIP_DEFLATED)

    HOSTILE[f"bomb: {name}"] = make


MEGABYTE = text(b"k" * 2**20)
bomb("memo index", b"Nr\xff\xff\xff\xff.")
bomb("bytearray length", b"\x96" + struct.pack("<Q", 2**62) + b".", 5)
bomb("integer of 2 GB", b"\x8b\xff\xff\xff\x7f.")
bomb("decimal of a million digits", b"I" + b"9" * 10**6 + b"\n.")
bomb("lists in lists", b"]" * 5_000_000 + b"a" * 4_999_999 + b".")
bomb("dictionaries in dictionaries", b"}" + b"K\x01}" * 60 + b"s" * 60 + b".")
bomb("calls of calls", b"N" + b")R" * 2_000_000 + b".")
bomb("tuples in tuples", b")" + b"\x85" * 3_000_000 + b".")
bomb("marks", b"(" * 30_000_000 + b".")
bomb("calls", b"](" + b"N)R" * 5_000_000 + b"e.")
bomb("doubling lists", b"]q\x00" + b"".join(b"](h%ch%ceq%c" % (i, i, i + 1) for i in range(60)) + b".")
bomb("doubling dictionaries", b"}q\x00" + b"".join(b"}(K\x01h%cK\x02h%cuq%c" % (i, i, i + 1) for i in range(60)) + b".")
bomb(
    "doubling texts as keys",
    b"}q\x00" + b"".join(b"}(" + text(b"k" * 100_000) + b"h%cuq%c" % (i, i + 1) for i in range(60)) + b".",
)
bomb("a long key many times", b"](" + MEGABYTE + b"q\x01" + b"}h\x01}Ns".replace(b"}Ns", b"]s") * 100_000 + b"e.")
bomb("a long name many times", b"c" + b"m" * 2**20 + b"\nx\nq\x01" + b"](" + b"h\x01" * 500_000 + b"e.")
TENSOR = (
    b"ctorch._utils\n_rebuild_tensor_v2\n((" + text(b"storage") + b"ctorch\nFloatStorage\n" + text(b"0") + text(b"cpu")
    + b"%stQK\x00%s%s\x89Nt" + b"R"
)  # fmt: skip
LONG = b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x3f"
bomb("a shape beyond 64 bits", b"}" + text(b"w") + TENSOR % (LONG, LONG * 3 + b"\x87", b"K\x01K\x01K\x01\x87") + b"s.")
bomb(
    "a shape of huge numbers",
    b"}" + text(b"w") + TENSOR % (b"K\x01", b"\x8a\xff" + b"\x7f" * 255 + b"\x85", b"K\x01\x85") + b"s.",
)
bomb(
    "a million dimensions",
    b"}" + text(b"w") + TENSOR % (b"K\x01", b"(" + b"K\x01" * 10**6 + b"t", b"(" + b"K\x01" * 10**6 + b"t") + b"s.",
)
bomb(
    "one tensor a million times",
    b"](" + TENSOR % (b"K\x01", b"K\x01\x85", b"K\x01\x85") + b"q\x01" + b"h\x01" * 10**6 + b"e.",
)
MODULE = (
    b"ctorch.nn\nModule\n)\x81}("
    + text(b"_parameters")
    + b"%s"
    + text(b"_buffers")
    + b"}"
    + text(b"_modules")
    + b"%sub"
)
bomb(
    "doubling modules",
    MODULE % (b"}", b"}") + b"q\x00"
    + b"".join(MODULE % (b"}", b"}(K\x01h%cK\x02h%cu" % (i, i)) + b"q%c" % (i + 1) for i in range(60)) + b".",
)  # fmt: skip
bomb(
    "modules that share a hundred thousand parameters",
    b"}(" + b"".join(b"M" + struct.pack("<H", i % 65536) + b"N" for i in range(60_000)) + b"uq\x01" + b"0"
    + MODULE % (b"h\x01", b"}") + b"q\x02" + b"0"
    + MODULE % (b"}", b"}(" + b"".join(b"M" + struct.pack("<H", i) + b"h\x02" for i in range(60_000)) + b"u") + b".",
)  # fmt: skip
bomb(
    "module names of a megabyte",
    MODULE % (b"}", b"}") + b"q\x00"
    + b"".join(MODULE % (b"}", b"}" + MEGABYTE + b"h%cs" % i) + b"q%c" % (i + 1) for i in range(60)) + b".",
)  # fmt: skip


@hostile("bomb: a safetensors header of 90 MB")
def _(folder: Path) -> Path:
    one = b'"%06d":{"dtype":"F32","shape":[],"data_offsets":[0,4]},'
    header = b"{" + b"".join(one % i for i in range(1_000_000))
    header = header + b'"z":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}'
    (folder / "w.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
    return folder / "w.safetensors"


@hostile("bomb: a safetensors shape of millions")
def _(folder: Path) -> Path:
    header = b'{"a":{"dtype":"F32","shape":[' + b"1," * 20_000_000 + b'1],"data_offsets":[0,4]}}'
    (folder / "w.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
    return folder / "w.safetensors"


@hostile("bomb: brackets in brackets in JSON")
def _(folder: Path) -> Path:
    header = b'{"a":' + b"[" * 5_000_000
    (folder / "w.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
    return folder / "w.safetensors"


@hostile("bomb: GGUF with a text of gigabytes")
def _(folder: Path) -> Path:
    path = folder / "w.gguf"
    path.write_bytes(b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 3 * 2**30))
    os.truncate(path, 4 * 2**30)
    return path


@hostile("bomb: GGUF with endless empty texts")
def _(folder: Path) -> Path:
    path = folder / "w.gguf"
    path.write_bytes(b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1) + b"a" + struct.pack("<IIQ", 9, 8, 2**40))
    os.truncate(path, 2**40)
    return path


@hostile("bomb: archives in archives")
def _(folder: Path) -> Path:
    inner = folder / "inner.zip"
    archive(inner, saved(b"N"))
    for _ in range(50):
        data = inner.read_bytes()
        with zipfile.ZipFile(inner, "w") as target:
            target.writestr("x.pt", data)
    return inner


@hostile("bomb: sixty thousand arrays with long headers")
def _(folder: Path) -> Path:
    text_of_header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (" + b"1," * 30 + b")," + b" " * 8000 + b"}\n"
    data = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text_of_header)) + text_of_header
    with zipfile.ZipFile(folder / "w.npz", "w", zipfile.ZIP_DEFLATED) as target:
        for number in range(15_000):
            target.writestr(f"{number}.npy", data)
    return folder / "w.npz"
