"""One truth for the environment: the lock, the ranges of pyproject.toml, environment.yml, and licences."""

import ast
import importlib.metadata
import itertools
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from polylib.setup_environment import LOCK, Pin, read_pins

ROOT = Path(__file__).resolve().parents[2]
LOCK_TEXT = (ROOT / LOCK).read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DIRECT = [Requirement(text) for text in PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"]]
PLATFORMS = {"linux": ("posix", "Linux"), "darwin": ("posix", "Darwin"), "win32": ("nt", "Windows")}
PYTHONS = ((3, 11), (3, 12), (3, 13), (3, 14))
# torch's CUDA and Triton packages come with its CUDA build alone, in the versions that build asks for.
OF_THE_CUDA_BUILD = re.compile(r"nvidia-|cuda-|triton")
# Import names that differ from the name of the package.
PACKAGES = {
    "IPython": "ipython",
    "PIL": "pillow",
    "jupyter_client": "jupyter-client",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}
# Packages whose metadata name no licence; each was read up in its own licence file.
LICENCES_READ_UP = {"mlcroissant": "Apache-2.0"}
COPYLEFT = re.compile(r"\bA?GPL|GNU (Affero )?General Public", re.IGNORECASE)


def pins(platform: str = sys.platform, python: tuple[int, int] = sys.version_info[:2]) -> dict[str, str]:
    """Return {canonical name: version} of the pins that apply."""
    return {canonicalize_name(pin.name): pin.version for pin in read_pins(LOCK_TEXT, platform, python)}


def test_lock_is_sorted_and_names_nothing_twice() -> None:
    lines = [line for line in LOCK_TEXT.splitlines() if line and not line.startswith("#")]
    names = [canonicalize_name(line.partition("==")[0]) for line in lines]
    assert names == sorted(set(names))
    assert "+" not in "".join(lines)


@pytest.mark.parametrize("requirement", DIRECT, ids=lambda requirement: requirement.name)
def test_pin_lies_within_the_range_of_pyproject(requirement: Requirement) -> None:
    assert requirement.specifier.contains(pins()[canonicalize_name(requirement.name)])


@pytest.mark.parametrize(("platform", "python"), list(itertools.product(PLATFORMS, PYTHONS)))
def test_everything_that_is_needed_anywhere_is_pinned(platform: str, python: tuple[int, int]) -> None:
    name, system = PLATFORMS[platform]
    version = ".".join(map(str, python))
    environment: dict[str, Any] = {
        **default_environment(), "sys_platform": platform, "os_name": name, "platform_system": system,
        "python_version": version, "python_full_version": version + ".1", "extra": "",
    }  # fmt: skip
    have = pins(platform, python)
    missing = {
        f"{needed} for {package}"
        for package in set(have) & set(pins())  # only what is installed here can be asked what it needs
        for needed in map(Requirement, importlib.metadata.requires(package) or [])
        if (needed.marker is None or needed.marker.evaluate(environment))
        and canonicalize_name(needed.name) not in have
        and not OF_THE_CUDA_BUILD.match(needed.name)
    }
    assert not missing


@pytest.mark.parametrize("python", ["3.11.0", "3.12.0", "3.13.0", "3.14.0"])
def test_every_pin_takes_every_python_that_we_promise(python: str) -> None:
    """Also the first release of each: Debian 12 has 3.11.2, and some packages ask for a later patch."""
    refused = {
        f"{package} wants Python {wanted}"
        for package in pins()
        if (wanted := importlib.metadata.metadata(package).get("Requires-Python"))
        and not SpecifierSet(wanted).contains(python)
    }
    assert not refused


def test_nothing_else_is_pinned_than_what_something_needs() -> None:
    wanted = {canonicalize_name(requirement.name) for requirement in DIRECT}
    while True:
        more = {
            canonicalize_name(Requirement(text).name)
            for package in wanted & set(pins())
            for text in importlib.metadata.requires(package) or []
        }
        if more <= wanted:
            break
        wanted |= more
    assert not set(pins()) - wanted


def test_every_package_that_polylib_imports_is_declared() -> None:
    imported = set()
    for path in (ROOT / "polylib").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                imported.add(node.module.partition(".")[0])
    others = imported - set(sys.stdlib_module_names) - {"polylib"}
    extras = [text for name, texts in PROJECT["optional-dependencies"].items() if name != "dev" for text in texts]
    declared = {canonicalize_name(Requirement(text).name) for text in PROJECT["dependencies"] + extras}
    assert {PACKAGES.get(name, canonicalize_name(name)) for name in others} <= declared


def test_conda_environment_holds_the_lock_and_nothing_else() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    python, pip, rest = environment["dependencies"]
    assert Requirement(python.replace("=", "==")).specifier.contains("3.11")
    assert pip == "pip"
    assert rest == {"pip": [f"-r {LOCK}", "-e ."]}
    assert environment["channels"] == ["conda-forge"]
    assert PROJECT["requires-python"] == ">=3.11"


@pytest.mark.parametrize("pin", read_pins(LOCK_TEXT), ids=lambda pin: pin.name)
def test_no_gpl_or_agpl(pin: Pin) -> None:
    metadata = importlib.metadata.metadata(pin.name)
    # The old field License may hold a whole text; its first line names the licence.
    said = [metadata.get("License-Expression") or "", (metadata.get("License") or "").strip().partition("\n")[0]]
    said += [text for text in metadata.get_all("Classifier") or [] if text.startswith("License ::")]
    licence = "; ".join(filter(None, said)) or LICENCES_READ_UP.get(pin.name, "")
    assert licence, f"{pin.name} names no licence: read it up and add it to LICENCES_READ_UP"
    assert not COPYLEFT.search(licence) or " OR " in licence, licence
