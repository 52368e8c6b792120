"""What metadata say of a picture's past is read, or the damage is told in a sentence."""

from collections.abc import Callable
from typing import Any

import pytest

from tasks.adjust.history import earlier_edits, earlier_filters, scene_size, settings_of


@pytest.mark.parametrize("settings", ["{", "[]", "3"])
@pytest.mark.parametrize("read", [settings_of, earlier_filters, scene_size])
def test_damaged_settings_are_told(read: Callable[[dict[str, Any]], object], settings: str) -> None:
    with pytest.raises(ValueError, match="settings of the metadata are damaged; adjust the picture as a file"):
        read({"settings": settings, "width": 128, "height": 128})


@pytest.mark.parametrize("filters", ["{", "3", '[{"stop": "warmer"}]'])
def test_damaged_filters_are_told(filters: str) -> None:
    with pytest.raises(ValueError, match="filters of the metadata are damaged"):
        earlier_filters({"filters": filters})


def test_damaged_edits_are_told() -> None:
    with pytest.raises(ValueError, match="scene_edits of the metadata are damaged"):
        earlier_edits({"scene_edits": '[{"step": "sky"}]'})


@pytest.mark.parametrize("step", ["upscale:2", "upscale-learned:2", "upscale-learned:2:x4plus"])
def test_a_scene_is_as_large_as_before_its_run_enlarged_it(step: str) -> None:
    assert scene_size({"settings": f'{{"enhance": "{step}"}}', "width": 256, "height": 128}) == (128, 64)
