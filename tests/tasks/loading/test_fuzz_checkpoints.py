"""Whatever is damaged in a checkpoint: it loads, or is refused in one sentence."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.generators import registry
from models.text.text_encoder import load_text_encoder
from tasks.loading.models import load_generator, ready, usable
from tasks.runfolder.errors import BadInput
from tests.fuzzing import CHANGES, ODD, Changes, altered, damaged, fuzzed
from tests.models.generators.latent.checkpoints import write_latent
from tests.models.text.language_models import write_language_model


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, checkpoints: Any) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("seeds")
    return {
        "gan": write_latent(root / "gan", "gan"),
        "flow": write_latent(root / "flow", "flow"),
        "bert": write_language_model(root / "bert"),
        "sd1": Path(checkpoints("sd1")),
    }


def load(folder: Path, kind: str) -> None:
    if kind == "bert":
        usable(lambda: load_text_encoder(str(folder), "cpu"))
    else:
        ready(load_generator(str(folder), "cpu"))


def loads_or_is_refused(folders: dict[str, Path], kind: str, which: int, change: Callable[[Path], bytes]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "model")
        shutil.copytree(folders[kind], folder)
        files = sorted(
            file for file in folder.rglob("*") if file.is_file() and file.suffix in {".json", ".safetensors"}
        )
        file = files[which % len(files)]
        file.write_bytes(change(file))
        try:
            load(folder, kind)
        except BadInput as error:
            assert "\n" not in str(error)
            assert str(folder) in str(error)
        finally:
            registry.load_generator.cache_clear()
            getattr(load_text_encoder, "cache_clear", lambda: None)()


@fuzzed(2)
@given(st.sampled_from(["gan", "flow", "bert"]), st.integers(0, 20), CHANGES)
def test_damaged_checkpoints(folders: dict[str, Path], kind: str, which: int, changes: Changes) -> None:
    loads_or_is_refused(folders, kind, which, lambda file: damaged(file.read_bytes(), changes))


@fuzzed(2)
@given(st.sampled_from(["gan", "flow", "bert"]), st.integers(0, 20), st.floats(0, 1, exclude_max=True), ODD)
def test_odd_configurations(folders: dict[str, Path], kind: str, which: int, place: float, value: Any) -> None:
    loads_or_is_refused(folders, kind, which, lambda file: _altered(file, place, value))


@fuzzed(20)
@given(st.integers(0, 20), st.floats(0, 1, exclude_max=True), ODD)
def test_odd_configurations_of_diffusers(folders: dict[str, Path], which: int, place: float, value: Any) -> None:
    loads_or_is_refused(folders, "sd1", which, lambda file: _altered(file, place, value))


def _altered(file: Path, place: float, value: Any) -> bytes:
    return altered(file.read_bytes(), place, value) if file.suffix == ".json" else file.read_bytes()[: int(place * 999)]


def test_the_seeds_themselves_load(folders: dict[str, Path]) -> None:
    for kind, folder in folders.items():
        load(folder, kind)
