"""Five doors, one check: an adapter that was tampered with is refused wherever Polylib would use it, in its words."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from polylib import ADAPTERS, LEANINGS
from polylib.blend.arrow import load_arrow
from polylib.blend.parameters import BlendParameters
from polylib.blend.study import load_leanings
from polylib.disclose.label import (
    CONFIG_FILE,
    LABEL_FILE,
    METADATA_KEY,
    WEIGHTS_FILE,
    check_label,
    read_safetensors,
    write_label,
)
from polylib.errors import PolylibError
from polylib.measure.parameters import MeasureParameters
from polylib.measure.study import load_conditions
from polylib.models import load_adapters, load_base
from polylib.serve.catalogue import open_catalogue
from polylib.serve.export import export_run

NAME = "conservative"  # the one that is tampered with


def flip_a_bit(folder: Path, other: Path) -> None:
    data = bytearray((folder / WEIGHTS_FILE).read_bytes())
    data[-1] ^= 1
    (folder / WEIGHTS_FILE).write_bytes(data)


def remove_the_label(folder: Path, other: Path) -> None:
    (folder / LABEL_FILE).unlink()


def take_the_other_label(folder: Path, other: Path) -> None:
    shutil.copy(other / LABEL_FILE, folder / LABEL_FILE)


def take_the_other_adapter(folder: Path, other: Path) -> None:
    shutil.rmtree(folder)
    shutil.copytree(other, folder)


def save_again_by_safetensors(folder: Path, other: Path) -> None:
    from safetensors.torch import load_file, save_file

    save_file(load_file(folder / WEIGHTS_FILE), folder / WEIGHTS_FILE, {"format": "pt"})


def save_again_by_peft(folder: Path, other: Path) -> None:
    """Save it as PEFT does after loading it: neither the metadata nor the settings keep what PEFT does not know."""
    save_again_by_safetensors(folder, other)
    config = json.loads((folder / CONFIG_FILE).read_text())
    del config[METADATA_KEY]
    (folder / CONFIG_FILE).write_text(json.dumps(config))


def make_it_stronger(folder: Path, other: Path) -> None:
    config = json.loads((folder / CONFIG_FILE).read_text())
    (folder / CONFIG_FILE).write_text(json.dumps({**config, "lora_alpha": 64}))


def link_the_weights(folder: Path, other: Path) -> None:
    (folder / WEIGHTS_FILE).rename(folder.parent / "elsewhere")
    (folder / WEIGHTS_FILE).symlink_to(folder.parent / "elsewhere")


def link_the_folder(folder: Path, other: Path) -> None:
    folder.rename(folder.parent / "elsewhere")
    folder.symlink_to(folder.parent / "elsewhere")


def cut_it_short(folder: Path, other: Path) -> None:
    (folder / WEIGHTS_FILE).write_bytes((folder / WEIGHTS_FILE).read_bytes()[:-3])


def label_it_for_another_base(folder: Path, other: Path) -> None:
    """Write a label that is whole and right in all places, but of a base of the same shape with other content."""
    write_label(folder, check_label(folder).model_copy(update={"base_sha256": "c" * 64}))


TAMPERED: list[tuple[Callable[[Path, Path], None], str]] = [
    (flip_a_bit, "weights_sha256"),
    (remove_the_label, "has no label"),
    (take_the_other_label, "label inside the weights file"),
    (take_the_other_adapter, "its label says 'progressive'"),
    (save_again_by_safetensors, "label inside the weights file: is 'missing'"),
    (save_again_by_peft, "label inside the weights file: is 'missing'"),
    (make_it_stronger, "config_sha256"),
    (link_the_weights, "is a link, not a file"),
    (link_the_folder, "is a link, not a file"),
    (cut_it_short, "is not a complete safetensors file"),
    (label_it_for_another_base, "base_sha256"),
]


def load(base: str, place: Path) -> None:
    load_adapters(load_base(base), {name: place / name / "adapter" for name in ADAPTERS})


def measure(base: str, place: Path) -> None:
    load_conditions(MeasureParameters(model=base, threads=1), {name: place / name for name in ADAPTERS})


def blend(base: str, place: Path) -> None:
    load_leanings(BlendParameters(model=base, threads=1), {name: place / name / "adapter" for name in LEANINGS})


def route(base: str, place: Path) -> None:
    load_arrow(load_base(base), {name: place / name / "adapter" for name in LEANINGS})


def bundled(place: Path) -> Path:
    """Lay the stages' adapters out as bundles."""
    for name in ADAPTERS:
        (place / name / "adapter").rename(place / "bundles-of" / name)
    return place / "bundles-of"


def export(base: str, place: Path) -> None:
    try:
        export_run(bundled(place), place / "out", "vllm", (0.5,), base)
    finally:
        assert not (place / "out").exists()
        assert not list(place.glob(".out*"))


def serve(base: str, place: Path) -> None:
    open_catalogue(bundled(place), base)


@pytest.mark.parametrize("door", [load, measure, blend, route, export, serve])
@pytest.mark.parametrize(("tamper", "said"), TAMPERED)
def test_every_door_refuses_and_says_what_is_wrong(
    bundles: Path, tiny_model: Any, tmp_path: Path, door: Callable[[str, Path], None],
    tamper: Callable[[Path, Path], None], said: str,
) -> None:  # fmt: skip
    (tmp_path / "bundles-of").mkdir()
    for name in ADAPTERS:
        shutil.copytree(bundles / "bundles" / name, tmp_path / name / "adapter")
    tamper(tmp_path / NAME / "adapter", tmp_path / "progressive" / "adapter")
    with pytest.raises(PolylibError) as caught:
        door(str(tiny_model.folder), tmp_path)
    assert said in str(caught.value)
    assert NAME in str(caught.value), "the message names the adapter"


def test_what_peft_saves_again_has_lost_the_label(bundles: Path, tiny_model: Any, tmp_path: Path) -> None:
    loaded = load_base(str(tiny_model.folder))
    load_adapters(loaded, {NAME: bundles / "bundles" / NAME})
    loaded.model.save_pretrained(str(tmp_path), selected_adapters=[NAME])
    assert METADATA_KEY not in read_safetensors(tmp_path / NAME / WEIGHTS_FILE)[1]
    shutil.copy(bundles / "bundles" / NAME / LABEL_FILE, tmp_path / NAME / LABEL_FILE)
    with pytest.raises(PolylibError, match="label inside the weights file: is 'missing'"):
        check_label(tmp_path / NAME)
