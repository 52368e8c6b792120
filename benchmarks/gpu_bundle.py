"""Collects, as wheels, the Python packages that `benchmarks.gpu` needs and a machine with a GPU lacks.

    python -m benchmarks.gpu_bundle --out .whl       # on a machine with a network; prints what to run on the other

The other machine: Linux on x86-64, Python 3.12, no network, with PyTorch, transformers and what `THERE` lists. It gets
a checkout and this folder, below 60 MB together. Versions are those installed here; wheels are packed again, tighter
and without what the benchmark never opens. Left out altogether: English tagging by spaCy (its prompts are Chinese), S3,
Gemma (250 MB; trainings use another encoder), Ray, the detector of burned-in text.
"""

import fnmatch
import importlib.metadata
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from cyclopts import run
from packaging.markers import default_environment
from packaging.requirements import Requirement

WANTED = (
    "prefect", "diffusers", "cyclopts", "pydantic", "platformdirs", "rjieba", "stopwordsiso",
    "pydicom", "dicom-anonymizer", "imagecodecs", "zxing-cpp",  # of the archive that a denoiser learns from
)  # fmt: skip
THERE = {
    "anyio", "attrs", "certifi", "charset-normalizer", "click", "cloudpickle", "filelock", "fsspec", "h11",
    "httpcore", "httpx", "huggingface-hub", "humanize", "idna", "jinja2", "markdown-it-py", "markupsafe", "mdurl",
    "msgpack", "numpy", "opencv-python-headless", "packaging", "pandas", "pathspec", "pillow", "pip", "pluggy",
    "prometheus-client", "protobuf", "psutil", "pyarrow", "pygments", "python-dateutil", "pyyaml", "regex",
    "requests", "rich", "safetensors", "scikit-image", "scipy", "shellingham", "six", "sortedcontainers",
    "tifffile", "tokenizers", "toolz", "torch", "tqdm", "transformers", "typer", "typing-extensions", "urllib3",
    "wrapt", "zipp",
}  # fmt: skip
"""What the other machine has."""
NEVER_IMPORTED = {
    "apprise", "dateparser", "docker", "importlib-metadata", "jsonpatch", "python-json-logger", "readchar",
    "rich-rst", "ruamel-yaml", "semver", "tzlocal", "docstring-parser",
}  # fmt: skip
"""What others require for what the benchmark does not do; what only these require stays behind with them."""
LEFT_OUT = {
    "*": ("*.pyi", "*.pyx", "*.pxd", "*.c", "*.cpp", "*/tests/*"),
    "prefect": ("prefect/server/ui*/*",),
    "imagecodecs": ("*.so", "*.so.*"),
    "diffusers": (
        "diffusers/modular_pipelines/*",
        *(f"diffusers/pipelines/{name}/*" for name in ("deprecated", "ltx2", "cosmos", "animatediff")),
    ),
}
"""Files by package that are never opened."""
KEPT = {
    "imagecodecs": tuple(
        f"*{name}*"
        for name in (
            "/_shared",
            "/_imcd",
            "/_png.",
            "libpng",
            "/_jpegxl",
            "libjxl",
            "libbrotli",
            "liblcms2",
            "/_zlibng",
        )
    )
}
"""Files that are opened nevertheless: PNG and JPEG XL."""
PLATFORMS = ("manylinux_2_28", "manylinux_2_27", "manylinux_2_24", "manylinux_2_17", "manylinux2014", "manylinux1")
PYTHON = "3.12"
INSTALL = (
    "python3 -m pip install -q --no-index --no-deps --no-compile --no-cache-dir --upgrade --target /tmp/site"
    " {out}/*.whl && PYTHONPATH=/tmp/site:. python3 -m benchmarks.gpu --out gpu.json"
)


def normalised(name: str) -> str:
    """A package's name as registries compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def missing() -> dict[str, str]:
    """Versions, as installed here, of the packages that are wanted or required by those, by name."""
    environment = {**default_environment(), "python_version": PYTHON, "python_full_version": f"{PYTHON}.0"}
    found: dict[str, str] = {}
    waiting, seen = [Requirement(name) for name in WANTED], set()
    while waiting:
        wanted = waiting.pop()
        name = normalised(wanted.name)
        if name in THERE | NEVER_IMPORTED or (name, str(wanted.extras)) in seen:
            continue
        seen.add((name, str(wanted.extras)))
        package = importlib.metadata.distribution(name)
        found[name] = package.version
        for each in map(Requirement, package.requires or ()):
            extras = ("", *wanted.extras)
            if each.marker is None or any(each.marker.evaluate({**environment, "extra": extra}) for extra in extras):
                waiting.append(each)
    return found


def download(versions: dict[str, str], folder: Path) -> None:
    """Downloads a wheel of each for the other machine."""
    platforms = [argument for platform in PLATFORMS for argument in ("--platform", f"{platform}_x86_64")]
    command = [
        sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:",
        "--python-version", PYTHON, "--implementation", "cp", *platforms, "--dest", str(folder),
        *(f"{name}=={version}" for name, version in versions.items()),
    ]  # fmt: skip
    subprocess.run(command, check=True)


def is_opened(package: str, file: str) -> bool:
    """Whether the benchmark may open this file of a wheel."""

    def matches(patterns: tuple[str, ...]) -> bool:
        return any(fnmatch.fnmatch(file, pattern) for pattern in patterns)

    return matches(KEPT.get(package, ())) or not matches((*LEFT_OUT["*"], *LEFT_OUT.get(package, ())))


def pack(wheel: Path, folder: Path) -> None:
    """Copies a wheel to a folder without the files that are never opened."""
    package = normalised(wheel.name.split("-")[0])
    packed = zipfile.ZipFile(folder / wheel.name, "w", zipfile.ZIP_LZMA)
    with zipfile.ZipFile(wheel) as source, packed:
        for file in source.infolist():
            if is_opened(package, file.filename):
                packed.writestr(file, source.read(file), zipfile.ZIP_LZMA)


def main(*, out: Path) -> None:
    """Fill a folder with wheels; see the head of this file.

    Parameters
    ----------
    out
        A new or empty folder.
    """
    out.mkdir(parents=True, exist_ok=True)
    if any(out.iterdir()):
        raise SystemExit(f"{out} is not empty; name another folder, or empty it.")
    with tempfile.TemporaryDirectory() as folder:
        download(missing(), Path(folder))
        for wheel in sorted(Path(folder).glob("*.whl")):
            pack(wheel, out)
    size = sum(wheel.stat().st_size for wheel in out.iterdir())
    print(f"{out}: {len(list(out.iterdir()))} wheels, {size / 1e6:.1f} MB. On the other machine, in the checkout:\n")
    print(INSTALL.format(out=out))


if __name__ == "__main__":
    run(main)
