"""The key for pseudonyms from a Prefect Secret block, on a real server."""

import pytest
from prefect.blocks.system import Secret

from flows.engine import local_server
from tasks.dicom.pseudonyms import BLOCK, Pseudonyms, load_pseudonyms
from tasks.runfolder.errors import BadInput

KEY = "5e7f" * 16


def test_key_comes_from_the_block_where_the_environment_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IMAGEMILL_PSEUDONYM_KEY", raising=False)
    local_server.configure()
    local_server.wait_for_server()
    with pytest.raises(BadInput, match="missing"):
        load_pseudonyms()
    Secret(value=KEY).save(BLOCK)  # type: ignore[arg-type]
    try:
        assert load_pseudonyms().check == Pseudonyms(KEY).check
    finally:
        Secret.delete(BLOCK)
