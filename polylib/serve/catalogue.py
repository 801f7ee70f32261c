"""What a server offers: base, adapters, blends, both sides and a router, each by a fixed name and with its label.

Names come from this list or match the one pattern of a blend; nothing that a client sends becomes a path or an
adapter's name. It knows folders and how to switch; not how answers are made.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from polylib import ADAPTERS, CONDITIONS, LEANINGS
from polylib.blend.dial import side_weights, use_blend
from polylib.blend.routed import Router, open_router
from polylib.disclose.label import Label, check_label
from polylib.errors import PolylibError
from polylib.files import read_json
from polylib.models import LoadedModel, load_adapters, load_base, use
from polylib.serve.measured import Figures, nearest, read_figures, read_splits
from polylib.serve.offers import Offer, Way
from polylib.show.run_folder import stage_folder

BLEND = re.compile(r"blend:(0|1|0\.\d{1,2}|1\.0{1,2})")
LISTED_BLENDS = ("0.25", "0.5", "0.75")
BALANCED, ROUTED = "balanced", "routed"


class Catalogue:
    """A base with its labelled adapters, and what is offered of them."""

    def __init__(
        self, loaded: LoadedModel, labels: Mapping[str, Label], router: Router | None = None, kind: str = "gate",
        figures: Figures | None = None,
    ) -> None:  # fmt: skip
        """Offer a base and the adapters that were loaded on it. Raises PolylibError for one without a label.

        router, kind: for `routed`, which is not offered without one; figures: what was measured of several adapters.
        """
        missing = set(loaded.adapters) ^ set(labels)
        if missing:
            raise PolylibError(", ".join(sorted(missing)), "an adapter and its label do not both stand here")
        self.loaded, self._labels, self._figures = loaded, dict(labels), figures or {}
        self._both = set(LEANINGS) <= set(labels)
        self._router = router if self._both else None
        self._kind: Way = "arrow" if kind == "arrow" else "gate"

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names a list shows: base, adapters, and where both leanings are here what can be made of them."""
        single = tuple(name for name in CONDITIONS if name == "base" or name in self._labels)
        if not self._both:
            return single
        blends = tuple(f"blend:{weight}" for weight in LISTED_BLENDS)
        return (*single, *blends, BALANCED, *([ROUTED] if self._router else []))

    def find(self, name: str) -> Offer | None:
        """Return what a name means, None where it is not offered.

        `blend:W` is W of the conservative and 1 - W of the progressive adapter, W in [0, 1] with at most two decimals.
        """
        if name == "base":
            return Offer("base")
        if name in self._labels:
            return Offer(name, ((name, 1.0),), (self._labels[name],))
        if not self._both:
            return None
        labels = tuple(self._labels[side] for side in LEANINGS)
        if name == BALANCED:
            weights = tuple(side_weights(0.5).items())
            return Offer(name, weights, labels, "both_sides", nearest(self._figures, "both_sides", 0.5))
        if name == ROUTED and self._router:
            return Offer(name, (), labels, self._kind, next(iter(self._figures.get(self._kind, ())), None))
        found = BLEND.fullmatch(name)
        if not found:
            return None
        share = float(found[1])
        weights = tuple((side, round(weight, 2)) for side, weight in side_weights(share).items())
        return Offer(f"blend:{share:g}", weights, labels, "dial", nearest(self._figures, "dial", share))

    def route(self, offer: Offer, tokens: Sequence[int]) -> Offer:
        """Return the offer as the router decides for a prompt; not safe for several threads at once."""
        if self._router is None or not offer.open:
            return offer
        shares = self._router.shares(tokens)
        return replace(offer, weights=tuple((side, round(shares[side], 4)) for side in LEANINGS))

    @contextmanager
    def switched(self, offer: Offer) -> Iterator[Any]:
        """Yield the model as `offer` says, once its router has decided; not safe for several threads at once."""
        if offer.way in ("gate", "arrow") and self._router:
            with self._router.switched(dict(offer.weights)) as model:
                yield model
        elif offer.way == "dial":
            with use_blend(self.loaded, dict(offer.weights)) as model:
                yield model
        else:
            with use(self.loaded, offer.weights[0][0] if offer.weights else "base") as model:
                yield model


def bundles_of(folder: Path) -> dict[str, Path]:
    """Return the adapters' folders by name, of a folder of bundles, of a stage that wrote one, or of a finished run.

    Raises PolylibError where there are none, or a run's record leads outside the folder that the run lies in.
    """
    stages = reversed(stages_of(folder).values())
    roots = (folder, folder / "bundles", *(place / "bundles" for place in stages))
    for root in roots:
        found = {name: root / name for name in ADAPTERS if (root / name).is_dir()}
        if found:
            return found
    if (folder / "manifest.json").is_file():
        raise PolylibError(
            str(folder), "has no labelled adapters: its last stage did not finish, or what that wrote is gone",
            remedy="run the study to its end (`status` says what is left), or name another run",
        )  # fmt: skip
    raise PolylibError(
        str(folder), f"holds no folder named {', '.join(ADAPTERS)}",
        remedy="name the folder of a finished run, or one of bundles as a run writes them",
    )  # fmt: skip


def stages_of(folder: Path) -> dict[str, Path]:
    """Return the folders of a run's finished stages by id, in their order; {} for any other folder.

    Raises PolylibError where the run's record is none, or leads outside the folder that the run lies in.
    """
    if not (folder / "manifest.json").is_file():
        return {}
    manifest = read_json(folder / "manifest.json")
    stages = manifest.get("stages") if isinstance(manifest, dict) else None
    if not isinstance(stages, list):
        raise PolylibError(str(folder / "manifest.json"), "is not the record of a run")
    found = {}
    for number, stage in enumerate(stages):
        place = stage.get("folder") if isinstance(stage, dict) and stage.get("state") == "finished" else None
        if not isinstance(place, str):
            continue
        found[str(stage.get("id", number))] = stage_folder(folder, place)
    return found


def open_catalogue(folder: Path | str, model: str = "", threads: int = 1, router: str = "gate") -> Catalogue:
    """Load the base and all adapters of a run or of a folder of bundles.

    model: `reference`, a local folder or a hub id; where empty, the base that the labels name, at its revision;
    router: `gate` or `arrow`, which needs no training and holds a second base. Raises PolylibError where a label is
    missing, malformed or does not fit weights, base or name.
    """
    folder = Path(folder)  # people type it in notebooks
    folders, stages = bundles_of(folder), stages_of(folder)
    labels = {name: check_label(path) for name, path in folders.items()}
    bases = {(label.base_model, label.base_revision) for label in labels.values()}
    if len(bases) > 1:
        raise PolylibError(str(folder), f"its adapters are of different bases ({sorted(bases)})")
    named, revision = bases.pop()
    loaded = load_base(model or named, revision if not model or model == named else "", threads)
    routing = open_router(router, loaded, folders, read_splits(stages))
    load_adapters(loaded, folders)
    return Catalogue(loaded, labels, routing, router, read_figures(stages, labels))
