"""Runs the tests of all that touches Prefect at the lowest and the newest versions that pyproject.toml allows.

    python -m tests.prefect_versions

Each end is a virtual environment of its own in a temporary folder, with the packages of this one below what differs.
"""

import os
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
TESTS = [
    "tests/flows/engine/test_prefect_internals.py",
    "tests/flows/engine/test_local_server.py",
    "tests/integration/test_deployment.py",
]


def ends() -> dict[str, list[str]]:
    """What pip is to install for each end. SQLAlchemy is Prefect's choice: 2.0 or any later 2."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    allowed = next(r for r in map(Requirement, project["dependencies"]) if r.name == "prefect")
    lowest = next(bound.version for bound in allowed.specifier if bound.operator == ">=")
    return {"lowest": [f"prefect=={lowest}", "sqlalchemy<2.1"], "newest": [str(allowed), "sqlalchemy"]}


def run_tests(folder: Path, requirements: list[str]) -> int:
    """Makes the environment in `folder` and runs the tests in it; returns pytest's exit code."""
    python = folder / "bin/python"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    below = [path for path in sys.path if path.endswith("site-packages")]
    (site,) = folder.glob("lib/*/site-packages")
    (site / "below.pth").write_text("\n".join([str(ROOT), *below]))
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade"]
    subprocess.run([*pip, *requirements], check=True)
    versions = "import prefect, sqlalchemy; print('Prefect', prefect.__version__, 'SQLAlchemy', sqlalchemy.__version__)"
    subprocess.run([python, "-c", versions], check=True)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run([python, "-m", "pytest", "-q", *TESTS], cwd=ROOT, env=environment, check=False).returncode


def main() -> None:
    """Runs both ends and exits with 1 where a test of either failed."""
    codes = {}
    for end, requirements in ends().items():
        with tempfile.TemporaryDirectory(prefix=f"imagemill-prefect-{end}-") as folder:
            codes[end] = run_tests(Path(folder), requirements)
    sys.exit(any(codes.values()))


if __name__ == "__main__":
    main()
