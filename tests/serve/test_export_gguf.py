"""GGUF files for llama.cpp: numbers, scale and label as they were, and a clear word where the package is missing."""

import sys
from pathlib import Path
from typing import Any

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as some

from polylib import ADAPTERS
from polylib.disclose.label import WEIGHTS_FILE, check_label
from polylib.errors import PolylibError
from polylib.serve.export import export_run
from polylib.serve.export_gguf import LABEL_KEY, check_gguf, interleaved


@given(some.integers(1, 4), some.integers(1, 5), some.integers(1, 3))
def test_rotation_pairs_stand_side_by_side_and_nothing_is_lost(heads: int, half: int, columns: int) -> None:
    rows = numpy.arange(heads * 2 * half * columns).reshape(heads * 2 * half, columns)
    found = interleaved(rows, heads)
    for head in range(heads):
        first = head * 2 * half
        for pair in range(half):
            assert (found[first + 2 * pair] == rows[first + pair]).all()
            assert (found[first + 2 * pair + 1] == rows[first + half + pair]).all()


def test_without_the_package_the_command_that_installs_it_is_named(
    bundles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "gguf", None)
    with pytest.raises(PolylibError, match="pip install 'gguf"):
        export_run(bundles, tmp_path / "out", "llama.cpp")
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def written(bundles: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export for llama.cpp."""
    pytest.importorskip("gguf", reason="the optional package gguf is not installed here: pip install gguf")
    place = tmp_path_factory.mktemp("gguf") / "out"
    export_run(bundles, place, "llama.cpp", (0.5,))
    return place


@pytest.mark.parametrize("name", ADAPTERS)
def test_the_file_holds_the_adapter_with_its_label(written: Path, bundles: Path, name: str) -> None:
    import gguf
    from safetensors.numpy import load_file

    reader = gguf.GGUFReader(written / f"{name}.gguf")
    fields = ("general.type", "general.architecture", "adapter.type", "adapter.lora.alpha")
    assert [reader.get_field(field).contents() for field in fields] == ["adapter", "llama", "lora", 8.0]
    found = {tensor.name: tensor.data for tensor in reader.tensors}
    source = load_file(bundles / "bundles" / name / WEIGHTS_FILE)
    assert len(found) == len(source)
    start = "base_model.model.model.layers.0."
    for side in ("A", "B"):
        down = source[f"{start}mlp.down_proj.lora_{side}.weight"]
        assert numpy.array_equal(found[f"blk.0.ffn_down.weight.lora_{side.lower()}"], down)
    turned = source[f"{start}self_attn.q_proj.lora_B.weight"]
    assert numpy.array_equal(found["blk.0.attn_q.weight.lora_b"], interleaved(turned, 4))
    assert check_gguf(written / f"{name}.gguf") == check_label(bundles / "bundles" / name)


def test_a_changed_file_is_refused(written: Path, tmp_path: Path) -> None:
    whole = (written / "progressive.gguf").read_bytes()
    at = whole.index(LABEL_KEY.encode())
    cases: dict[str, bytes] = {
        "its tensors are not those": whole[:-1] + bytes([whole[-1] ^ 1]),
        "is not a complete GGUF file": whole[: len(whole) // 2],
        "the adapter has no label": whole[:at] + b"polylib.disclosurX" + whole[at + len(LABEL_KEY) :],
    }
    for said, content in cases.items():
        (tmp_path / "x.gguf").write_bytes(content)
        with pytest.raises(PolylibError, match=said):
            check_gguf(tmp_path / "x.gguf")


def test_the_page_says_how_the_base_comes_and_what_was_tried(written: Path, tiny_model: Any) -> None:
    page = (written / "README.md").read_text()
    assert "convert_hf_to_gguf.py" in page
    assert '{"id": 1, "scale": 0.5}, {"id": 2, "scale": 0.5}' in page
    assert "Not tested: other bases" in page
