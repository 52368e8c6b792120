"""Checks the files of deployments/ by their own tools: `python -m tests.deployments`, which `make lint` runs."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml
from prefect.utilities.templating import apply_values, find_placeholders

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "deployments"
TOOLS = (
    ("hadolint", "Dockerfile"),
    ("check-jsonschema", "--builtin-schema", "vendor.compose-spec", "compose.yaml"),
    ("shellcheck", "slurm.sh"),
    ("systemd-analyze", "verify", "systemd/imagemill-server.service", "systemd/imagemill-worker@.service"),
)


def job_manifest() -> dict[str, Any]:
    """The job that the Kubernetes work pool makes, with the template's defaults."""
    template = json.loads((FOLDER / "kubernetes/base-job-template.json").read_text())
    variables = template["variables"]["properties"]
    used = {placeholder.name for placeholder in find_placeholders(template["job_configuration"])}
    assert used == set(variables), f"not both used and declared: {used ^ set(variables)}"
    values = {name: variable["default"] for name, variable in variables.items()}
    manifest: dict[str, Any] = apply_values(template["job_configuration"], values)["job_manifest"]
    # As Prefect's worker does before it submits the job.
    container = manifest["spec"]["template"]["spec"]["containers"][0]
    container["env"] = [{"name": name, "value": value} for name, value in container["env"].items()]
    container["args"] = container["args"].split()
    return manifest


def main() -> int:
    failed = 0
    for tool, *arguments in TOOLS:
        program = shutil.which(tool, path=f"{Path(sys.executable).parent}") or shutil.which(tool)
        if program is None:
            print(f"{tool} is not installed: {arguments[-1]} is not checked")
            continue
        failed += subprocess.run([program, *arguments], cwd=FOLDER, check=False).returncode != 0
    kubernetes_validate.validate(job_manifest(), kubernetes_validate.latest_version(), strict=True)
    for path in (*FOLDER.glob("*.yaml"), FOLDER / "kubernetes/rayjob.yaml"):
        yaml.safe_load(path.read_text())  # RayJob's schema is in no tool
    return failed


if __name__ == "__main__":
    sys.exit(main())
