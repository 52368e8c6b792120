"""The commands `promote` and `rollback`.

imagemill promote models/flow-7 --to models/production --reward models/taste --dataset data/emoji
imagemill rollback models/production
"""

from datetime import UTC, datetime
from typing import Annotated

from cyclopts import Parameter

from flows.jobs.local import Local
from flows.jobs.promote import PromoteJob, PromoteOptions


def promote(
    candidate: str,
    *,
    to: Local,
    reward: str,
    dataset: str,
    options: Annotated[PromoteOptions | None, Parameter(name="*")] = None,
) -> int:
    """Put a model to use if its pictures are preferred and the judge sees no less in them; else exit code 2.

    Parameters
    ----------
    candidate
        The generator to put to use.
    to
        The folder that points to the model in use; give it wherever a generator is asked for.
    reward
        The reward model of `imagemill train reward`.
    dataset
        Data set whose held-out scenes are asked for, from `imagemill dataset emoji`.
    """
    from flows.engine import local_server
    from flows.promote import promote_model

    given = (options or PromoteOptions()).model_dump(exclude_unset=True)
    job = PromoteJob(candidate=candidate, to=to, reward=reward, dataset=dataset, **given).dated(datetime.now(UTC))
    local_server.configure()
    local_server.wait_for_server()
    made = promote_model(job)
    seen = made.evidence or {}
    print(f"preferred in {seen['win_rate']:.1%} of {seen['prompts']} sentences, at least {seen['at_least']:.1%}")
    print(f"composition {seen['composition_new']:.1%}, before {seen['composition_old']:.1%}")
    print(f"{to} points to {made.model}")
    return 0


def rollback(folder: Local) -> int:
    """Point a folder back to the model that was in use before.

    Parameters
    ----------
    folder
        The folder of `imagemill promote --to`.
    """
    from tasks.loading.promoted import roll_back

    was, now = roll_back(folder)
    print(f"{folder} points to {now.model} again, no longer to {was.model}")
    return 0
