"""The label check: every way to tamper with an adapter is refused, and the message says what is wrong."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from polylib import LEANINGS, opposite
from polylib.disclose.label import (
    CONFIG_FILE,
    LABEL_FILE,
    METADATA_KEY,
    WEIGHTS_FILE,
    Label,
    Strength,
    check_label,
    config_hash,
    derive_label,
    expected_lean,
    read_safetensors,
    weights_hash,
    write_label,
)
from polylib.errors import PolylibError
from tests.disclose.labelled import simulated_label
from tests.disclose.simulated import BASE_HASH, make_adapter, make_label, write_weights

REFERENCE_STRENGTH = Strength(score=-0.6, low=-0.7, high=-0.5, n=16, instrument="test")


def flip_a_bit(folder: Path, other: Path) -> None:
    data = bytearray((folder / WEIGHTS_FILE).read_bytes())
    data[-1] ^= 1
    (folder / WEIGHTS_FILE).write_bytes(data)


def remove_the_label(folder: Path, other: Path) -> None:
    (folder / LABEL_FILE).unlink()


def take_the_other_label(folder: Path, other: Path) -> None:
    shutil.copy(other / LABEL_FILE, folder / LABEL_FILE)


def take_the_other_weights(folder: Path, other: Path) -> None:
    shutil.copy(other / WEIGHTS_FILE, folder / WEIGHTS_FILE)


def take_all_but_the_weights(folder: Path, other: Path) -> None:
    data = read_safetensors(folder / WEIGHTS_FILE)[2]
    for name in (LABEL_FILE, CONFIG_FILE):
        shutil.copy(other / name, folder / name)
    header, metadata, _ = read_safetensors(other / WEIGHTS_FILE)
    header["x"] = {"dtype": "U8", "shape": [len(data)], "data_offsets": [0, len(data)]}
    encoded = json.dumps({"__metadata__": metadata, **header}).encode()
    (folder / WEIGHTS_FILE).write_bytes(len(encoded).to_bytes(8, "little") + encoded + data)


def save_again_without_metadata(folder: Path, other: Path) -> None:
    write_weights(folder / WEIGHTS_FILE, read_safetensors(folder / WEIGHTS_FILE)[2])


def save_the_settings_again(folder: Path, other: Path) -> None:
    config = json.loads((folder / CONFIG_FILE).read_text())
    del config[METADATA_KEY]
    (folder / CONFIG_FILE).write_text(json.dumps(config))


def make_it_stronger(folder: Path, other: Path) -> None:
    config = json.loads((folder / CONFIG_FILE).read_text())
    (folder / CONFIG_FILE).write_text(json.dumps({**config, "lora_alpha": 64}))


def cut_the_weights_short(folder: Path, other: Path) -> None:
    (folder / WEIGHTS_FILE).write_bytes((folder / WEIGHTS_FILE).read_bytes()[:-3])


def cut_the_label_short(folder: Path, other: Path) -> None:
    (folder / LABEL_FILE).write_text((folder / LABEL_FILE).read_text()[:-20])


def link_the_label(folder: Path, other: Path) -> None:
    (folder / LABEL_FILE).rename(folder / "elsewhere.json")
    (folder / LABEL_FILE).symlink_to(folder / "elsewhere.json")


def link_the_weights(folder: Path, other: Path) -> None:
    (folder / WEIGHTS_FILE).rename(folder / "elsewhere")
    (folder / WEIGHTS_FILE).symlink_to(folder / "elsewhere")


def link_the_settings(folder: Path, other: Path) -> None:
    (folder / CONFIG_FILE).rename(folder / "elsewhere")
    (folder / CONFIG_FILE).symlink_to(folder / "elsewhere")


def link_the_folder(folder: Path, other: Path) -> None:
    folder.rename(folder.with_name("elsewhere"))
    folder.symlink_to(folder.with_name("elsewhere"))


def claim_to_be_a_blend(folder: Path, other: Path) -> None:
    label = json.loads((folder / LABEL_FILE).read_text())
    (folder / LABEL_FILE).write_text(json.dumps({**label, "adapter": "blend", "political_lean": "mixed"}))


def claim_to_be_a_model(folder: Path, other: Path) -> None:
    label = derive_label([(check_label(folder), 1.0)], "merged", "merged")
    (folder / LABEL_FILE).write_text(label.model_dump_json())


def call_it_neutral(folder: Path, other: Path) -> None:
    text = (folder / LABEL_FILE).read_text().replace('"political_lean": "progressive"', '"political_lean": "none"')
    (folder / LABEL_FILE).write_text(text)


def drop_a_field(folder: Path, other: Path) -> None:
    label = json.loads((folder / LABEL_FILE).read_text())
    del label["political_lean"]
    (folder / LABEL_FILE).write_text(json.dumps(label))


def no_weights(folder: Path, other: Path) -> None:
    (folder / WEIGHTS_FILE).unlink()


def strange_settings(folder: Path, other: Path) -> None:
    (folder / CONFIG_FILE).write_text("[]")


def strange_header(folder: Path, other: Path) -> None:
    (folder / WEIGHTS_FILE).write_bytes((2).to_bytes(8, "little") + b"[]")


@pytest.mark.parametrize(
    ("tamper", "said"),
    [
        (flip_a_bit, "weights_sha256"),
        (remove_the_label, "has no label"),
        (take_the_other_label, "label inside the weights file"),
        (take_the_other_weights, "label inside the weights file"),
        (take_all_but_the_weights, "weights_sha256"),
        (save_again_without_metadata, "label inside the weights file: is 'missing'"),
        (save_the_settings_again, "label inside adapter_config.json: is 'missing'"),
        (make_it_stronger, "config_sha256"),
        (cut_the_weights_short, "is not a complete safetensors file"),
        (cut_the_label_short, "is not complete JSON"),
        (link_the_label, "is a link, not a file"),
        (link_the_weights, "is a link, not a file"),
        (link_the_settings, "is a link, not a file"),
        (link_the_folder, "is a link, not a file"),
        (claim_to_be_a_blend, "a label of version 1 is of one adapter"),
        (claim_to_be_a_model, "its label is of a whole model"),
        (call_it_neutral, "label inside the weights file"),
        (drop_a_field, "political_lean: the label is malformed"),
        (no_weights, "no safetensors weights"),
        (strange_settings, "does not hold an adapter's settings"),
        (strange_header, "label inside the weights file"),
    ],
)
def test_tampering_is_refused_and_named(tmp_path: Path, tamper: Callable[[Path, Path], None], said: str) -> None:
    folder, other = make_adapter(tmp_path / "one"), make_adapter(tmp_path / "other", "conservative")
    assert check_label(folder).adapter == "progressive"
    tamper(folder, other)
    with pytest.raises(PolylibError) as caught:
        check_label(folder)
    assert said in str(caught.value)
    assert "remedy" in str(caught.value)


@given(place=st.integers(min_value=0), bit=st.integers(0, 7))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_flipped_bit_of_the_weights_file_is_refused(tmp_path: Path, place: int, bit: int) -> None:
    folder = tmp_path / "one"
    if not folder.exists():
        make_adapter(folder)
        (tmp_path / "whole").write_bytes((folder / WEIGHTS_FILE).read_bytes())
    data = bytearray((tmp_path / "whole").read_bytes())
    data[place % len(data)] ^= 1 << bit
    (folder / WEIGHTS_FILE).write_bytes(data)
    try:
        check_label(folder)
    except PolylibError:
        return
    assert read_safetensors(folder / WEIGHTS_FILE)[0] == _header(tmp_path / "whole"), "only padding may differ"


def _header(path: Path) -> object:
    return read_safetensors(path)[0]


def test_the_base_must_be_the_one_it_was_tuned_on(tmp_path: Path) -> None:
    folder = make_adapter(tmp_path / "one")
    assert check_label(folder, BASE_HASH)
    with pytest.raises(PolylibError, match="base_sha256"):
        check_label(folder, "c" * 64)


def test_a_label_for_other_weights_is_not_written(tmp_path: Path) -> None:
    folder = make_adapter(tmp_path / "one")
    with pytest.raises(PolylibError, match="weights_sha256"):
        write_label(folder, make_label(folder, "progressive", weights_sha256="0" * 64))
    with pytest.raises(PolylibError, match="config_sha256"):
        write_label(folder, make_label(folder, "progressive", config_sha256="0" * 64))
    assert check_label(folder)


def test_a_lean_that_is_not_the_adapters_is_refused_everywhere(tmp_path: Path) -> None:
    folder = make_adapter(tmp_path / "one")
    write_label(folder, make_label(folder, "progressive", political_lean="none"))
    with pytest.raises(PolylibError, match="political_lean"):
        check_label(folder)


@pytest.mark.parametrize("leaning", LEANINGS)
def test_the_label_is_in_four_places_and_the_hash_survives_it(tmp_path: Path, leaning: str) -> None:
    folder = make_adapter(tmp_path / "one", leaning)
    before = weights_hash(folder / WEIGHTS_FILE)
    label = make_label(folder, leaning, strength=REFERENCE_STRENGTH)
    write_label(folder, label)
    assert weights_hash(folder / WEIGHTS_FILE) == before
    assert check_label(folder) == label
    inside = json.loads(read_safetensors(folder / WEIGHTS_FILE)[1][METADATA_KEY])
    assert inside == json.loads((folder / LABEL_FILE).read_text())
    assert json.loads((folder / CONFIG_FILE).read_text())[METADATA_KEY] == inside
    card = (folder / "README.md").read_text()
    assert f"political-lean:{leaning}" in card
    assert f"**AI. Deliberately {leaning} research model. Not neutral, not advice.**" in card
    assert "-0.60" in card


def test_safetensors_itself_reads_what_was_labelled(tmp_path: Path) -> None:
    from safetensors import safe_open

    folder = make_adapter(tmp_path / "one")
    with safe_open(folder / WEIGHTS_FILE, "np") as weights:
        assert bytes(weights.get_tensor("x")) == b"progressive"
        assert METADATA_KEY in weights.metadata()


WRITTEN_BEFORE_BLENDS = {
    "adapter": "placebo", "base_model": "reference", "base_revision": "", "base_sha256": "b" * 64,
    "config_sha256": "c" * 64, "data_sha256": {}, "intended_use": "x", "made_with": "polylib 0.1.0",
    "political_lean": "none", "prohibited_use": ["y"], "strength": None, "version": 1, "weights_sha256": "w" * 64,
}  # fmt: skip


def test_a_label_of_version_1_is_read_and_written_as_ever() -> None:
    label = Label.model_validate(WRITTEN_BEFORE_BLENDS)
    assert label.model_dump(mode="json") == WRITTEN_BEFORE_BLENDS
    assert list(json.loads(label.model_dump_json()))[:3] == ["version", "adapter", "political_lean"]
    for wrong in ({"political_lean": "mixed"}, {"adapter": "blend"}, {"method": "cat"}, {"version": 2}, {"version": 3}):
        with pytest.raises(ValueError, match=r"version|adapter"):
            Label.model_validate({**WRITTEN_BEFORE_BLENDS, **wrong})


def test_a_blends_label_is_checked_as_an_adapters_is(tmp_path: Path) -> None:
    folder = make_adapter(tmp_path / "one")
    parts = [
        (simulated_label("progressive", strength=REFERENCE_STRENGTH), 0.25),
        (simulated_label("conservative"), 0.75),
    ]
    hashes = weights_hash(folder / WEIGHTS_FILE), config_hash(folder / CONFIG_FILE)
    blend = derive_label(parts, "cat", "blend", *hashes)
    write_label(folder, blend)
    assert check_label(folder, "0" * 64) == blend
    assert blend.banner.startswith("AI. Blend of deliberately biased research adapters (25 % progressive and 75 %")
    card = (folder / "README.md").read_text()
    assert "political-lean:mixed" in card
    assert "0.25 × progressive" in card
    assert "lean alone: -0.60" in card
    write_label(folder, blend.model_copy(update={"political_lean": "none"}))
    with pytest.raises(PolylibError, match="political_lean: is 'none'"):
        check_label(folder)


def test_parts_of_a_blend_are_adapters_of_one_base() -> None:
    one, other = simulated_label("progressive"), simulated_label("conservative", base_sha256="1" * 64)
    with pytest.raises(PolylibError, match="of 2 bases"):
        derive_label([(one, 1.0), (other, 1.0)], "cat")
    with pytest.raises(PolylibError, match="of 0 bases"):
        derive_label([], "cat")
    with pytest.raises(PolylibError, match="is itself a blend"):
        derive_label([(derive_label([(one, 1.0)], "cat"), 1.0)], "cat")


@given(
    st.lists(st.tuples(st.sampled_from(("placebo", *LEANINGS)), st.floats(-2, 2)), min_size=1, max_size=3),
    st.none() | st.tuples(st.floats(-1, 1), st.floats(-1, 1)).map(sorted),
)
def test_the_lean_of_a_blend_turns_round_with_the_leanings(parts: list, measured: list | None) -> None:  # type: ignore[type-arg]
    def lean(turn: bool) -> str:
        turned = [(opposite(name) if turn and name != "placebo" else name, weight) for name, weight in parts]
        label = derive_label([(simulated_label(name), weight) for name, weight in turned], "cat")
        if measured is not None:
            low, high = (-measured[1], -measured[0]) if turn else measured
            strength = Strength(score=(low + high) / 2, low=low, high=high, n=9, instrument="made up")
            label = label.model_copy(update={"strength": strength})
        return expected_lean(label)

    found = lean(False)
    assert lean(True) == (opposite(found) if found in LEANINGS else found)
    if measured is None and any(weight < 0 for name, weight in parts if name != "placebo"):
        assert found == "mixed"
