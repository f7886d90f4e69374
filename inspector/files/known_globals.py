"""What the names in pickles are: a table by full name and by the module they begin with.

It only describes. Nothing is decided by it: no name is called, whatever it says, and what it lacks is said to be
unknown. The dangerous names are those that pickle scanners report (picklescan, fickling, modelscan) by what they do.
"""

from collections.abc import Callable
from typing import NamedTuple

from inspector.core.named_globals import Severity
from inspector.files.dtypes import ITEM_BYTES


class Described(NamedTuple):
    """What something that is named is."""

    severity: Severity
    kind: str
    what: str


UNKNOWN = Described("unknown", "unknown", "unknown: code of the program that saved it, or of a package that it used")


def described(module: str, name: str) -> Described:
    """What the table says of `name` in `module`: by the whole name, else by the longest module that it knows."""
    if "." not in name:
        path = f"{module}.{name}"
        found = _PATTERNED.get(module, _no_pattern)(name) or _longest(path)
        # In a module of harmless classes there are functions too, and whatever it imports.
        as_told = found.severity != "harmless" or module in _PATTERNED or path in _KNOWN or name[:1].isupper()
        return found if as_told else found._replace(severity="unknown")
    # Attribute after attribute is taken: ``path.os.system`` of any module leads to the shell.
    parts = name.split(".")
    for first in range(len(parts)):
        found = _longest(".".join(parts[first:]))
        if found.severity == "dangerous":
            return found
    found = _longest(module)
    return found._replace(severity="unknown") if found.severity == "harmless" else found


def _longest(path: str) -> Described:
    while path:
        if path in _KNOWN:
            return _KNOWN[path]
        path = path.rpartition(".")[0]
    return UNKNOWN


def _of_torch(name: str) -> Described | None:
    if name in ITEM_BYTES:
        return Described("harmless", "dtype", "the type of a tensor's elements")
    if name.endswith("Storage"):
        return Described("harmless", "storage type", "the type of a tensor's memory")
    if name.endswith("Tensor"):
        return Described("harmless", "tensor type", "the class of tensors of one type")
    if name.startswith("per_"):
        return Described("harmless", "quantisation", "how a tensor is quantised")
    return None


def _no_pattern(name: str) -> None:
    return None


_PATTERNED: dict[str, Callable[[str], Described | None]] = dict.fromkeys(
    ("torch", "torch.cuda", "torch.sparse", "torch.cuda.sparse"), _of_torch
)

_TABLE: tuple[tuple[Severity, str, str, str], ...] = (
    ("harmless", "rebuild function", "makes a tensor from its storage, sizes and strides",
     "torch._utils._rebuild_tensor torch._utils._rebuild_tensor_v2 torch._utils._rebuild_tensor_v3 "
     "torch._utils._rebuild_device_tensor_from_numpy torch._utils._rebuild_device_tensor_from_cpu_tensor"),
    ("harmless", "rebuild function", "makes a trainable tensor",
     "torch._utils._rebuild_parameter torch._utils._rebuild_parameter_with_state torch.nn.parameter.Parameter "
     "torch.nn.parameter.Buffer"),
    ("harmless", "rebuild function", "makes a quantised tensor",
     "torch._utils._rebuild_qtensor"),
    ("harmless", "rebuild function", "makes a sparse tensor",
     "torch._utils._rebuild_sparse_tensor"),
    ("harmless", "rebuild function", "makes a tensor without values",
     "torch._utils._rebuild_meta_tensor_no_storage"),
    ("harmless", "rebuild function", "makes a tensor of a subclass",
     "torch._utils._rebuild_nested_tensor torch._utils._rebuild_wrapper_subclass torch._tensor._rebuild_from_type_v2"),
    ("harmless", "tensor type", "the class of tensors",
     "torch.Tensor torch._tensor.Tensor"),
    ("harmless", "sizes", "the shape of a tensor",
     "torch.Size"),
    ("harmless", "device", "the name of a device",
     "torch.device"),
    ("harmless", "layout", "how a tensor is laid out in memory",
     "torch.serialization._get_layout"),
    ("harmless", "storage type", "the type of a tensor's memory",
     "torch.storage.TypedStorage torch.storage.UntypedStorage"),
    ("harmless", "random state", "a generator of random numbers",
     "torch.Generator torch._C.Generator"),
    ("harmless", "container", "a dictionary",
     "collections.OrderedDict collections.defaultdict collections.Counter builtins.dict"),
    ("harmless", "container", "a sequence or set",
     "builtins.set builtins.frozenset builtins.list builtins.tuple collections.deque"),
    ("harmless", "value", "a plain value",
     "builtins.int builtins.float builtins.str builtins.bool builtins.bytes builtins.bytearray builtins.complex "
     "builtins.slice builtins.range builtins.object builtins.Ellipsis builtins.NotImplemented decimal.Decimal "
     "fractions.Fraction uuid.UUID datetime.datetime datetime.date datetime.time datetime.timedelta datetime.timezone"),
    ("harmless", "bytes", "bytes written as text, as protocol 2 does",
     "_codecs.encode codecs.encode"),
    ("harmless", "object maker", "makes an empty object of a class that the pickle names",
     "copyreg._reconstructor copyreg.__newobj__ copyreg.__newobj_ex__"),
    ("harmless", "numpy", "a NumPy array, number or dtype",
     "numpy.dtype numpy.ndarray numpy.dtypes numpy.core.multiarray._reconstruct numpy.core.multiarray.scalar "
     "numpy._core.multiarray._reconstruct numpy._core.multiarray.scalar numpy.core.numeric._frombuffer "
     "numpy._core.numeric._frombuffer numpy.bool_ numpy.bool numpy.int8 numpy.int16 numpy.int32 numpy.int64 "
     "numpy.uint8 numpy.uint16 numpy.uint32 numpy.uint64 numpy.float16 numpy.float32 numpy.float64 numpy.longlong "
     "numpy.str_"),
    ("harmless", "random state", "NumPy's generator of random numbers",
     "numpy.random._pickle"),
    ("harmless", "options", "the options that a program was started with",
     "argparse.Namespace types.SimpleNamespace"),
    ("harmless", "path", "the path of a file; making one opens nothing",
     "pathlib.PosixPath pathlib.WindowsPath pathlib.Path pathlib.PurePosixPath pathlib.PureWindowsPath "
     "pathlib.PurePath pathlib._local.PosixPath pathlib._local.WindowsPath pathlib._local.Path"),
    ("harmless", "layer", "a layer of torch.nn, made by setting its attributes",
     "torch.nn.modules"),
    ("harmless", "checkpoint record", "a record of torch's distributed checkpoints",
     "torch.distributed.checkpoint.metadata torch.distributed.checkpoint.filesystem._StorageInfo"),
    ("unknown", "function kept back", "a function with arguments filled in, to be called later",
     "functools.partial"),
    ("unknown", "extension code", "a number that stands for what the program registered with copyreg",
     "copyreg"),
    ("unknown", "part of torch", "code of PyTorch that reading weights does not need",
     "torch"),
    ("unknown", "optimizer", "an optimizer or schedule of torch.optim",
     "torch.optim"),
    ("unknown", "class of the program", "a class or function of the program that saved it",
     "__main__ __mp_main__"),
    ("unknown", "built-in", "a function of Python itself",
     "builtins"),
    ("harmless", "script class", "a class of the TorchScript archive",
     "__torch__"),
    ("unknown", "package", "code of the package that its name begins with",
     "torchvision torchaudio timm transformers ultralytics omegaconf pytorch_lightning lightning lightning_fabric "
     "accelerate diffusers peft fairseq detectron2 mmcv mmengine fastai sklearn scipy pandas PIL tokenizers "
     "sentencepiece yacs easydict addict numpy"),
    ("dangerous", "shell", "runs a shell command",
     "os.system posix.system nt.system os.popen popen2 platform.popen pty pydoc.pipepager asyncio.unix_events "
     "asyncio.subprocess asyncio.create_subprocess_shell os.startfile"),
    ("dangerous", "process", "starts another program",
     "subprocess commands _posixsubprocess multiprocessing os.execv os.execve os.execl os.spawnv os.spawnl "
     "os.posix_spawn posix.execv posix.execve posix.posix_spawn pexpect sh"),
    ("dangerous", "operating system", "acts on the machine's files and processes",
     "os posix nt signal resource fcntl"),
    ("dangerous", "Python code", "runs Python code that is given as text",
     "builtins.eval builtins.exec builtins.compile builtins.execfile code codeop bdb pdb timeit trace profile cProfile "
     "doctest idlelib lib2to3 numpy.f2py numpy.testing torch.utils.bottleneck torch.utils._config_module torch._dynamo "
     "torch._inductor torch.utils.cpp_extension torch.utils.data.datapipes torch.fx.graph "
     "torch.jit.unsupported_tensor_ops torch.distributed.rpc cffi unittest ensurepip pip setuptools distutils venv"),
    ("dangerous", "Python code", "makes a function from bytes",
     "types.FunctionType types.CodeType marshal new"),
    ("dangerous", "import", "imports a module, which runs it",
     "builtins.__import__ importlib runpy imp pkgutil zipimport builtins.__loader__ pydoc.locate site"),
    ("dangerous", "attribute", "reaches any attribute of anything, so any function",
     "builtins.getattr builtins.setattr builtins.delattr operator.attrgetter operator.methodcaller "
     "_operator.attrgetter _operator.methodcaller operator.itemgetter _operator.itemgetter builtins.vars "
     "builtins.globals builtins.locals builtins.type inspect gc sys"),
    ("dangerous", "call", "calls a function that it is given",
     "builtins.map builtins.filter builtins.apply functools.reduce itertools.starmap itertools.accumulate threading "
     "_thread concurrent atexit sched asyncio builtins.breakpoint builtins.help builtins.input weakref.finalize"),
    ("dangerous", "another pickle", "reads another pickle, which can run anything",
     "pickle _pickle cPickle dill cloudpickle joblib shelve torch.load torch.serialization.load "
     "torch.serialization._load torch.jit.load torch.package torch.storage._load_from_bytes numpy.load "
     "numpy.lib.npyio.load numpy.lib._npyio_impl.load pandas.read_pickle pandas.io.pickle jsonpickle"),
    ("dangerous", "fetched code", "fetches code from the network and runs it",
     "torch.hub torch.utils.model_zoo"),
    ("dangerous", "network", "speaks to other machines",
     "socket _socket ssl urllib urllib2 http httplib httplib2 requests aiohttp ftplib smtplib telnetlib poplib imaplib "
     "xmlrpc socketserver paramiko"),
    ("dangerous", "browser", "opens a web page",
     "webbrowser antigravity"),
    ("dangerous", "native code", "loads and calls native code",
     "ctypes _ctypes torch.ops.load_library torch._ops torch.classes.load_library numpy.ctypeslib"),
    ("dangerous", "files", "opens, writes or removes files",
     "builtins.open io _io codecs.open shutil tempfile fileinput tarfile zipfile numpy.save numpy.savetxt "
     "numpy.fromfile numpy.memmap torch.save sqlite3 logging.config logging.FileHandler glob"),
)  # fmt: skip
"""What could be done, of what kind it is, what it does, and the names or modules of which that holds."""
_KNOWN = {name: Described(severity, kind, what) for severity, kind, what, names in _TABLE for name in names.split()}
