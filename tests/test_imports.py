"""The house keeps its directions: a line imports only what stands above it (DESIGN, section 2)."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import hybridstudio

ROOT = Path(hybridstudio.__file__).parent
NAME = "hybridstudio"

# From the ground up; names in one line stand beside each other.
FLOORS = (
    {"config", "messages", "errors", "paths", "runs", "pictures", "presets", "commands", "doctor",
     "telling", "cloud", "density", "onestep", "frames", "comparison", "variants", "latents",
     "diagnosis", "points_kept",
     "standing", "racing", "ways"},
    {"diffusion", "nets", "data", "scores"},
    {"families"},
    {"engine"},
    {"cli", "gui"},
    {"bench", "__main__"},
)
GROUND = FLOORS[0]
HEAVY = {"torch", "torchvision", "PySide6", "pyqtgraph", "shiboken6"}
# Who may import which other of the same floor.
BESIDE = {
    "config": {"errors"}, "messages": {"config"}, "errors": set(), "paths": set(),
    "runs": {"config", "errors", "messages", "paths"}, "pictures": {"errors", "messages"},
    "presets": {"config", "errors", "paths"},
    "commands": {"config", "errors", "messages", "paths", "presets", "ways"},
    "ways": {"errors", "messages"}, "racing": {"messages", "pictures"},
    "doctor": {"errors", "paths"}, "telling": set(), "cloud": {"messages"}, "onestep": set(),
    "density": {"messages"},
    "diagnosis": {"config"},
    "latents": {"config", "messages"},
    "points_kept": {"errors", "messages", "paths", "pictures"}, "frames": {"messages", "pictures"},
    "comparison": {"commands", "config", "errors", "messages", "pictures", "runs", "telling"},
    "variants": {"config", "errors", "runs"},
    "standing": {"commands", "config", "errors", "messages", "paths", "runs", "telling"},
    "cli": set(), "gui": set(), "diffusion": set(), "nets": {"diffusion"},
    "data": set(), "scores": {"nets", "data"},
}


def files() -> list[Path]:
    return sorted(ROOT.rglob("*.py"))


def module(file: Path) -> str:
    return ".".join((NAME, *file.relative_to(ROOT).with_suffix("").parts))


def imports(file: Path) -> Iterator[tuple[str, bool, int]]:
    """Yield (full name, whether at module level when run, line) of every import of a file.

    What stands under `if TYPE_CHECKING` never runs, and is left out.
    """
    def walk(body: list[ast.stmt], at_top: bool) -> Iterator[tuple[str, bool, int]]:
        for node in body:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield alias.name, at_top, node.lineno
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{file}:{node.lineno}: relative import"
                for alias in node.names:
                    yield f"{node.module}.{alias.name}", at_top, node.lineno
            elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
                continue
            else:
                inside = at_top and not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
                for field in ("body", "orelse", "finalbody"):
                    yield from walk(getattr(node, field, []), inside)
                for part in getattr(node, "handlers", []) + getattr(node, "cases", []):
                    yield from walk(part.body, inside)
    yield from walk(ast.parse(file.read_text(encoding="utf-8")).body, True)


def part(name: str) -> str | None:
    """Return the part of the house that a full name belongs to."""
    words = name.split(".")
    return words[1] if words[0] == NAME and len(words) > 1 else None


def floor(name: str) -> int:
    return next((level for level, names in enumerate(FLOORS) if name in names), -1)


def test_every_part_of_the_house_has_a_floor():
    parts = {part(module(file)) for file in files()} - {"__init__"}
    assert {name for name in parts if floor(name) < 0} == set()


def test_nothing_imports_upwards_or_its_stranger():
    wrong = []
    for file in files():
        here = part(module(file))
        if here == "__init__":
            continue
        for name, _at_top, line in imports(file):
            there = part(name)
            if there is None or there == here or floor(there) < 0:
                continue
            beside = floor(there) == floor(here) and there not in BESIDE.get(here, {there})
            lazily = here == "gui" and file.name == "jobs.py" and there == "engine"
            if (floor(there) > floor(here) or beside) and not lazily:
                wrong.append(f"{file.relative_to(ROOT)}:{line} imports {name}")
    assert wrong == []


def test_the_ground_imports_neither_torch_nor_qt():
    wrong = [f"{file.relative_to(ROOT)}:{line} imports {name}" for file in files()
             if part(module(file)) in GROUND
             for name, _at_top, line in imports(file) if name.split(".")[0] in HEAVY]
    assert wrong == []


def test_the_window_imports_torch_and_the_engine_only_inside_the_thread():
    heavy = {"torch", "torchvision"}
    work = {"engine", "families", "diffusion", "nets", "data", "scores"}
    wrong = []
    for file in (ROOT / "gui").rglob("*.py"):
        for name, at_top, line in imports(file):
            if name.split(".")[0] in heavy or (
                    part(name) in work and (at_top or file.name != "jobs.py")):
                wrong.append(f"{file.relative_to(ROOT)}:{line} imports {name}")
    assert wrong == []


def test_nothing_below_the_window_knows_qt():
    qt = {"PySide6", "pyqtgraph", "shiboken6"}
    wrong = [f"{file.relative_to(ROOT)}:{line} imports {name}" for file in files()
             if part(module(file)) not in ("gui", "bench")
             for name, _at_top, line in imports(file) if name.split(".")[0] in qt]
    assert wrong == []


@pytest.mark.parametrize("start", ["hybridstudio.__main__", "hybridstudio.cli",
                                   "hybridstudio.gui.app"])
def test_starting_loads_no_torch(start):
    code = f"import {start}, sys; sys.exit('torch' in sys.modules)"
    ended = subprocess.run([sys.executable, "-c", code], check=False, cwd=ROOT.parent)
    assert ended.returncode == 0


def test_files_stay_readable_in_one_sitting():
    long = {str(file.relative_to(ROOT)): lines for file in files()
            if (lines := len(file.read_text(encoding="utf-8").splitlines())) > 400}
    assert long == {}
