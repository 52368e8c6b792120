"""What a family of models brings to a training: its data, its networks, their losses and figures."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from torch import Tensor, nn

from tasks.training.data.captioned import Refused

Model = TypeVar("Model", bound=nn.Module)
Options = TypeVar("Options")
Count = Callable[[str, str, int], AbstractContextManager[Callable[[int], None]]]
"""Shows progress: `with count("encoding captions", "captions", 1000) as done`, then `done(n)` once n are done."""


@dataclass(frozen=True)
class Schedule:
    """How long a training goes on, and how fast it learns."""

    steps: int
    rate: float  # highest learning rate; it warms up over 100 steps, then falls along a cosine
    seed: int
    average: float = 0.0  # decay of the weights' moving average; 0 keeps none
    bf16: bool = False  # losses are computed in bfloat16 where torch's autocast holds that to be safe


@dataclass(frozen=True)
class OptimizerGroup:
    """Modules and hyper-parameters of one optimiser. Gradients are clipped in each module by itself."""

    modules: Sequence[nn.Module]
    betas: tuple[float, float] = (0.9, 0.98)
    weight_decay: float = 0.02
    lr_scale: float = 1.0  # its learning rate as a multiple of the schedule's

    def parameters(self) -> list[nn.Parameter]:
        """Those that learn."""
        return [p for module in self.modules for p in module.parameters() if p.requires_grad]


class Family(ABC, Generic[Model, Options]):
    """A training of one family, stage by stage: `load`, `encode`, `build`, then the trainer's steps.

    `load` and `encode` may be called again where storage failed on the way.
    """

    name: ClassVar[str]
    loss_weights: ClassVar[dict[str, float]] = {}  # of losses; those that are not here count once
    private: ClassVar[bool] = False  # samples may show patients' pictures: they stay in the output folder
    model: Model
    optimizer_groups: Sequence[OptimizerGroup]
    pictures: int  # what it learns from: rows of a data set, or files of an archive
    refused: Sequence[Refused] = ()  # rows of the data set that are left out

    def __init__(self, options: Options) -> None:
        self.options = options

    @abstractmethod
    def load(self, source: str) -> None:
        """Opens the data set or archive `source`, and all checkpoints that the training begins with.

        Raises:
            BadInput: one of them cannot be used.
            StorageError: storage failed.
        """

    def data_digest(self) -> str | None:
        """sha256, hex, of the data, which must stay the same for a training to go on; None if any may be given."""
        return None

    @abstractmethod
    def encode(self, cache: Path, count: Count) -> None:
        """Makes tensors of the data; what is costly is kept in the folder `cache`."""

    @abstractmethod
    def build(self) -> None:
        """Makes `model` and `optimizer_groups`. Raises BadInput when the checkpoint to begin with does not fit."""

    @abstractmethod
    def schedule(self) -> Schedule:
        """How long to train, and how fast."""

    @abstractmethod
    def losses(self, group: int, step: int) -> dict[str, Tensor]:
        """The losses (scalars) of one optimiser at a step; all that is random comes from torch's default generator."""

    @abstractmethod
    def evaluate(self, model: Model) -> dict[str, float]:
        """How well a model (the weights' average, where one is kept) does."""

    @abstractmethod
    def sample(self, model: Model, path: Path) -> None:
        """Writes a grid of pictures to look at."""

    @abstractmethod
    def save(self, model: Model, folder: Path, steps: int, figures: dict[str, float]) -> None:
        """Writes a checkpoint with its model card. Where weights are not finite it raises NotFinite."""

    def resumed(self) -> None:
        """Is called when the model's weights have been replaced by those of an interrupted training."""


AnyFamily = Family[Any, Any]
