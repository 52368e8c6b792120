from pathlib import Path

from PIL import Image

from flows.jobs.render import RenderJob
from flows.plans.render import Plan


def test_where_a_reference_lies_is_in_no_record(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8), "red").save(tmp_path / "warm.png")
    job = RenderJob(
        prompts="a red car", out=str(tmp_path / "run"), generator="dummy", enhance=f"palette:{tmp_path}/warm.png@0.7"
    )
    plan = Plan(job, tmp_path)
    told = f"{plan.record()} {plan.provenance.settings_json} {plan.described()['enhance']}"
    assert told.count("palette:warm.png@0.7") == 3
    assert str(tmp_path) not in told
    assert plan.record()["job"]["enhance files"] == plan.provenance.settings["enhance files"]
