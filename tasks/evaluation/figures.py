"""The figures of an evaluation: one column of the table."""

import torch
from torch import Tensor

from models.judge.model import Judge
from tasks.evaluation.pictures import Pictures
from tasks.evaluation.questions import Named, Questions, Scene
from tasks.evaluation.scores import frechet, judged, name_scores, scene_scores, variety


def data_set_figures(judge: Judge, questions: Questions) -> dict[str, float]:
    """The judge on the data set's own pictures of the same questions: no generator can be told to do better."""
    names, scenes = questions.names, questions.scenes
    shown, composed = judged(judge, _real(questions, names)), judged(judge, _real(questions, scenes))
    half = len(scenes) // 2
    apart = frechet(composed.view[:half], composed.view[half:])
    return name_scores(judge, shown, names) | scene_scores(judge, composed, scenes) | {"distance": apart}


def generator_figures(judge: Judge, questions: Questions, pictures: Pictures) -> dict[str, float]:
    """What the judge sees in a generator's pictures, how varied they are, and how fast they were made."""
    scenes = judged(judge, pictures.scenes)
    real = judged(judge, _real(questions, questions.scenes))
    views = judged(judge, pictures.repeated.flatten(0, 1)).view.unflatten(0, pictures.repeated.shape[:2])
    count, encoding, generating = len(pictures.scenes), pictures.seconds_encoding, pictures.seconds_generating
    return {
        **name_scores(judge, judged(judge, pictures.names), questions.names),
        **scene_scores(judge, scenes, questions.scenes),
        "distance": frechet(scenes.view, real.view),
        "variety": variety(views),
        "pixels": float(pictures.scenes.shape[-1]),
        "pictures a second": count / generating,
        "with encoding": count / (encoding + generating),
    }


def _real(questions: Questions, asked: list[Named] | list[Scene]) -> Tensor:
    """The data set's pictures (n, 3, edge, edge) of what is asked."""
    return torch.stack([questions.data.picture(question.row) for question in asked])
