"""Spans arrive at a real receiver, over OTLP, and tell nothing of what was rendered."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from flows.jobs.render import RenderJob
from flows.lanes import spans
from flows.lanes.lane import Lane
from flows.lanes.pending import PendingShard
from flows.lanes.pipeline import Stage, call
from tasks.prompts.shards import Shard
from tasks.runfolder.commit import Outcome

SETTING: Any = SimpleNamespace(job=RenderJob(prompts="a.parquet", out="run"))


@pytest.fixture
def received(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bytes]]:
    bodies: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv(spans.ENDPOINT, f"http://127.0.0.1:{server.server_address[1]}")
        spans._made.cache_clear()
        yield bodies
        spans._made.cache_clear()
        server.shutdown()


def read(setting: Any, shard: Any, state: Any) -> str:
    if shard.name == "00001":
        raise ValueError("a secret prompt")
    return "a secret prompt"


def write(setting: Any, shard: Any, state: str) -> Outcome:
    return Outcome(4, 3, 1, {})


def test_a_shard_is_a_span_with_one_for_each_stage_and_no_prompt(received: list[bytes]) -> None:
    lane = Lane([Stage("read", read), Stage("write", write)], SETTING, call)
    with pytest.raises(ValueError, match="secret"):
        list(lane.run(iter([PendingShard(Shard(0, 0, 4)), PendingShard(Shard(1, 4, 4))])))
    spans.flush()
    found = [
        span
        for body in received
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    assert sorted(span.name for span in found) == ["read", "read", "shard", "shard", "write"]
    (written,) = [span for span in found if span.name == "write"]
    told = [{each.key: each.value for each in span.attributes} for span in found if span.name == "shard"]
    assert {each["imagemill.shard"].string_value for each in told} == {"00000", "00001"}
    assert sorted(each["imagemill.pictures"].int_value for each in told if "imagemill.pictures" in each) == [3]
    assert [each["error.type"].string_value for each in told if "error.type" in each] == ["ValueError"]
    assert written.parent_span_id in {span.span_id for span in found if span.name == "shard"}
    assert {span.name for span in found if not span.parent_span_id} == {"shard"}
    assert not any(b"secret" in body for body in received)


def test_without_an_endpoint_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(spans.ENDPOINT, raising=False)
    spans._made.cache_clear()
    with spans.span("shard") as made:
        assert made is None
