"""What every test stands on: nothing outside the test's own folders is read, written or called."""

import os
import tempfile
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # it takes seconds to import
    from tests.models.diffusers.checkpoints import Checkpoints

# Before any test module imports prefect, transformers or botocore, which read these once.
_prefect_home = tempfile.TemporaryDirectory(prefix="imagemill-tests-prefect-", ignore_cleanup_errors=True)
os.environ |= {
    "PREFECT_HOME": _prefect_home.name,  # not the user's settings and database
    "DO_NOT_TRACK": "1",  # no telemetry
    "HF_HUB_OFFLINE": "1",  # no model hub
    "AWS_EC2_METADATA_DISABLED": "true",  # without keys botocore would ask the network for some
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_DEFAULT_REGION": "us-east-1",
}
for _name in (
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_PROFILE"),
    *("PREFECT_API_URL", "PREFECT_PROFILE", "PREFECT__FLOW_RUN_ID"),
):
    os.environ.pop(_name, None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What starts servers and kills processes may fail because the machine stands still; a second failure counts."""
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> "Checkpoints":
    """Tiny diffusers checkpoints, for the whole session."""
    from tests.models.diffusers.checkpoints import Checkpoints

    return Checkpoints(tmp_path_factory.mktemp("checkpoints"))
