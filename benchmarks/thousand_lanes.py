"""Up to a thousand `--join` workers on one run folder in S3, simulated: where their requests become what they wait for.

    python -m benchmarks.thousand_lanes                       # 10 to 1,000 workers, 20 shards each
    python -m benchmarks.thousand_lanes --workers 1000 --limit 35000

What a worker asks of the store is counted as `flows/engine/joining.py` and `tasks/runfolder/commit.py` do: a
conditional create for each shard that it tries to claim, a look whether it is complete, a dozen requests to commit it,
and at the end of the run, once a second, a listing of the claims and a read of each. A shard takes a worker some
minutes; some workers take several times as long, and some die. The store answers `limit` requests a second, S3's for
one prefix.
"""

import heapq
import random
from dataclasses import dataclass
from typing import Annotated

from cyclopts import Parameter
from cyclopts import run as command

LATENCY = 0.03  # seconds of one request
COMMIT = 12  # requests: pictures apart
POLL = 1.0  # seconds between two looks at others' claims, as joining.POLL


@dataclass
class Store:
    """Answers `limit` requests a second, in the order in which they come."""

    limit: float
    clock: float = 0.0
    waiting: float = 0.0
    requests: int = 0

    def turn(self, now: float) -> None:
        """It is so late by now, and meanwhile some of what waits was answered."""
        self.waiting = max(0.0, self.waiting - (now - self.clock) * self.limit)
        self.clock = now

    def ask(self, at: float, requests: int) -> float:
        """When so many requests, one after the other from `at` on, are answered."""
        self.requests += requests
        self.waiting += requests
        return at + requests * LATENCY + self.waiting / self.limit


def simulate(
    workers: int, shards_each: int, seconds: float, limit: float, deaths: float, slow: float
) -> dict[str, float]:
    """One run; how long it took over what its work takes, and the requests.

    Args:
        seconds: that a shard takes.
        deaths, slow: the share of workers that die in the middle of their work, and that take four times as long.
    """
    draw, store, total = random.Random(0), Store(limit), workers * shards_each
    complete: dict[int, float] = {}  # when
    held: dict[int, tuple[float, bool]] = {}  # since when, and whether its worker lives
    place = {worker: draw.randrange(total) for worker in range(workers)}
    tried, known = dict.fromkeys(range(workers), 0), dict.fromkeys(range(workers), 0.0)
    pace = {worker: seconds * (4 if draw.random() < slow else 1) for worker in range(workers)}
    dies = {worker: draw.random() < deaths for worker in range(workers)}
    events, tail_began, end = [(draw.random(), worker, -1) for worker in range(workers)], 0.0, 0.0
    heapq.heapify(events)
    while events and len(complete) < total:
        now, worker, done = heapq.heappop(events)
        store.turn(now)
        if done >= 0:
            complete.setdefault(done, now)
            held.pop(done, None)
            end = max(end, now)
        taken = None
        while taken is None and tried[worker] < total:
            shard = (place[worker] + tried[worker]) % total
            tried[worker] += 1
            if complete.get(shard, now + 1) <= known[worker]:
                continue
            now = store.ask(now, 1)
            if shard in complete:
                now = known[worker] = store.ask(now, 2 + total // 1000)  # its claim is given back; a listing
            elif shard not in held:
                taken = shard
        if taken is None:  # the tail: it looks at what others hold, oldest first
            tail_began = tail_began or now
            now = store.ask(now, 1 + len(held))
            old = [shard for shard, (since, lives) in held.items() if not lives or now - since > pace[worker]]
            taken = min(old, key=lambda shard: held[shard][0], default=None)
        if taken is None:
            heapq.heappush(events, (now + POLL, worker, -1))
            continue
        now = store.ask(now, 1)
        lives = not (dies[worker] and draw.random() < 1 / shards_each)
        held[taken] = now, lives
        if lives:
            heapq.heappush(events, (store.ask(now, COMMIT) + pace[worker] * draw.uniform(0.8, 1.2), worker, taken))
    return {
        "hours": end / 3600,
        "over its work": end / (shards_each * seconds),
        "tail, minutes": (end - tail_began) / 60 if tail_began else 0.0,
        "requests, million": store.requests / 1e6,
        "requests a shard": store.requests / total,
    }


def main(
    *,
    workers: Annotated[list[int], Parameter(consume_multiple=True)] = [10, 30, 100, 300, 1000],  # noqa: B006
    shards: int = 20,
    seconds: float = 120,
    limit: float = 3500,
    deaths: float = 0.02,
    slow: float = 0.02,
) -> None:
    """Prints a line for each number of workers."""
    for count in workers:
        told = simulate(count, shards, seconds, limit, deaths, slow)
        print(f"{count:5} workers:", ", ".join(f"{name} {value:,.2f}" for name, value in told.items()), flush=True)


if __name__ == "__main__":
    command(main)
