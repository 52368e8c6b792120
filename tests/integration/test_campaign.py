"""`imagemill campaign` as a whole: every ad is a file by its placement's rules or quarantined with a sentence."""

import io
import json
import time
from collections.abc import Callable
from pathlib import Path

import fsspec
import pytest
from PIL import Image

from flows.engine import local_server
from tasks.campaign.checks import read_label
from tasks.campaign.placements import load_placements
from tests.integration.faults import Killed
from tests.integration.runs import Outcome, files, names, snapshot, table
from tests.tasks.campaign.samples import write_brand, write_job

Mill = Callable[..., Outcome]
PLACEMENTS = ["meta-square", "google-300x250", "google-728x90", "wechat-landscape"]


def test_rows_in_are_files_and_quarantined(imagemill: Mill, tmp_path: Path) -> None:
    long = {"headline_en": "A headline that is far too long for anything " * 60}
    job = write_job(tmp_path, 2, long, placements=PLACEMENTS, format="jpeg")
    plan = imagemill("campaign", job, "--out", tmp_path / "run", "--dry-run", "--json")
    assert json.loads(plan.out.splitlines()[-1])["ads"] == 24
    outcome = imagemill("campaign", job, "--out", tmp_path / "run")
    assert outcome.code == 3, outcome.err
    assert "8 ads were quarantined" in outcome.err
    made, failed = table(str(tmp_path / "run"), "metadata"), table(str(tmp_path / "run"), "quarantine")
    assert sorted(made["row"].to_pylist() + failed["row"].to_pylist()) == list(range(24))
    assert set(failed["language"].to_pylist()) == {"en"}
    assert all("at " in error and "px; shorten it by about" in error for error in failed["error"].to_pylist())
    ids = made["id"].to_pylist()
    assert len({id.casefold() for id in ids}) == len(ids)
    assert made["shelf"].to_pylist() == [id[5] for id in ids], "carried from the product table"
    assert "headline_en" not in made.column_names
    rules = load_placements()
    for row in made.to_pylist():
        placement = rules[row["placement"]]
        data = (tmp_path / "run" / row["image"]).read_bytes()
        with Image.open(io.BytesIO(data)) as image:
            assert image.size == placement.size == (row["width"], row["height"])
            assert image.format == "JPEG"
            assert read_label(image)["source"].endswith("/composite"), "its picture was not generated"
        assert len(data) == row["bytes"] <= (placement.bytes or len(data))
        assert row["contrast"] >= 3
    again = snapshot(str(tmp_path / "run"))
    assert imagemill("campaign", job, "--out", tmp_path / "run").code == 3
    assert snapshot(str(tmp_path / "run")) == again
    imagemill("campaign", job, "--out", tmp_path / "run", "--seed", 3).refused("seed: 0 then, 3 now")


@pytest.mark.slow
def test_killed_and_run_again_gives_the_same_bytes_on_s3(bucket: str, tmp_path: Path) -> None:
    """The pictures are generated, by a run of its own within the run folder, and killed as well."""
    local_server.configure()  # one Prefect server for all starts
    local_server.wait_for_server()
    write_brand(tmp_path)
    with fsspec.open(f"{bucket}/products.csv", "wt", encoding="utf-8") as file:
        file.write("product,headline_en,headline_zh\n" + "".join(f"lamp {i},Light {i},灯 {i}。\n" for i in range(4)))
    job = tmp_path / "campaign.yaml"
    job.write_text(
        f"products: {bucket}/products.csv\nbrand: brand.yaml\nlanguages: [en, zh]\nprompt: '{{{{product}}}} at home'\n"
        f"placements: {json.dumps(PLACEMENTS)}\ngenerator: dummy\npicture_edge: 128\nvisible_mark: true\n"
    )
    command, log = ["campaign", str(job), "--shard-size", "4", "--no-report", "--out"], tmp_path / "log.txt"
    undisturbed = Killed([*command, f"{bucket}/undisturbed"], log, seed=0)
    undisturbed.attempt()
    assert undisturbed.returncode == 0, log.read_text()[-2000:]
    killed = Killed([*command, f"{bucket}/killed"], log, seed=1)
    for folder in ("killed/pictures/metadata", "killed/metadata"):
        killed.attempt(lambda folder=folder: bool(names(f"{bucket}/{folder}")), within=1)
        time.sleep(0.1)
    killed.attempt()
    assert killed.returncode == 0, log.read_text()[-2000:]
    assert killed.kills == 2
    assert snapshot(f"{bucket}/killed") == snapshot(f"{bucket}/undisturbed")
    made = table(f"{bucket}/killed", "metadata").to_pylist()
    assert len(made) == 32
    data = files(f"{bucket}/killed")
    chinese = next(row for row in made if row["placement"] == "wechat-landscape")
    with Image.open(io.BytesIO(data[chinese["image"]])) as image:
        label = read_label(image)
    assert label["source"].endswith("compositeWithTrainedAlgorithmicMedia")
    assert json.loads(label["aigc"])["ProduceID"] == chinese["id"]
    assert "mark" in json.loads(chinese["boxes"])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"placements": ["meta-sqare"]}, "did you mean 'meta-square'?"),
        ({"placments": ["meta-square"]}, "unknown option 'placments'; did you mean 'placements'?"),
        ({"languages": ["en", "fr"]}, "there is no column headline_fr or headline"),
        ({"prompt": "{{colour}}"}, "prompt: there is no column 'colour'"),
        ({"names": "{{product}}"}, "gives all 3 languages one name"),
        ({"combine": "zip"}, "zip takes as many of each, or one"),
        ({"templates": "nowhere"}, "templates: there is no .yaml file"),
        ({"key": "key.pem"}, "--certificate and --key belong together"),
        ({"brand": "none.yaml"}, "none.yaml"),
    ],
)
def test_a_job_that_cannot_be_is_refused_with_a_sentence(
    options: dict[str, object], sentence: str, imagemill: Mill, tmp_path: Path
) -> None:
    job = write_job(tmp_path, 2, **options)
    imagemill("campaign", job, "--out", tmp_path / "run").refused(sentence)
    assert not (tmp_path / "run").exists()


def test_rows_that_cannot_be_are_quarantined_and_the_others_made(imagemill: Mill, tmp_path: Path) -> None:
    job = write_job(tmp_path, 3, languages=["en"])
    products = tmp_path / "products.csv"
    lines = products.read_text("utf-8").splitlines()
    lines[1] = lines[1].replace("p0.jpg", "gone.jpg")
    lines[2] = lines[2].replace('"Silence, wherever you go"', "")
    products.write_text("\n".join(lines), "utf-8")
    assert imagemill("campaign", job, "--out", tmp_path / "run", "--no-report").code == 3
    failed = table(str(tmp_path / "run"), "quarantine")
    reasons = dict(zip(failed["product"].to_pylist(), failed["error"].to_pylist(), strict=True))
    assert "gone.jpg" in reasons["lamp 0"]
    assert "headline is empty in 'en'" in reasons["lamp 1"]
    assert table(str(tmp_path / "run"), "metadata")["product"].to_pylist() == ["lamp 2"]


def test_the_placements_are_listed(imagemill: Mill, tmp_path: Path) -> None:
    listed = imagemill("campaign", "--list-placements")
    assert listed.code == 0
    assert "meta-reel" in listed.out
    assert "unsafe top 14%, bottom 35%, left 6%, right 6%" in listed.out
    own = tmp_path / "own.yaml"
    own.write_text("meta-square: {sise: [1, 2]}")
    imagemill("campaign", "--list-placements", "--placement-file", own).refused("did you mean 'size'?")
