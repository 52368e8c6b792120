"""The trainer on a family of one small network: it learns, goes on exactly, and never saves what is no number."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from models.checkpoint import check_finite, save_tensors
from tasks.runfolder.errors import BadInput
from tasks.training.family import Count, Family, OptimizerGroup, Schedule
from tasks.training.output_folder import STATE
from tasks.training.sample_grid import write_grid
from tasks.training.trainer import Trainer


class Line(Family[nn.Linear, dict[str, Any]]):
    """Learns y = 2 x from drawn x; two optimisers, one a parameter's module each."""

    name = "line"

    def load(self, source: str) -> None:
        pass

    def encode(self, cache: Path, count: Count) -> None:
        pass

    def build(self) -> None:
        torch.manual_seed(0)
        self.model = nn.Linear(1, 1)
        self.optimizer_groups = [OptimizerGroup([self.model]), OptimizerGroup([self.model], lr_scale=0.5)]

    def schedule(self) -> Schedule:
        return Schedule(self.options.get("steps", 6), self.options.get("rate", 0.1), 0, average=0.9)

    def losses(self, group: int, step: int) -> dict[str, Tensor]:
        if step == self.options.get("fails at"):
            raise KeyboardInterrupt
        x = torch.randn(8, 1)
        return {f"error {group}": (self.model(x) - 2 * x).square().mean()}

    def evaluate(self, model: nn.Linear) -> dict[str, float]:
        return {"slope": float(model.weight)}

    def sample(self, model: nn.Linear, path: Path) -> None:
        write_grid(path, [torch.zeros(1, 3, 4, 4)])

    def save(self, model: nn.Linear, folder: Path, steps: int, figures: dict[str, float]) -> None:
        tensors = {name: tensor.half() for name, tensor in model.state_dict().items()}
        check_finite(tensors)
        save_tensors(folder / "model.safetensors", tensors)


def fit(folder: Path, every: int = 2, **options: Any) -> Trainer:
    """Trains, going on from what is in the folder."""
    folder.mkdir(exist_ok=True)
    family = Line({name.replace("_", " "): value for name, value in options.items()})
    family.build()
    trainer = Trainer(family)
    if (folder / STATE).exists():
        trainer.resume(folder / STATE)
    trainer.fit(folder, every, stepped=lambda losses: None, sampled=lambda path, steps: None)
    return trainer


def test_it_learns_and_keeps_a_checkpoint_a_grid_and_a_row_of_losses_every_so_often(tmp_path: Path) -> None:
    trainer = fit(tmp_path, every=150, steps=400)
    assert trainer.family.evaluate(trainer.model)["slope"] == pytest.approx(2, abs=0.05)
    assert sorted(path.name for path in (tmp_path / "samples").iterdir()) == ["000150.png", "000300.png", "000400.png"]
    lines = (tmp_path / "losses.csv").read_text().splitlines()
    assert lines[0] == "step,error 0,error 1"
    assert [line.split(",")[0] for line in lines[1:]] == ["150", "300", "400"]


def test_callers_are_told_each_step_s_losses_and_each_grid(tmp_path: Path) -> None:
    family = Line({"steps": 3})
    family.build()
    losses: list[dict[str, float]] = []
    grids: list[tuple[str, int]] = []
    Trainer(family).fit(tmp_path, 2, losses.append, lambda path, steps: grids.append((path.name, steps)))
    assert [set(each) for each in losses] == [{"error 0", "error 1"}] * 3
    assert grids == [("000002.png", 2), ("000003.png", 3)]


def test_interrupted_between_two_checkpoints_it_ends_with_the_same_weights_and_the_same_log(tmp_path: Path) -> None:
    fit(tmp_path / "undisturbed")
    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path / "interrupted", fails_at=5)
    assert fit(tmp_path / "interrupted").done == 6
    for file in ("model.safetensors", STATE):
        once, again = (load_file(tmp_path / name / file) for name in ("undisturbed", "interrupted"))
        assert once.keys() == again.keys()
        assert all(torch.equal(once[name], again[name]) for name in once)
    assert (tmp_path / "undisturbed" / "losses.csv").read_text() == (
        tmp_path / "interrupted" / "losses.csv"
    ).read_text()


def test_weights_that_a_checkpoint_cannot_hold_are_not_written_over_the_last_good_one(tmp_path: Path) -> None:
    trainer = fit(tmp_path)
    good = (tmp_path / "model.safetensors").read_bytes()
    with torch.no_grad():
        trainer.model.weight.fill_(1e6)  # a number, but none of half precision
    with pytest.raises(BadInput, match=r"stopped being numbers .* by step 6 \(weight is not finite\)"):
        trainer.save_checkpoint(tmp_path)
    assert (tmp_path / "model.safetensors").read_bytes() == good


def test_a_loss_that_is_no_number_ends_it_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="stopped being a number at step"):
        fit(tmp_path, every=100, rate=1e30)


def test_a_state_that_is_damaged_or_another_s_is_refused(tmp_path: Path) -> None:
    fit(tmp_path)
    (tmp_path / STATE).write_bytes((tmp_path / STATE).read_bytes()[:40])
    with pytest.raises(BadInput, match="damaged"):
        fit(tmp_path)
    save_tensors(tmp_path / STATE, {"model/other": torch.zeros(1)}, {"step": "1"})
    with pytest.raises(BadInput, match="another training"):
        fit(tmp_path)
