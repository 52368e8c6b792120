"""OpenTelemetry: a span for each shard and in it one for each stage, where OTEL_EXPORTER_OTLP_ENDPOINT says where to.

They tell names and counts, never a prompt. The provider is our own, not the process's: Prefect's spans are another
matter.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING

from tasks.runfolder.commit import Outcome

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


_only_one = Lock()


def _provider() -> "TracerProvider | None":
    """What makes and exports spans, in a thread of its own; None if nobody asked for them."""
    with _only_one:  # a cache alone lets two that come at once make one each
        return _made()


@cache
def _made() -> "TracerProvider | None":
    if not os.environ.get(ENDPOINT):
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        logging.getLogger("imagemill.spans").warning("no spans: pip install 'imagemill[otel]' (%s)", error)
        return None
    provider = TracerProvider(resource=Resource.create({"service.name": "imagemill"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


@contextmanager
def span(name: str, **attributes: str) -> Iterator["Span | None"]:
    """A span for what is done within, below that of what is done around it."""
    provider = _provider()
    if provider is None:
        yield None
        return
    told = {f"imagemill.{key}": value for key, value in attributes.items()}
    # What failed is told by its type alone: a message may quote a prompt.
    with provider.get_tracer("imagemill").start_as_current_span(
        name, attributes=told, record_exception=False, set_status_on_exception=False
    ) as made:
        try:
            yield made
        except BaseException as error:
            made.set_attribute("error.type", type(error).__name__)
            raise


def tell_outcome(made: "Span | None", outcome: object) -> None:
    """What came of a shard."""
    if made is not None and isinstance(outcome, Outcome):
        for name in ("rows", "pictures", "quarantined"):
            made.set_attribute(f"imagemill.{name}", getattr(outcome, name))


def flush() -> None:
    """Exports what is not exported yet; a process that ends by itself does so anyway."""
    provider = _provider()
    if provider is not None:
        provider.force_flush(5000)
