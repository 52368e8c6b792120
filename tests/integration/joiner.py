"""The command as `python -m tests.integration.joiner SECONDS STALE ARGUMENTS...`: a worker whose device takes so many
seconds a batch, and for which a lease is stale after so many."""

import sys
import time
from typing import Any

from torch import Tensor

from flows.cli.main import main
from models.generators.dummy import DummyGenerator
from tasks.runfolder import lease

if __name__ == "__main__":
    seconds, stale = map(float, sys.argv[1:3])
    lease.BEAT, lease.SURE, lease.STALE = stale / 6, stale / 2, stale
    generate = DummyGenerator.generate

    def slowly(self: DummyGenerator, *arguments: Any, **options: Any) -> Tensor:
        time.sleep(seconds)
        return generate(self, *arguments, **options)

    DummyGenerator.generate = slowly  # type: ignore[method-assign]
    main(sys.argv[3:])
