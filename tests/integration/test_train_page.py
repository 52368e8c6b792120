"""What a Prefect server shows of trainings, evaluations and data sets: a task run a stage, and their artifacts."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect.client.schemas.objects import FlowRun
from pydicom.data import get_testdata_file

from tests.integration.prefect_server import Server, serve
from tests.tiny import write_tiny

pytestmark = pytest.mark.slow
STAGES = ["load", "encode", "fit", "evaluate", "save"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serve(tmp_path_factory.mktemp("prefect")) as running:
        yield running


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny") / "dataset"
    write_tiny(folder, scenes=240)
    return folder


def run(server: Server, *arguments: str) -> FlowRun:
    """Runs a command to its end, and returns the last flow run."""
    command = [sys.executable, "-m", "flows", *arguments]
    environment = {**server.environment, "PYTHONPATH": str(Path.cwd())}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    with server.client() as client:
        return max(client.read_flow_runs(), key=lambda found: found.created or found.expected_start_time)


def shown(server: Server, found: FlowRun, count: int) -> list[tuple[str, str | None]]:
    """Names and states of the flow run's task runs in the order they began."""
    tasks = sorted(server.task_runs(found.id, count), key=lambda task: str(task.start_time))
    return [(task.name.rsplit("-", 1)[0] if task.name[-4:-3] == "-" else task.name, task.state_name) for task in tasks]


def test_a_training_shows_its_stages_progress_samples_and_figures(
    server: Server, dataset: Path, tmp_path: Path
) -> None:
    size = ["--size", "32", "--width", "64", "--layers", "1", "--batch", "4", "--pictures", "2", "--steps", "2"]
    out = ["--out", str(tmp_path / "out"), "--encoder", "minilm"]
    found = run(server, "train", "autoencoder", str(dataset), *out, *size)
    assert shown(server, found, 5) == [(stage, "Completed") for stage in STAGES]
    artifacts = server.artifacts(found.id)
    assert {"imagemill-progress", "imagemill-samples", "imagemill-validation"} <= artifacts.keys()
    assert str(artifacts["imagemill-samples"].data).startswith("data:image/png;base64,")
    assert "reconstruction, dB" in str(artifacts["imagemill-validation"].data)


def test_a_judge_is_trained_and_an_evaluation_shows_each_generator_s_stages(
    server: Server, dataset: Path, tmp_path: Path
) -> None:
    judge = str(tmp_path / "judge")
    quick = ["--steps", "2", "--batch", "4", "--device", "cpu"]
    assert shown(server, run(server, "train", "judge", str(dataset), "--out", judge, *quick), 5) == [
        (stage, "Completed") for stage in STAGES
    ]
    asked = ["--judge", judge, "--names", "2", "--scenes", "4", "--seeds", "2"]
    found = run(server, "evaluate", "dummy", "--dataset", str(dataset), "--out", str(tmp_path / "out"), *asked)
    stages = ["load", "load dummy", "ask", "generate dummy", "judge dummy", "table with dummy"]
    assert shown(server, found, 6) == [(stage, "Completed") for stage in stages]
    assert "| composition, place |" in str(server.artifacts(found.id)["evaluation"].data)


def test_a_denoiser_s_samples_which_may_be_patients_pictures_stay_in_its_folder(server: Server, tmp_path: Path) -> None:
    (tmp_path / "archive").mkdir()
    shutil.copy(get_testdata_file("CT_small.dcm"), tmp_path / "archive" / "Zzyquist")
    quick = ["--out", str(tmp_path / "out"), "--steps", "2", "--patches", "64", "--device", "cpu"]
    found = run(server, "train", "denoiser", str(tmp_path / "archive"), *quick)
    assert shown(server, found, 5) == [(stage, "Completed") for stage in STAGES]
    artifacts = server.artifacts(found.id)
    assert {"imagemill-progress", "imagemill-validation"} <= artifacts.keys()
    assert "imagemill-samples" not in artifacts
    assert "Zzyquist" not in str(artifacts)
    assert (tmp_path / "out" / "samples" / "000002.png").is_file()


def test_a_data_set_of_one_s_own_pictures_shows_its_stages(server: Server, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    picture = Path("examples/contact-sheet.png").read_bytes()
    for name in ("a", "b"):
        (photos / f"{name}.png").write_bytes(picture)
        (photos / f"{name}.txt").write_text(f"sheet {name}")
    found = run(server, "dataset", "folder", str(photos), "--out", str(tmp_path / "set"), "--licence", "MIT")
    assert found.name == f"folder {photos}"
    assert shown(server, found, 2) == [("find", "Completed"), ("write", "Completed")]
    assert "imagemill-progress" in server.artifacts(found.id)
