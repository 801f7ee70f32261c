"""The house as the README draws it: which way imports point, how large things are, what they say of themselves."""

import ast
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "polylib"

# From the top of the house to its ground. A room may import its own floor (never in a circle) and those below.
FLOORS = (
    ("__main__", "setup_environment", "setup_progress"),
    ("cli",),
    ("verbs",),
    ("study", "serve"),
    ("tune", "audit", "blend"),
    ("measure",),
    ("feedback", "augment"),
    ("curate",),
    ("models",),
    ("disclose",),
    ("bank", "reference", "show"),
    ("tables", "parameters"),
    ("files", "orphans"),
    ("errors",),
    ("",),  # polylib/__init__.py, the shared words
)
HEIGHT = {room: -number for number, floor in enumerate(FLOORS) for room in floor}
# What a room must not import although it stands below.
BLIND = {
    "show": {"bank", "reference"},  # draws tables and knows no room
    "disclose": {"bank", "reference"},  # turns records into labels and cards and knows no model
    "bank": {"reference", "show"},
    "reference": {"show"},
}
HEAVY = {
    "torch", "transformers", "tokenizers", "peft", "trl", "datasets", "accelerate", "pandas", "pyarrow", "sklearn",
    "scipy", "statsmodels", "matplotlib", "seaborn", "papermill", "nbconvert", "nbformat", "nbclient",
    "jupyter_client", "jupyterlab", "IPython", "gguf", "ipywidgets", "fastapi", "uvicorn", "playwright", "httpx",
}  # fmt: skip
# Calls at the level of a module that only declare: what may stand there, by module.
DECLARATIONS = {
    "polylib.cli": r"app\.",  # typer's commands
    "polylib.verbs.feedback": r"app\.",
    "polylib.verbs.instruments": r"app\.",
    "polylib.verbs.reference": r"app\.",
    "polylib.study.overlays": r"_Loader\.|for .* in _SCALARS",  # what YAML's plain words mean
}
MODULE_LINES, MODULE_MEDIAN, FUNCTION_LINES = 350, 150, 60
Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def modules() -> dict[str, ast.Module]:
    """Return {dotted name: syntax tree} of every module of the package."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    return found


def path_of(module: str) -> Path:
    """Return the file of a module."""
    base = ROOT.joinpath(*module.split("."))
    return base.with_suffix(".py") if base.with_suffix(".py").is_file() else base / "__init__.py"


def room_of(module: str) -> str:
    """Return the room of a dotted name: `bank` for polylib.bank.loader, "" for polylib itself."""
    return [*module.split("."), ""][1]


def imports(tree: ast.AST) -> set[str]:
    """Return the modules of the package that `tree` imports, also inside functions."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import of {node.module}"
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            # `from polylib.x import y` reaches polylib.x itself only for what is no module of its own.
            names |= {name for name in inner if name in modules()}
            if inner - set(modules()):
                names.add(str(node.module))
    return {name for name in names if name.split(".")[0] == "polylib"}


def functions(tree: ast.AST) -> Iterator[tuple[str, Function]]:
    """Yield every function of a module with its dotted name."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node
        prefix = f"{node.name}." if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) else ""
        for name, function in functions(node):
            yield prefix + name, function


def test_every_room_has_its_floor() -> None:
    assert {room_of(module) for module in modules()} <= set(HEIGHT)


def test_imports_point_down() -> None:
    wrong = [
        f"{module} imports {target}"
        for module, tree in modules().items()
        for target in imports(tree)
        if HEIGHT[room_of(target)] > HEIGHT[room_of(module)] or room_of(target) in BLIND.get(room_of(module), set())
    ]
    # The entry stands above everything but is handed nothing: it alone calls the command line and its own helpers.
    assert not wrong


def test_imports_run_in_no_circle_between_rooms() -> None:
    arrows: dict[str, set[str]] = {}
    for module, tree in modules().items():
        arrows.setdefault(room_of(module), set()).update(room_of(target) for target in imports(tree))
    assert not circle({room: targets - {room} for room, targets in arrows.items()})


def test_imports_run_in_no_circle_between_modules() -> None:
    assert not circle({module: imports(tree) - {module} for module, tree in modules().items()})


def circle(arrows: dict[str, set[str]]) -> list[str]:
    """Return the nodes of a circle, empty if there is none."""
    left = {node: set(targets) & set(arrows) for node, targets in arrows.items()}
    while free := [node for node, targets in left.items() if not targets]:
        for node in free:
            del left[node]
        for targets in left.values():
            targets -= set(free)
    return sorted(left)


def test_circle_is_found() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": set()}) == []
    assert circle({"a": {"b"}, "b": {"a"}, "c": {"a"}}) == ["a", "b", "c"]


@pytest.mark.parametrize("module", ["polylib", "polylib.__main__", "polylib.setup_environment"])
def test_entry_needs_the_standard_library_only(module: str) -> None:
    # -I -S: neither site-packages nor the user's own settings
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import {module}"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_entry_can_be_read_by_an_old_python() -> None:
    for name in ("__init__", "__main__"):
        ast.parse((PACKAGE / f"{name}.py").read_text(encoding="utf-8"), feature_version=(3, 6))


def test_no_heavy_import_at_module_level() -> None:
    wrong = []
    for module, tree in modules().items():
        for node in tree.body:
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            wrong += [f"{module}: {name}" for name in names if name.split(".")[0] in HEAVY]
    assert not wrong


def test_no_work_at_import() -> None:
    """Nothing but definitions, constants and their checks stands at the level of a module."""
    allowed = (
        ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign,
        ast.Assert,
    )  # fmt: skip
    wrong = []
    for module, tree in modules().items():
        for node in tree.body:
            text = ast.unparse(node)
            guard = isinstance(node, ast.If) and re.match(
                r"if (TYPE_CHECKING|__name__ == '__main__'|sys\.platform)", text
            )
            docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            declares = module in DECLARATIONS and re.match(DECLARATIONS[module], text)
            if not (isinstance(node, allowed) or guard or docstring or declares):
                wrong.append(f"{module}, line {node.lineno}: {text[:60]}")
    assert not wrong


def test_the_package_knows_no_notebook_but_in_the_stage_table() -> None:
    stems = {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")}
    wrong = []
    for module, tree in modules().items():
        if room_of(module) in ("study", "cli", "__main__"):
            continue
        docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        wrong += [
            f"{module}, line {node.lineno}: {node.value}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and node.value in stems and id(node) not in docstrings
        ]
    assert not wrong


def test_modules_are_small() -> None:
    lines = {module: path_of(module).read_text(encoding="utf-8").count("\n") for module in modules()}
    assert {module: count for module, count in lines.items() if count > MODULE_LINES} == {}
    assert statistics.median(lines.values()) < MODULE_MEDIAN


def test_functions_are_small() -> None:
    long = {}
    for module, tree in modules().items():
        for name, function in functions(tree):
            count = (function.end_lineno or 0) - function.lineno + 1
            if count > FUNCTION_LINES:
                long[f"{module}.{name}"] = count
    assert long == {}


def test_modules_say_what_they_are_for() -> None:
    assert [module for module, tree in modules().items() if not ast.get_docstring(tree)] == []


def test_public_functions_and_classes_are_documented_and_typed() -> None:
    wrong = []
    for module, tree in modules().items():
        for name, function in functions(tree):
            if function.returns is None:
                wrong.append(f"{module}.{name}: no return type")
            public = not any(part.startswith("_") for part in name.split("."))
            nested = any(part[0].islower() for part in name.split(".")[:-1])
            setter = any(ast.unparse(decorator).endswith(".setter") for decorator in function.decorator_list)
            if public and not nested and not setter and not ast.get_docstring(function):
                wrong.append(f"{module}.{name}: no docstring")
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_") and not ast.get_docstring(node):
                wrong.append(f"{module}.{node.name}: no docstring")
    assert wrong == []


def test_public_names_are_words() -> None:
    """Full words: no short forms that a reader must guess."""
    short = re.compile(r"(^|_)(idx|cfg|tmp|num|cnt|arr|lst|prog|cons|hparams|params_dict|df)(_|$)")
    wrong = [
        f"{module}.{name}" for module, tree in modules().items() for name, _ in functions(tree) if short.search(name)
    ]
    assert wrong == []


@pytest.mark.slow
def test_ruff_finds_nothing() -> None:
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "--output-format", "concise", "."]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_mypy_finds_nothing() -> None:
    command = [sys.executable, "-m", "mypy", "--strict", "polylib"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
