"""Checkpoints that follow pictures: these reach the network, as diffusers itself does it, and a row's are its own."""

import diffusers
import pytest
import torch
from PIL import Image
from torch import Tensor

from models.diffusers.image_half import DiffusersGenerator
from models.reference import Reference
from tests.models.diffusers.checkpoints import Checkpoints
from tests.models.diffusers.test_diffusers import features_of, halves

FAMILIES = ("flux2-klein", "flux-kontext")
SIZE, STEPS = 64, 1  # FLUX.2 looks at nothing smaller
TEXTS = ["a red cat", "a dog", "a tree"]


def reference(seed: int, width: int = SIZE, height: int = SIZE) -> Reference:
    source = torch.Generator().manual_seed(seed)
    return Reference(torch.randint(0, 256, (3, height, width), generator=source, dtype=torch.uint8), str(seed))


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Checkpoints:
    return Checkpoints(tmp_path_factory.mktemp("checkpoints"))


def paint(model: DiffusersGenerator, rows: list[int], references: list[list[Reference]], fill: int = 3) -> Tensor:
    """The pictures of some of the texts in a batch that is filled up, as the generate stage does."""
    features = features_of(model, TEXTS, [None] * 3)
    chosen = [*rows, *[rows[0]] * (fill - len(rows))]
    given = [*references, *[references[0]] * (fill - len(rows))]
    more = {"references": given} if any(given) else {}
    return model.generate([features[i] for i in chosen], chosen, SIZE, SIZE, STEPS, **more)[: len(rows)]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_reference_reaches_the_network_as_diffusers_has_it(family: str, checkpoints: Checkpoints) -> None:
    folder = checkpoints(family)
    model, one = halves(folder), reference(1)
    made = paint(model, [0], [[one]], fill=1)[0]
    assert not torch.equal(made, paint(model, [0], [[]], fill=1)[0])
    assert not torch.equal(made, paint(model, [0], [[reference(2)]], fill=1)[0])
    whole = diffusers.DiffusionPipeline.from_pretrained(folder)
    whole.set_progress_bar_config(disable=True)
    picture = Image.fromarray(one.pixels.permute(1, 2, 0).numpy())
    more = {"max_area": SIZE * SIZE, "_auto_resize": False} if family == "flux-kontext" else {}
    image = picture if family == "flux-kontext" else [picture]
    size = {"width": SIZE, "height": SIZE, "num_inference_steps": STEPS}
    noise = torch.Generator().manual_seed(0)
    expected = whole(image=image, prompt=TEXTS[0], generator=noise, output_type="pt", **size, **more).images[0]
    assert torch.allclose(made, expected, atol=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_rows_of_a_batch_are_the_same_to_the_byte_in_any_company(family: str, checkpoints: Checkpoints) -> None:
    model = halves(checkpoints(family))
    one, other = reference(1), reference(2)
    key = lambda references: model.batch_key({}, STEPS, None, references)  # noqa: E731
    apart = key([one]) != key([other])
    assert apart == (family == "flux2-klein"), "its list of pictures is that of all rows"
    assert key([one]) != key([])
    assert key([one]) != key([reference(3, 64, 96)])
    second = one if apart else other
    together = paint(model, [0, 1, 2], [[one], [second], [one]])
    for row, references in enumerate([[one], [second], [one]]):
        assert torch.equal(paint(model, [row], [references])[0], together[row])
    if not apart:
        changed = paint(model, [0, 1, 2], [[one], [reference(4)], [one]])
        assert [torch.equal(a, b) for a, b in zip(together, changed, strict=True)] == [True, False, True]


def test_several_references_of_one_row_all_tell(checkpoints: Checkpoints) -> None:
    model = halves(checkpoints("flux2-klein"))
    assert model.references == 4
    one, two = reference(1, 96, 32), reference(2, 100, 90)  # enlarged, shrunk, and of edges that are no multiples
    pictures = [paint(model, [0], [given])[0] for given in ([one], [one, two], [two, one])]
    assert not torch.equal(pictures[0], pictures[1])
    assert not torch.equal(pictures[1], pictures[2])


def test_checkpoints_without_references_say_so(checkpoints: Checkpoints) -> None:
    assert halves(checkpoints("sd1")).references == 0
