import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from unittest.mock import Mock

import pandas as pd
import pytest

from flows.cli.main import main


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stopped:
        main(list(arguments))
    printed = capsys.readouterr()
    assert "Traceback" not in printed.err
    return int(stopped.value.code or 0), printed.out, printed.err


@pytest.fixture
def prompts(tmp_path: Path) -> str:
    pd.DataFrame({"text": ["a cat", "a dog"]}).to_parquet(tmp_path / "prompts.parquet")
    return str(tmp_path / "prompts.parquet")


def test_dry_run_prints_the_plan_and_writes_nothing(
    capsys: pytest.CaptureFixture[str], prompts: str, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    code, printed, _ = run(capsys, "render", prompts, "--out", str(out), "--generator", "dummy", "--dry-run", "--json")
    plan = json.loads(printed)
    assert code == 0
    assert plan["rows"] == 2
    assert (plan["pictures"], plan["state"], plan["refused"], plan["bytes"]) == (2, "new", None, None)
    assert (plan["output"], plan["layout"], plan["format"]) == (str(out), "files", "png")
    assert not out.exists()


def test_a_job_file_takes_the_same_options_and_the_command_line_wins(
    capsys: pytest.CaptureFixture[str], prompts: str, tmp_path: Path
) -> None:
    job = tmp_path / "job.yaml"
    job.write_text(f"prompts: {prompts}\nout: {tmp_path}/run\ngenerator: dummy\nwidth: 64\nheight: 32\n")
    _, printed, _ = run(capsys, "render", "--job", str(job), "--dry-run")
    assert "64 x 32 pixels" in printed
    _, printed, _ = run(capsys, "render", "--job", str(job), "--width", "48", "--dry-run")
    assert "48 x 32 pixels" in printed


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--width", "5"], "--width: input should be greater than or equal to 16 (given: '5')"),
        (["--width", "wide"], "--width: input should be a valid integer"),
        (["--layout", "zip"], "zip"),
        (["--sed", "5"], "--seed"),
        (["--enhance", "sharpn:2"], "did you mean 'sharpen'"),
        (["--max-failures", "lots"], "give a count such as 20"),
        (["--job", "nowhere.yaml"], "nowhere.yaml: no such file"),
        (["--text-column", "nope"], "there is no column 'nope'"),
        (["--generator", "/nowhere"], "/nowhere"),
        (["more.parquet"], "'more.parquet' is one argument too many"),
    ],
)
def test_a_wrong_option_is_one_sentence_and_exit_code_2(
    capsys: pytest.CaptureFixture[str], prompts: str, tmp_path: Path, arguments: list[str], words: str
) -> None:
    code, _, error = run(capsys, "render", prompts, "--out", str(tmp_path / "run"), "--dry-run", *arguments)
    assert code == 2
    assert words in error
    assert len(error.strip().splitlines()) == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("- a\n- b\n", "a job is a mapping"),
        ("a: [", "not valid YAML"),
        ("a: " + "[" * 3000, "not valid YAML"),
        ("colour: red\n", "unknown option 'colour'"),
        ("prompts: [1]\nout: x\n", "--prompts: input should be a valid string"),
    ],
)
def test_a_wrong_job_file_is_one_sentence(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, content: str, words: str
) -> None:
    (tmp_path / "job.yaml").write_text(content)
    code, _, error = run(capsys, "render", "--job", str(tmp_path / "job.yaml"))
    assert code == 2
    assert words in error


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["locate", "archive"], "ROWS is missing"),
        (["dataset", "folder", "photos", "--out", "out"], "--licence is missing"),
        (["render", "prompts.parquet", "--out"], "--out requires an argument"),
        (["reprocess", "archive", "--out", "run", "--phase", "split"], "Unknown option: --phase"),
        (["train", "flow", "data", "--out", "out", "--lora", "4"], "imagemill: --lora trains adapters of a trained"),
        (["train", "flow", "data", "--out", "s3://b/out"], "--out: must be a folder on this machine; copy it"),
    ],
)
def test_an_incomplete_command_is_one_sentence(
    capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    code, _, error = run(capsys, *arguments)
    assert code == 2
    assert words in error
    assert len(error.strip().splitlines()) == 1


@pytest.mark.parametrize("family", ["vae", "autoencoder", "gan", "flow", "judge", "denoiser"])
def test_what_is_given_beyond_input_and_output_has_a_name(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, family: str
) -> None:
    out = tmp_path / "out"
    for given in (["data", str(out), "gemma"], ["data", "gemma", "--out", str(out)]):
        code, _, error = run(capsys, "train", family, *given)
        assert (code, error) == (
            2,
            "imagemill: 'gemma' is one argument too many; --help lists what the command takes.\n",
        )
    assert not out.exists()


def test_missing_input_and_output_are_both_named(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, error = run(capsys, "render")
    assert code == 2
    assert "prompts is missing; give it as PROMPTS." in error
    assert "out is missing; give it as --out." in error


def test_an_interrupted_command_says_how_to_carry_on(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.engine.inspection.inspect_run", Mock(side_effect=KeyboardInterrupt))
    monkeypatch.setattr("os._exit", sys.exit)  # it would end pytest
    code, _, error = run(capsys, "inspect", "run")
    assert (code, error) == (130, "imagemill: stopped; run the same command again to carry on.\n")


def test_inspecting_a_folder_without_a_run_is_one_sentence(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, _, error = run(capsys, "inspect", str(tmp_path))
    assert code == 2
    assert "there is no run here" in error


@pytest.mark.parametrize(("option", "words"), [("--help", "reprocess"), ("--version", metadata.version("imagemill"))])
def test_help_and_version_need_no_model_and_no_server(option: str, words: str) -> None:
    """Which take seconds to import."""
    told = f"import sys; from flows.cli.main import app; app(['{option}'], result_action='return_value')"
    heavy = "print('heavy:', sorted({'torch', 'prefect', 'pandas', 'fsspec'} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", f"{told}; {heavy}"], capture_output=True, check=True, text=True)
    assert words in done.stdout
    assert done.stdout.splitlines()[-1] == "heavy: []"


def test_the_help_of_render_is_in_groups_with_examples(capsys: pytest.CaptureFixture[str]) -> None:
    _, printed, _ = run(capsys, "render", "--help")
    groups = ["Input", "Picture", "Model", "Diffusers checkpoints", "Output", "Run"]
    places = [printed.index(f" {group} ") for group in groups]
    assert places == sorted(places)
    assert places[0] < printed.index("PROMPTS") < places[1] < printed.index("--seed") < places[2]
    assert places[5] < printed.index("--max-failures") < printed.index("Examples:")


def test_the_schema_of_a_job_checks_a_yaml_file(capsys: pytest.CaptureFixture[str]) -> None:
    _, printed, _ = run(capsys, "schema", "series")
    assert json.loads(printed)["properties"]["subjects"]["description"]
    _, printed, _ = run(capsys, "schema")
    found = json.loads(printed)
    assert "required" not in found and found["properties"]["seed"]["minimum"] == 0
    assert found["properties"]["min_match"]["description"].startswith("Quarantine rows")


def test_completion_knows_commands_and_options(capsys: pytest.CaptureFixture[str]) -> None:
    code, printed, _ = run(capsys, "completion", "bash")
    assert code == 0 and "reprocess" in printed and "--min-match" in printed


def test_only_some_rows_are_planned_and_a_list_with_a_wrong_id_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "p.csv").write_text("id,text,count\na,a cat,1\nb,a dog,3\nc,a cow,1\n")
    ids, out = tmp_path / "ids.txt", tmp_path / "run"
    ids.write_text("b\n\nc\n")
    options = ["--out", str(out), "--generator", "dummy", "--dry-run", "--json", "--only", str(ids)]
    _, printed, _ = run(capsys, "render", f"{tmp_path}/p.csv", *options)
    assert (json.loads(printed)["rows"], json.loads(printed)["pictures"]) == (2, 4)
    ids.write_text("b\nd\n")
    code, _, error = run(capsys, "render", f"{tmp_path}/p.csv", *options)
    assert code == 2 and "no row has the id 'd'" in error
