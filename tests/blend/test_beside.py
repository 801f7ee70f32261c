"""Adapters side by side in one batch: each row is its own adapter's, and nothing stays changed."""

from typing import Any

import pytest
import torch

from polylib import LEANINGS
from polylib.blend.beside import beside
from polylib.errors import PolylibError
from polylib.models import LoadedModel, use


@pytest.mark.parametrize("names", [LEANINGS, LEANINGS[::-1]])
def test_every_row_is_computed_under_its_own_adapter(loaded: LoadedModel, names: tuple[str, ...]) -> None:
    tokens = torch.arange(5, 17).reshape(2, 6)
    with torch.inference_mode():
        with beside(loaded, names) as model:
            together = model(torch.cat([tokens] * 2)).logits.chunk(2)
        for name, found in zip(names, together, strict=True):
            with use(loaded, name) as model:
                assert torch.allclose(found, model(tokens).logits, atol=1e-5)
        assert not torch.allclose(*together, atol=1e-2)


def test_what_cannot_stand_side_by_side_is_refused(loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PolylibError, match="not loaded"), beside(loaded, ("progressive", "nobody")):
        pass
    layer: Any = next(module for module in loaded.model.modules() if hasattr(module, "lora_A"))
    monkeypatch.setitem(layer.lora_variant, "progressive", object())
    with pytest.raises(PolylibError, match="one shape"), beside(loaded, LEANINGS):
        pass
    assert not any("forward" in module.__dict__ for module in loaded.model.modules())
