"""What a process tells on stderr: lines for a person, or JSON lines for what collects logs.

All of imagemill logs to loggers below `imagemill`. Figures that a line tells are also in its record's `fields`.
"""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, Literal

LogFormat = Literal["text", "json"]

_root = logging.getLogger("imagemill")


class _Text(logging.StreamHandler[Any]):
    """Warnings, and how far the work is."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.WARNING or (
            record.name == "imagemill.progress" and not sys.stderr.isatty()  # which has a bar
        )


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        told = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        return json.dumps(told, ensure_ascii=False, default=str)


def stderr_handler(log_format: LogFormat) -> logging.Handler:
    """Writes what the loggers tell to stderr."""
    if log_format == "text":
        return _Text()
    handler: logging.Handler = logging.StreamHandler()
    handler.setFormatter(_Json())
    return handler


def tell_on_stderr(log_format: LogFormat) -> None:
    """Has this process tell on stderr what its loggers are told, in place of what it did before."""
    use([stderr_handler(log_format)])


def use(handlers: list[logging.Handler]) -> list[logging.Handler]:
    """Has the loggers use these handlers alone; those that they used before."""
    before = list(_root.handlers)
    for handler in before:
        _root.removeHandler(handler)
    for handler in handlers:
        _root.addHandler(handler)
    _root.setLevel(logging.INFO)
    _root.propagate = False  # Prefect configures the root logger for itself
    return before
