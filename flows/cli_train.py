"""The commands that make models: `imagemill dataset` and `imagemill train`. Loaded only when one of them is called."""

from typing import Annotated

from cyclopts import App, Parameter

from flows import runtime
from flows.dataset import EmojiDatasetJob, build_emoji_dataset
from flows.train import TrainJob, train_vae

dataset = App(name="dataset", help="Build a captioned data set to train on.")
train = App(name="train", help="Train a model on a captioned data set. The same command again carries on.")


@dataset.command
def emoji(*, job: Annotated[EmojiDatasetJob, Parameter(name="*")]) -> int:
    """Emoji (Fluent 3D; names from emojibase; both MIT) alone and in drawn scenes, captions in English and Chinese."""
    runtime.configure()
    runtime.wait_for_server()
    made = build_emoji_dataset(job)
    print(f"{made.concepts} concepts, {made.single_captions} captions of one, {made.scenes} scenes in {made.out}")
    return 0


@train.command
def vae(job: Annotated[TrainJob, Parameter(name="*")]) -> int:
    """Train the structured VAE of the embedded default."""
    runtime.configure()
    runtime.wait_for_server()
    made = train_vae(job)
    print(f"{made.steps} steps; the checkpoint is in {made.out}")
    for name, share in made.figures.items():
        print(f"{name}  {share:.3f}")
    return 0
