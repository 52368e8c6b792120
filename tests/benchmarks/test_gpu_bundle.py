"""The wheels for a machine with a GPU: what is required is found, what is never opened stays behind."""

import zipfile
from pathlib import Path

from benchmarks.gpu_bundle import NEVER_IMPORTED, THERE, missing, pack


def test_what_packages_require_is_found_by_extras_too_and_what_is_there_is_not() -> None:
    found = missing()
    assert {"prefect", "fastapi", "cyclopts", "greenlet"} <= set(found)  # greenlet: of sqlalchemy[asyncio]
    assert not {"torch", "spacy", "ray", "botocore", *THERE, *NEVER_IMPORTED} & set(found)


def test_a_wheel_is_packed_without_what_is_never_opened(tmp_path: Path) -> None:
    wheel = tmp_path / "imagecodecs-1.0-py3-none-any.whl"
    kept = {"imagecodecs/__init__.py": b"x" * 100, "imagecodecs/_png.abi3.so": b"y" * 100}
    with zipfile.ZipFile(wheel, "w") as file:
        for name, content in {**kept, "imagecodecs/_aom.abi3.so": b"z", "imagecodecs/tests/test.py": b"t"}.items():
            file.writestr(name, content)
    (tmp_path / "out").mkdir()
    pack(wheel, tmp_path / "out")
    with zipfile.ZipFile(tmp_path / "out" / wheel.name) as file:
        assert {name: file.read(name) for name in file.namelist()} == kept
