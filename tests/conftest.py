"""What every test stands on: nothing outside the test's own folders is read, written or called."""

import os
from pathlib import Path

import pytest

# Set before any test module imports prefect, transformers or botocore: they read these once.
os.environ |= {
    "DO_NOT_TRACK": "1",  # no telemetry
    "HF_HUB_OFFLINE": "1",  # no model hub
    "AWS_EC2_METADATA_DISABLED": "true",  # without keys botocore would ask the network for some
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_DEFAULT_REGION": "us-east-1",
}
for _name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_PROFILE"):
    os.environ.pop(_name, None)

BEACH = "阳光明媚，沙滩上有一对情侣散步，海浪轻轻拍打着海岸线。"
"""The founding document's worked example."""


@pytest.fixture(scope="session", autouse=True)
def own_prefect_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Prefect home of this test session: the user's own settings and database are neither used nor touched."""
    home = tmp_path_factory.mktemp("prefect")
    os.environ["PREFECT_HOME"] = str(home)
    return home
