"""`imagemill tune`: the best batch size for a diffusers checkpoint on this machine."""

import json
from typing import Annotated

from cyclopts import Parameter, validators
from rich.console import Console
from rich.table import Table

from flows.jobs.render import check_device
from models.diffusers import tuning
from models.diffusers.image_half import open_diffusers
from models.diffusers.options import PLAIN, Acceleration
from tasks.loading.models import ready, resolve, usable
from tasks.runfolder.errors import BadInput

_Amount = Annotated[int, Parameter(validator=validators.Number(gte=1))]


def tune(
    checkpoint: str,
    *,
    device: str = "cpu",
    width: _Amount | None = None,
    height: _Amount | None = None,
    steps: _Amount = 4,
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
    options: Annotated[Acceleration | None, Parameter(name="*")] = None,
) -> int:
    """Measure throughput and memory by batch size, and save the best one as the default of `imagemill render`.

    It is saved beside the checkpoint, in imagemill-tuned.json, or in the user's cache if that cannot be written.

    Parameters
    ----------
    checkpoint
        A diffusers checkpoint: a folder, local or s3://, or a hub id.
    device
        Where to run it: cpu, cuda, cuda:1.
    width
        Width of the pictures; by default the checkpoint's own.
    height
        Height of the pictures; by default the checkpoint's own.
    steps
        Denoising steps to time; the best batch size hardly depends on them.
    as_json
        Print the figures as JSON.
    """
    check_device(device)
    options = options or PLAIN
    generator = usable(lambda: open_diffusers(resolve(checkpoint), device, options))
    if generator is None:
        raise BadInput(f"{checkpoint} is not a diffusers checkpoint; only these have a batch size to tune.")
    size = width or generator.size, height or generator.size
    ready(generator.own_encoder)
    tuned = tuning.choose(usable(lambda: list(tuning.measure(generator, device, *size, steps))))
    place = generator.tunings.keep(tuned, device, *size, options)
    if as_json:
        print(json.dumps({**tuned.model_dump(), "width": size[0], "height": size[1], "kept": str(place)}))
        return 0
    table = Table(title=f"{generator.name}, {size[0]} x {size[1]} pixels, {steps} steps", title_justify="left")
    for name in ("batch size", "pictures a second", "peak memory"):
        table.add_column(name, justify="right")
    for row in tuned.measured:
        memory = "" if row.peak_memory is None else f"{row.peak_memory / 2**30:.1f} GiB"
        table.add_row(str(row.batch_size), f"{row.pictures_a_second:.3g}", memory)
    Console().print(table)
    print(f"batch size {tuned.batch_size}, kept in {place}")
    return 0
