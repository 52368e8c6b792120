"""Watch: a run for each prompts file that arrives in a folder, once for each file as it is.

A deployment of it on an interval is a sensor (deployments/prefect.yaml). A file that changes is another one.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

from prefect import flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.exceptions import ObjectNotFound

from flows.jobs.service import seconds_of
from flows.jobs.watch import WatchJob
from tasks.prompts.file_kinds import kind_of
from tasks.runfolder.errors import BadInput
from tasks.runfolder.filenames import file_name
from tasks.runfolder.filesystem import changed_at, filesystem
from tasks.runfolder.storage import Storage
from tasks.runfolder.storage_errors import unusable

SEEN = "watched"  # of `out`: an object for each file that has its run


@dataclass(frozen=True)
class Arrived:
    """A prompts file, the code of its content as far as the store knows it, and when it was written."""

    url: str
    code: str
    written: datetime

    @property
    def run(self) -> str:
        """The name of its run folder."""
        return f"{file_name(PurePosixPath(self.url).name)}-{self.code}"


@flow(name="watch", flow_run_name="{job.inbox}", persist_result=False)
def watch_prompts(job: WatchJob) -> list[str]:
    """Has the deployment render each new file of the inbox; the names of the run folders.

    Of two that watch at once one makes the run: Prefect keeps one for an idempotency key.

    Raises:
        BadInput: the inbox cannot be listed, or there is no such deployment.
        StorageError: the store does not answer.
    """
    out, begun = Storage(job.out), []
    seen = {PurePosixPath(path).name for path in out.list(SEEN)}
    now = datetime.now(UTC)
    with get_client(sync_client=True) as client:
        for file in list_inbox(job.inbox):
            if file.run in seen or (now - file.written).total_seconds() < seconds_of(job.settled):
                continue
            _submit(client, job, file)
            out.create(f"{SEEN}/{file.run}", json.dumps({"file": file.url}).encode())
            begun.append(file.run)
    return begun


def _submit(client: SyncPrefectClient, job: WatchJob, file: Arrived) -> None:
    try:
        deployment = client.read_deployment_by_name(job.deployment)
    except ObjectNotFound as error:
        raise BadInput(f"deployment: there is no {job.deployment!r}; `prefect deployment ls` lists them.") from error
    own = dict(deployment.parameters.get("job", {}))
    options = {**own, **job.options, "prompts": file.url, "out": f"{job.out.rstrip('/')}/{file.run}"}
    key = hashlib.sha256(f"{job.out} {file.run}".encode()).hexdigest()
    client.create_flow_run_from_deployment(
        deployment.id, parameters={"job": options}, idempotency_key=f"imagemill {key}"
    )


def list_inbox(url: str) -> Iterator[Arrived]:
    """The prompts files right in a folder; none where there is no folder yet.

    Raises:
        BadInput, StorageError: it cannot be listed.
    """
    try:
        fs, base = filesystem(url)
        items: list[dict[str, Any]] = sorted(fs.ls(base, detail=True), key=lambda item: str(item["name"]))
    except FileNotFoundError:
        return
    except Exception as error:
        raise unusable(error, url) or error from error
    for item in items:
        name = PurePosixPath(item["name"]).name
        if item["type"] != "file" or name.startswith((".", "_")) or kind_of(name)[0] is None:
            continue
        at = changed_at(item)
        known = item.get("ETag") or f"{item['size']} {at.isoformat()}"
        yield Arrived(f"{url.rstrip('/')}/{name}", hashlib.sha256(f"{name} {known}".encode()).hexdigest()[:12], at)
