"""The calls in the user's source that made the modules of a model."""

import ast
import inspect
from dataclasses import dataclass

from torch import nn

from inspector.core.table import Source
from inspector.engine.pytorch.experiments.subject import Subject
from inspector.engine.pytorch.source_edits import Edit, patch, with_keyword
from inspector.engine.pytorch.source_lines import is_user_file, line_of
from inspector.engine.pytorch.user_source import callee, text_of, tree_of


@dataclass(frozen=True, eq=False)
class ConstructorLines:
    """Finds them, module by module."""

    module: nn.Module
    files: list[str]
    """Those in which the classes of the model stand."""

    def call_of(self, path: str) -> tuple[str, ast.Call] | None:
        """File and call that made the module at a path; None where no single call did."""
        kind = type(self.module.get_submodule(path)).__name__
        parent = path
        steps: list[str] = []
        while parent:
            parent, _, step = parent.rpartition(".")
            steps.insert(0, step)
            owner = type(self.module.get_submodule(parent))
            file = _file_of(owner)
            if file is not None:
                return _among(file, _registrations(file, owner, steps[0]), steps[1:], kind) or _among(
                    file, _bodies(file, owner), [], kind
                )
        for file in self.files:
            tree = tree_of(file)
            if tree is None:
                continue
            roots = _calls_of(tree, type(self.module).__name__)
            if len(roots) == 1 and (found := _among(file, [*roots], steps, kind)):
                return found
            if found := _among(file, [tree], [], kind):
                return found
        return None

    def source_of(self, path: str) -> Source | None:
        """The line that made the module at a path."""
        found = self.call_of(path)
        return line_of(found[0], found[1].lineno) if found is not None else None

    def as_buffer(self, path: str) -> str:
        """The diff that registers the tensor that a module's attribute holds; "" where no single line assigns it."""
        owner, _, name = path.rpartition(".")
        kind = type(self.module.get_submodule(owner))
        file = _file_of(kind)
        values = _registrations(file, kind, name) if file is not None else []
        if file is None or len(values) != 1 or not isinstance(values[0], ast.expr):
            return ""
        statement = next(
            (
                node
                for body in _bodies(file, kind)
                for node in ast.walk(body)
                if isinstance(node, ast.Assign) and node.value is values[0] and len(node.targets) == 1
            ),
            None,
        )
        if statement is None or isinstance(values[0], ast.List | ast.Dict | ast.ListComp):
            return ""
        me = ast.unparse(statement.targets[0]).partition(".")[0]
        return patch(Edit(file, statement, f'{me}.register_buffer("{name}", {text_of(file, values[0])})'))

    def device_near(self, at: Source) -> str:
        """How the function around a line says where its first input lies: ``x.device``; "" where it has none."""
        tree = tree_of(at.file)
        functions = [
            node
            for node in (ast.walk(tree) if tree is not None else ())
            if isinstance(node, ast.FunctionDef) and node.lineno <= at.line <= (node.end_lineno or node.lineno)
        ]
        arguments = max(functions, key=lambda node: node.lineno).args.args[1:] if functions else []
        return f"{arguments[0].arg}.device" if arguments else ""

    def with_keyword(self, path: str, keyword: str, value: str) -> str:
        """The diff that makes the module at a path with another argument; "" where its call is not found."""
        found = self.call_of(path)
        return patch(with_keyword(*found, keyword, value)) if found is not None else ""


def constructor_lines(subject: Subject) -> ConstructorLines:
    """For the model as it is."""
    files = [_file_of(type(module)) for module in subject.module.modules()]
    return ConstructorLines(subject.module, list(dict.fromkeys([*filter(None, files), *subject.files])))


def _file_of(owner: type) -> str | None:
    try:
        file = inspect.getsourcefile(owner)
    except (OSError, TypeError):
        return None
    return file if file is not None and is_user_file(file) and "site-packages" not in file else None


def _bodies(file: str, owner: type) -> list[ast.AST]:
    """The bodies of a class and of those it inherits from in the same file."""
    names = {each.__name__ for each in owner.__mro__}
    tree = tree_of(file)
    return [] if tree is None else [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name in names]


def _registrations(file: str, owner: type, name: str) -> list[ast.AST]:
    """What the class assigns to ``self.name``."""
    return [
        node.value
        for body in _bodies(file, owner)
        for node in ast.walk(body)
        if isinstance(node, ast.Assign)
        and any(isinstance(target, ast.Attribute) and target.attr == name for target in node.targets)
    ]


def _among(file: str, nodes: list[ast.AST], steps: list[str], kind: str) -> tuple[str, ast.Call] | None:
    """The one call of `kind` in some nodes, which `steps` lead to through the arguments of Sequential."""
    if len(nodes) == 1:
        node = nodes[0]
        for step in steps:
            if not (isinstance(node, ast.Call) and step.isdigit() and int(step) < len(node.args)):
                break
            if any(isinstance(each, ast.Starred) for each in node.args[: int(step) + 1]):
                break
            node = node.args[int(step)]
        if isinstance(node, ast.Call) and callee(node) == kind:
            return file, node
    calls = [each for node in nodes for each in _calls_of(node, kind)]
    return (file, calls[0]) if len(calls) == 1 else None


def _calls_of(tree: ast.AST, name: str) -> list[ast.Call]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call) and callee(node) == name]
