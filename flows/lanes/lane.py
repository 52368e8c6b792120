"""A lane: the stages in one process with one device, and a window of shards on their way through them.

Models are loaded once and pictures never leave the process. Every shard in the window has a thread, which takes it from
stage to stage; what all of them want of the device is done in its own thread, one after the other. So while a shard is
generated the next is read, the one before enhanced, and those before it encoded and uploaded.
"""

import threading
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from dataclasses import replace
from itertools import islice
from typing import Any

from flows.lanes.named_threads import take_device_seconds
from flows.lanes.patience import begin, give_up
from flows.lanes.pending import PendingShard
from flows.lanes.pipeline import Call, Setting, Stage
from flows.lanes.spans import span, tell_outcome
from flows.lanes.turns import Turn, Turns
from models.device import is_broken
from models.messages import one_line
from tasks.runfolder.commit import Outcome
from tasks.runfolder.errors import DeviceFault
from tasks.runfolder.shard_state import ShardState


class Lane:
    """Takes shards through the stages that a run enables.

    Args:
        call: how a stage is run.
        in_turns: the models don't fit the device's memory together, so they take turns, a window of shards each.
    """

    def __init__(self, pipeline: Sequence[Stage], setting: Setting, call: Call, in_turns: bool = False) -> None:
        self._stages = [stage for stage in pipeline if stage.when(setting)]
        self._setting = setting
        self._call = call
        window = setting.job.window
        self._group = window if in_turns else 1
        self._at_once = 2 * window if in_turns else window  # the next group is read while this one is generated
        self._turns = Turns(list(dict.fromkeys(s.holds for s in self._stages if s.holds)) if in_turns else [])
        self._dropped = threading.Event()

    def run(self, pending: Iterator[PendingShard[Any]]) -> Generator[Outcome]:
        """The outcome of each shard, as they complete.

        Shards in flight are finished when one of them fails, dropped at their next stage when the generator is closed,
        and not waited for when a signal ends the process.

        Raises:
            DeviceFault: the device failed, and this process cannot use it any more.
            Exception: whatever a stage raises.
        """
        begin()
        flying = set[Future[Outcome]]()
        threads = ThreadPoolExecutor(self._at_once, thread_name_prefix="shard")
        try:
            while True:
                while len(flying) > self._at_once - self._group:  # a shard is claimed once there is room for it
                    done, flying = wait(flying, return_when=FIRST_COMPLETED)
                    yield from (each.result() for each in done)
                if not (shards := list(islice(pending, self._group))):
                    break
                group = self._turns.of_group(len(shards))
                flying |= {threads.submit(copy_context().run, self._carry, shard, group) for shard in shards}
            while flying:
                done, flying = wait(flying, return_when=FIRST_COMPLETED)
                yield from (each.result() for each in done)
        except BaseException as error:
            if not isinstance(error, Exception):
                self._dropped.set()
                give_up()  # a shard that waits for the store is dropped, too
            threads.shutdown(wait=isinstance(error, Exception | GeneratorExit))
            raise
        threads.shutdown()

    def _carry(self, shard: PendingShard[Any], turns: Mapping[str, Turn]) -> Outcome:
        """Takes a shard from the first stage to the last."""
        with span("shard", shard=shard.name) as told:
            outcome = self._carried(shard, turns)
            tell_outcome(told, outcome)
            return outcome

    def _carried(self, shard: PendingShard[Any], turns: Mapping[str, Turn]) -> Outcome:
        state: Any = None
        take_device_seconds()  # of a shard that failed
        ahead = dict(turns)
        last = {stage.holds: stage for stage in self._stages}
        stages = self._stages
        try:
            while stages:
                for stage in stages:
                    if self._dropped.is_set():
                        raise CancelledError
                    model = stage.holds
                    if model in ahead:
                        ahead[model].wait()
                    with span(stage.name, shard=shard.name):
                        state = self._call(stage, self._setting, shard, state)
                    if model in ahead and last[model] is stage and not (stage.in_parts and _more(state)):
                        ahead.pop(model).leave()
                stages = [stage for stage in self._stages if stage.in_parts and _more(state)]
        except RuntimeError as error:
            if not is_broken(error):
                raise
            raise DeviceFault(
                f"--device {self._setting.job.device} failed in shard {shard.name}, which is not done: "
                f"{one_line(error)}; no row is lost, run the same command again."
            ) from error
        finally:
            for turn in ahead.values():
                turn.leave()
        outcome: Outcome = state
        return replace(outcome, device_seconds=take_device_seconds()) if isinstance(state, Outcome) else outcome


def _more(state: Any) -> bool:
    """Whether the shard has parts after the one in hand. An outcome has none."""
    return isinstance(state, ShardState) and state.more
