"""What a run has cost: one small file in `costs/` for each time that somebody worked on it with a price."""

import json
import uuid
from typing import Any

from tasks.runfolder.storage import Storage

FOLDER = "costs"
ESTIMATE = "estimate.json"


def add_cost(storage: Storage, seconds: float, price_per_hour: float, pictures: int) -> None:
    """Records that so many seconds at a price made so many pictures."""
    told: dict[str, Any] = {"seconds": round(seconds, 3), "price_per_hour": price_per_hour, "pictures": pictures}
    storage.write(f"{FOLDER}/{uuid.uuid4().hex}.json", json.dumps(told).encode())


def total_cost(storage: Storage) -> float | None:
    """The money that a run has cost so far; None if nobody gave a price."""
    paths = [path for path in storage.list(FOLDER) if path.endswith(".json")]
    told = [json.loads(content) for content in storage.read_many(paths).values()] if paths else []
    return sum(each["seconds"] * each["price_per_hour"] / 3600 for each in told) if told else None


def write_estimate(storage: Storage, estimate: dict[str, Any]) -> None:
    """Keeps what is expected of a run in its folder, where the run will find it."""
    storage.write(ESTIMATE, json.dumps(estimate).encode())


def estimated_seconds(storage: Storage) -> float | None:
    """How long somebody expected the run to take, if anybody did."""
    return float(json.loads(storage.read(ESTIMATE))["seconds"]) if storage.exists(ESTIMATE) else None
