"""Who is told of what happens to runs: automations of the Prefect server, and the block with the address."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import yaml
from prefect.blocks.notifications import (
    AppriseNotificationBlock,
    CustomWebhookNotificationBlock,
    NotificationBlock,
    SlackWebhook,
)
from prefect.client.orchestration import get_client
from pydantic import SecretStr, ValidationError

from models.messages import one_line
from tasks.runfolder.errors import BadInput

BLOCK = "imagemill-notify"
TOLD = {"subject": "{{subject}}", "text": "{{body}}"}  # what a webhook gets


def install(address: str, file: Path) -> list[str]:
    """Keeps the address in a block of the server and installs a file's automations, in place of those of their names.

    Returns:
        the names of the automations.

    Raises:
        BadInput: the address or the file cannot be used.
    """
    automations = _read(file)
    block = _save(address)
    with get_client(sync_client=True) as client:
        for automation in automations:
            for action in automation["actions"]:
                if action.get("type") == "send-notification":
                    action.setdefault("block_document_id", str(block))
            before = client.read_automations_by_name(automation["name"])
            try:
                client.request("POST", "/automations/", json=automation)
            except httpx.HTTPStatusError as error:
                if error.response.status_code != httpx.codes.UNPROCESSABLE_ENTITY:
                    raise
                problem = _problem(error.response)
                raise BadInput(f"{file}: {automation['name']}: {problem}; correct it.") from error
            for old in before:
                client.delete_automation(old.id)
    return [automation["name"] for automation in automations]


def _read(file: Path) -> list[dict[str, Any]]:
    try:
        found = yaml.safe_load(file.read_text("utf-8"))["automations"]
        return [dict(automation, name=str(automation["name"])) for automation in found]
    except OSError as error:
        raise BadInput(f"{file}: {error.strerror}; give the file of the automations with --file.") from error
    except (yaml.YAMLError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise BadInput(f"{file}: not a file of automations ({one_line(error)}); correct it.") from error


def _problem(answer: httpx.Response) -> str:
    return one_line(ValueError(json.dumps(answer.json().get("exception_detail", answer.json()))))


def _save(address: str) -> UUID:
    """Keeps the address, which may hold a secret, in a block; its id."""
    try:
        block = _block(address)
    except (ValidationError, ValueError) as error:
        raise BadInput(f"{address.partition(':')[0]}: not an address that can be told anything; mend it.") from error
    return UUID(str(block.save(BLOCK, overwrite=True)))


def _block(address: str) -> NotificationBlock:
    parts = urlsplit(address)
    if parts.hostname == "hooks.slack.com":
        return SlackWebhook(url=SecretStr(address))
    if parts.scheme in {"http", "https"}:
        return CustomWebhookNotificationBlock(name="imagemill", url=address, json_data=TOLD, headers=None, cookies=None)
    if not parts.scheme:
        raise ValueError(address)
    return AppriseNotificationBlock(url=SecretStr(address))
