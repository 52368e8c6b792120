"""The layout keeps its promises: rooms instead of drawers, short files, and a test that reaches every module."""

import re
import statistics
from collections import Counter
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted(
    str(path.relative_to(ROOT))
    for layer in ("flows", "tasks", "models")
    for path in (ROOT / layer).rglob("*.py")
    if path.name not in {"__init__.py", "__main__.py"}
)

# What has no test file of its own name, and the file that tests it.
TESTED_BY = {
    "tasks/loading/yaml_files.py": "tests/tasks/campaign/test_placements.py",
    "flows/cli/carry_out.py": "tests/flows/cli/test_main.py",
    "flows/cli/render.py": "tests/flows/cli/test_main.py",
    "flows/cli/groups.py": "tests/flows/cli/test_main.py",
    "flows/cli/editors.py": "tests/flows/cli/test_main.py",
    "flows/plans/dry_run.py": "tests/flows/cli/test_main.py",
    "tasks/prompts/only.py": "tests/flows/cli/test_main.py",
    "tasks/render/options.py": "tests/tasks/render/test_read.py",
    "tasks/asked/words.py": "tests/tasks/asked/test_read_asked.py",
    "tasks/enhance/options.py": "tests/tasks/enhance/test_chain.py",
    "models/asked.py": "tests/tasks/asked/test_read_asked.py",
    "tasks/datasets/emoji/scene_words.py": "tests/tasks/asked/test_read_asked.py",
    "tasks/datasets/emoji/things.py": "tests/models/generators/sprite_vae/test_scene.py",
    "models/diffusers/options.py": "tests/flows/test_tune.py",
    "models/generators/sprite_vae/match.py": "tests/models/generators/sprite_vae/test_wishes.py",
    "models/generators/sprite_vae/layout.py": "tests/models/generators/sprite_vae/test_wishes.py",
    "models/generators/sprite_vae/scene_plan.py": "tests/models/generators/sprite_vae/test_wishes.py",
    "flows/cli/sentences.py": "tests/flows/cli/test_main.py",
    "flows/cli/train.py": "tests/integration/test_train_command.py",
    "flows/cli/runs.py": "tests/integration/test_runs.py",
    "flows/cli/estimate.py": "tests/integration/test_figures.py",
    "flows/plans/described.py": "tests/flows/plans/test_render.py",
    "tasks/render/faults.py": "tests/tasks/render/test_suspects.py",
    "tasks/runfolder/run_folders.py": "tests/integration/test_runs.py",
    "flows/cli/notify.py": "tests/integration/test_notifications.py",
    "flows/engine/notifications.py": "tests/integration/test_notifications.py",
    "flows/cli/tune.py": "tests/flows/test_tune.py",
    "flows/cli/evaluate.py": "tests/flows/cli/test_main.py",
    "flows/cli/reprocess.py": "tests/integration/test_reprocess.py",
    "flows/*campaign*.py": "tests/integration/test_campaign.py",
    "flows/*series.py": "tests/integration/test_series.py",
    "tasks/series/*": "tests/integration/test_series.py",
    "flows/*storyboard.py": "tests/integration/test_storyboard.py",
    "flows/*promote.py": "tests/tasks/preference/test_compare.py",
    "tasks/loading/promoted.py": "tests/tasks/preference/test_compare.py",
    "flows/cli/of_run.py": "tests/tasks/report/test_beside.py",
    "flows/cli/review.py": "tests/tasks/feedback/test_label_studio.py",
    "tasks/feedback/*": "tests/tasks/feedback/test_server.py",
    "flows/*adjust*.py": "tests/integration/test_adjust.py",
    "tasks/adjust/*": "tests/integration/test_adjust.py",
    "flows/dataset.py": "tests/tasks/datasets/test_write_captioned.py",
    "flows/render.py": "tests/integration/test_own_stage.py",
    "flows/*reprocess*.py": "tests/integration/test_reprocess.py",
    "flows/*evaluate.py": "tests/flows/test_evaluate.py",
    "flows/*train.py": "tests/flows/test_train.py",
    "flows/*dataset.py": "tests/tasks/datasets/test_write_captioned.py",
    "flows/engine/inspection.py": "tests/integration/test_restart.py",
    "flows/engine/server_process.py": "tests/flows/engine/test_local_server.py",
    "flows/engine/counted.py": "tests/flows/test_train.py",
    "flows/engine/stage_call.py": "tests/flows/test_train.py",
    "flows/engine/*": "tests/integration/test_own_stage.py",
    "flows/lanes/*": "tests/integration/test_own_stage.py",
    "flows/jobs/watch.py": "tests/flows/test_watch.py",
    "flows/jobs/local.py": "tests/flows/test_train.py",
    "flows/plans/generator_options.py": "tests/flows/plans/test_render.py",
    "flows/plans/render.py": "tests/flows/test_tune.py",
    "flows/stages/render.py": "tests/integration/test_own_stage.py",
    "models/device.py": "tests/models/generators/test_devices.py",
    "models/diffusers/tuning*.py": "tests/flows/test_tune.py",
    "models/diffusers/*": "tests/models/diffusers/test_diffusers.py",
    "models/filters/*": "tests/models/filters/test_steps.py",
    "models/fixed_batches.py": "tests/models/text/test_text_encoder.py",
    "models/generators/latent/*": "tests/flows/test_train_families.py",
    "models/generators/sprite_vae/scene_edits.py": "tests/models/generators/sprite_vae/test_scene.py",
    "models/judge/reward.py": "tests/tasks/feedback/test_reward.py",
    "tasks/render/rank.py": "tests/tasks/feedback/test_reward.py",
    "models/generators/*": "tests/models/generators/test_registry.py",
    "models/panorama.py": "tests/models/generators/sprite_vae/test_panorama.py",
    "models/messages.py": "tests/models/text/test_text_encoder.py",
    "models/protocols.py": "tests/integration/test_generator_protocol.py",
    "models/text/*": "tests/models/text/test_text_encoder.py",
    "tasks/archive/process.py": "tests/tasks/archive/test_large_files.py",
    "tasks/archive/*": "tests/tasks/archive/test_shard_state.py",
    "tasks/campaign/*": "tests/integration/test_campaign.py",
    "tasks/layout/*": "tests/tasks/layout/test_compose.py",
    "tasks/datasets/emoji/*": "tests/tasks/datasets/emoji/test_dataset.py",
    "tasks/datasets/find_captioned.py": "tests/tasks/datasets/test_write_captioned.py",
    "tasks/dicom/jpeg12.py": "tests/tasks/dicom/test_pixels.py",
    "tasks/dicom/*": "tests/tasks/dicom/test_profile.py",
    "tasks/enhance/*": "tests/tasks/enhance/test_chain.py",
    "tasks/evaluation/*": "tests/flows/test_evaluate.py",
    "tasks/imaging/decode.py": "tests/tasks/enhance/test_chain.py",
    "tasks/imaging/previews.py": "tests/integration/test_report_page.py",
    "tasks/imaging/text_detector.py": "tests/tasks/imaging/test_burned_in.py",
    "tasks/imaging/*": "tests/tasks/imaging/test_raster_codecs.py",
    "tasks/loading/bisect_failures.py": "tests/tasks/render/test_encode.py",
    "tasks/prompts/*": "tests/tasks/prompts/test_prompt_files.py",
    "tasks/render/enhance.py": "tests/tasks/enhance/test_chain.py",
    "tasks/render/generate.py": "tests/tasks/render/test_explain.py",
    "tasks/render/preprocess.py": "tests/integration/test_own_stage.py",
    "tasks/render/layouts.py": "tests/tasks/render/test_write.py",
    "tasks/render/metadata.py": "tests/tasks/render/test_write.py",
    "tasks/render/references.py": "tests/integration/test_references.py",
    "models/reference.py": "tests/integration/test_references.py",
    "tasks/render/*": "tests/tasks/render/test_read.py",
    "tasks/report/*": "tests/tasks/report/test_page.py",
    "tasks/runfolder/lock_object.py": "tests/integration/test_s3_lock.py",
    "tasks/runfolder/process_identity.py": "tests/tasks/runfolder/test_lease.py",
    "tasks/runfolder/errors.py": "tests/tasks/runfolder/test_record.py",
    "tasks/runfolder/*": "tests/tasks/render/test_write.py",
    "tasks/storyboard/*": "tests/integration/test_storyboard.py",
    "tasks/verification/*": "tests/tasks/verification/test_verify.py",
    "tasks/text/*": "tests/tasks/text/test_preprocess.py",
    "tasks/training/*/noisy_patches.py": "tests/flows/test_train_denoiser.py",
    "tasks/training/*/denoiser.py": "tests/flows/test_train_denoiser.py",
    "tasks/training/*": "tests/flows/test_train_families.py",
}


def own_test(module: str) -> str:
    path = Path(module)
    return str(Path("tests") / path.parent / f"test_{path.name}")


def file_that_tests(module: str) -> str | None:
    """The file that tests a module: its own, or the first that `TESTED_BY` names."""
    if (ROOT / own_test(module)).exists():
        return own_test(module)
    return next((test for pattern, test in TESTED_BY.items() if fnmatch(module, pattern)), None)


def module_name(path: str) -> str:
    return path.removesuffix(".py").replace("/", ".")


@cache
def imports() -> grimp.ImportGraph:
    """Who imports whom, with the modules that a string names, to be imported when they are needed."""
    graph = grimp.build_graph("flows", "tasks", "models", cache_dir=None)  # its cache is stale at times
    for path in MODULES:
        for named in re.findall(r'"((?:flows|tasks|models)(?:\.\w+)+):\w+"', (ROOT / path).read_text("utf-8")):
            graph.add_import(importer=module_name(path), imported=named)
    graph.add_import(importer="flows.engine.local_server", imported="flows.engine.server_process")  # a process
    return graph


def with_helpers(test: str) -> set[str]:
    """The test file, and those that help it."""
    seen: set[str] = set()
    new = {test, "tests/conftest.py"}
    while new:
        seen |= new
        named = {name for file in new for name in re.findall(r"tests(?:\.\w+)+", (ROOT / file).read_text("utf-8"))}
        new = {f"{name.replace('.', '/')}.py" for name in named} - seen
        new = {file for file in new if (ROOT / file).exists()}
    return seen


@cache
def imported_by(test: str) -> set[str]:
    """The modules that a test file or its helpers import, name in a string, or start with the command."""
    names: set[str] = set()
    for file in with_helpers(test):
        text = (ROOT / file).read_text("utf-8")
        names.update(re.findall(r"(?:flows|tasks|models)(?:\.\w+)+", text))
        if re.search(r'imagemill[(:]|"flows"', text):
            names.add("flows.cli.main")
        for package, imported in re.findall(r"from ([\w.]+) import ([\w, ]+)", text):
            names |= {f"{package}.{name.split()[0]}" for name in imported.split(",") if name.strip()}
    return names & imports().modules


@pytest.mark.parametrize("module", MODULES)
def test_a_test_file_reaches(module: str) -> None:
    test = file_that_tests(module)
    assert test is not None, f"{module} has no {own_test(module)}, and TESTED_BY names none"
    assert (ROOT / test).exists()
    name = module_name(module)
    reached = imported_by(test)
    assert name in reached or any(imports().chain_exists(importer=start, imported=name) for start in reached), test


def test_no_room_of_tasks_is_a_drawer() -> None:
    assert not [module for module in MODULES if Path(module).parent == Path("tasks")]
    rooms = Counter(str(Path(module).parent) for module in MODULES)
    assert max(rooms.values()) <= 20, rooms.most_common(3)


def test_files_are_short() -> None:
    lengths = {module: len((ROOT / module).read_text("utf-8").splitlines()) for module in MODULES}
    assert statistics.median(lengths.values()) <= 110
    assert [module for module, lines in lengths.items() if lines > 250] == []
