"""Pseudonyms: the same for the same key, useless without it, and no key is a sentence."""

import pickle

import pytest
from prefect.server.api.server import SubprocessASGIServer
from prefect.settings import PREFECT_API_URL, temporary_settings

from tasks.dicom.pseudonyms import Pseudonyms, load_pseudonyms
from tasks.runfolder.errors import BadInput

KEY = "k" * 64


def test_same_key_same_pseudonym_in_another_process() -> None:
    here, there = Pseudonyms(KEY), pickle.loads(pickle.dumps(Pseudonyms(KEY)))
    assert here.uid("1.2.3") == there.uid("1.2.3") != here.uid("1.2.4")
    assert here.code("patient", "1") == there.code("patient", "1") != here.code("file", "1")


def test_uids_are_valid() -> None:
    made = [Pseudonyms(KEY).uid(f"1.2.{number}") for number in range(1000)]
    assert len(set(made)) == 1000
    assert all(uid.startswith("2.25.") and len(uid) <= 64 and uid[5] != "0" for uid in made)


def test_uids_of_the_standard_stay() -> None:
    assert Pseudonyms(KEY).uid("1.2.840.10008.5.1.4.1.1.2") == "1.2.840.10008.5.1.4.1.1.2"


@pytest.mark.parametrize(
    "uid",
    ["1.2.840.10008.19430203.7", "1.2.840.10008.5.1.4.1.1.2.4711.1943.2.3", "1.2.840.10008.4711.2", "1.2.840.10008"],
)
def test_what_is_not_registered_below_the_standard_s_root_is_none_of_its_own(uid: str) -> None:
    assert Pseudonyms(KEY).uid(uid).startswith("2.25.")


def test_key_shows_nowhere() -> None:
    assert KEY not in repr(Pseudonyms(KEY)) + Pseudonyms(KEY).check


@pytest.mark.parametrize(("key", "words"), [(None, "missing"), ("", "missing"), ("short", "5 characters")])
def test_no_key_is_a_sentence(key: str | None, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.dicom.pseudonyms._from_block", lambda: None)
    monkeypatch.delenv("IMAGEMILL_PSEUDONYM_KEY", raising=False)
    if key is not None:
        monkeypatch.setenv("IMAGEMILL_PSEUDONYM_KEY", key)
    with pytest.raises(BadInput, match=words) as refusal:
        load_pseudonyms()
    assert "secrets.token_hex" in str(refusal.value)


def test_without_a_server_none_is_started_to_look_for_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IMAGEMILL_PSEUDONYM_KEY", raising=False)
    monkeypatch.setattr(SubprocessASGIServer, "start", lambda *_, **__: pytest.fail("a server is started"))
    with temporary_settings({PREFECT_API_URL: None}), pytest.raises(BadInput, match="A key for pseudonyms is missing"):
        load_pseudonyms()


def test_a_server_that_is_away_is_told_of_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IMAGEMILL_PSEUDONYM_KEY", raising=False)
    away = {PREFECT_API_URL: "http://127.0.0.1:9/api"}  # nobody listens there
    with temporary_settings(away), pytest.raises(BadInput, match=r"does not answer \(ConnectError\); start it, or set"):
        load_pseudonyms()
