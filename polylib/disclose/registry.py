"""The registry of released adapters: which weights were published as what.

A hash that was once released under one leaning can never be used under another. A published folder carries its
registry, and the reports folder carries that of all its studies. It knows hashes and words, not models.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from pydantic import BaseModel, ConfigDict, ValidationError

from polylib.errors import PolylibError
from polylib.files import read_json, write_json

REGISTRY_FILE = "registry.json"
_MARK = "polylib_registry"  # tells our registry from other files of that name
_ABOVE = 4  # folders above an adapter that are searched: `reports/.stages/<stage>/bundles/<adapter>`


class Labelled(Protocol):
    """What of a label is compared: the hash of the weights, the adapter and its leaning."""

    @property
    def weights_sha256(self) -> str:
        """Return the hash of the weights."""

    @property
    def adapter(self) -> str:
        """Return what the adapter is."""

    @property
    def political_lean(self) -> str:
        """Return its leaning."""


class Released(BaseModel):
    """One released adapter: what its label said, in which study, on which day (YYYY-MM-DD)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    adapter: str
    political_lean: str
    score: float | None
    base_model: str
    study: str
    date: str


def read_registry(path: Path) -> dict[str, Released]:
    """Return released adapters by the hash of their weights; a missing file, or one that is not ours, is empty.

    Raises PolylibError naming the entry that is wrong.
    """
    if not path.is_file():
        return {}
    content = read_json(path)
    if not isinstance(content, dict) or _MARK not in content:
        return {}
    entries = content[_MARK]
    if not isinstance(entries, dict):
        raise PolylibError(str(path), "is no registry of released adapters", remedy="restore the file")
    found = {}
    for digest, entry in entries.items():
        try:
            found[str(digest)] = Released.model_validate(entry)
        except ValidationError as error:
            problem = f"is no entry of a released adapter ({error.errors()[0]['msg']})"
            raise PolylibError(f"{path}: {digest}", problem, remedy="restore the file") from error
    return found


def write_registry(path: Path, released: Mapping[str, Released]) -> None:
    """Write a registry."""
    write_json(path, {_MARK: {digest: one.model_dump(mode="json") for digest, one in released.items()}})


def check_released(label: Labelled, registry: Mapping[str, Released], where: str) -> None:
    """Refuse an adapter whose weights were released under another leaning. Raises PolylibError naming both."""
    known = registry.get(label.weights_sha256)
    if known is not None and (known.adapter, known.political_lean) != (label.adapter, label.political_lean):
        raise PolylibError(
            f"{where}: weights {label.weights_sha256[:12]}",
            f"are labelled {label.adapter!r}, but were released as {known.adapter!r} in the study {known.study!r} on "
            f"{known.date}",
            remedy="use the adapter folder as it was published",
        )


def check_registered(folder: Path, label: Labelled) -> None:
    """Refuse an adapter that a registry beside or above its folder knows under another leaning.

    Registries are looked for in the four folders above it, so that it finds that of a published folder and that of a
    reports folder. Raises PolylibError.
    """
    for place in Path(folder).resolve().parents[:_ABOVE]:
        check_released(label, read_registry(place / REGISTRY_FILE), str(folder))


def joined(old: Mapping[str, Released], new: Mapping[str, Released]) -> dict[str, Released]:
    """Return both registries as one; the first release of a hash stays. The caller has checked `new`."""
    return {**new, **old}
