"""Run in a fresh process: what importing all our modules changes in it. See test_imports.py.

python -m tests.imports others              # the modules of others that ours import, as JSON
python -m tests.imports changes < others    # what is changed by ours, with those there already
"""

import atexit
import contextlib
import ctypes
import gc
import importlib
import json
import locale
import logging
import os
import pkgutil
import random
import resource
import signal
import socket
import sys
import threading
import warnings
from hashlib import sha256
from pathlib import Path
from typing import Any

OURS = ("models", "tasks", "flows")


def import_ours() -> None:
    for name in OURS:
        package = importlib.import_module(name)
        for module in pkgutil.walk_packages(package.__path__, f"{name}."):
            if module.name != "flows.__main__":  # which is the command
                importlib.import_module(module.name)


def import_others(names: list[str]) -> None:
    for name in names:
        with contextlib.suppress(Exception):  # some are there only once their package has made them
            importlib.import_module(name)
    from prefect import flow

    flow(name="any")(lambda: None)  # each declared flow has a runner, whose logger is Prefect's to set up


def large_arrays_are_mapped() -> bool:
    """Whether malloc gives a large array memory apart from its heap, which it does unless `mallopt` forbids it."""
    libc = ctypes.CDLL(None)
    libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = (
        ctypes.c_void_p,
        [ctypes.c_size_t],
        [ctypes.c_void_p],
    )
    block = libc.malloc(200 << 20)
    heap = next(line for line in Path("/proc/self/maps").read_text().splitlines() if line.endswith("[heap]"))
    low, high = (int(end, 16) for end in heap.split()[0].split("-"))
    libc.free(block)
    return not low <= block < high


def digest(value: object) -> str:
    return sha256(str(value).encode()).hexdigest()


def logger_setup(one: logging.Logger) -> tuple[Any, ...]:
    return one.level, one.disabled, one.propagate, one.handlers, one.filters


def state() -> dict[str, Any]:
    """All that a process is set to, as far as it can be seen."""
    import cv2
    import numpy as np
    import pydicom.config
    import torch
    from PIL import Image, ImageFile, PngImagePlugin
    from pydicom.pixels import get_decoder
    from pydicom.uid import AllTransferSyntaxes

    fresh = (logging.NOTSET, False, True, [], [])
    loggers = [logging.getLogger(), *map(logging.getLogger, sorted(logging.root.manager.loggerDict))]
    config = {**vars(pydicom.config), **vars(pydicom.config.settings)}
    decoders = {}
    for syntax in AllTransferSyntaxes:
        with contextlib.suppress(NotImplementedError):
            decoders[str(syntax)] = get_decoder(syntax).available_plugins
    return {
        "environment": dict(os.environ),
        "malloc": large_arrays_are_mapped(),
        "warnings": [list(map(str, warnings.filters)), repr(warnings.showwarning)],
        "loggers": {one.name: setup for one in loggers if (setup := logger_setup(one)) != fresh},
        "logging": [logging.root.manager.disable, logging.getLoggerClass(), logging.getLogRecordFactory()],
        "pillow": [Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, PngImagePlugin.MAX_TEXT_MEMORY],
        "pydicom": {name: value for name, value in config.items() if isinstance(value, bool | int | str | None)},
        "decoders": decoders,
        "opencv": [cv2.getNumThreads(), cv2.utils.logging.getLogLevel(), cv2.ocl.useOpenCL()],
        "numpy": [np.geterr(), np.get_printoptions(), digest(np.random.get_state()[1].tolist())],
        "threads": [torch.get_num_threads(), torch.get_num_interop_threads()],
        "torch": [
            *(torch.get_default_dtype(), torch.is_grad_enabled(), torch.get_float32_matmul_precision()),
            *(torch.backends.cudnn.benchmark, torch.are_deterministic_algorithms_enabled()),
            digest(torch.random.get_rng_state().tolist()),
        ],
        "random": digest(random.getstate()),
        "signals": {name: signal.getsignal(name) for name in sorted(signal.Signals)},
        "hooks": [sys.excepthook, threading.excepthook, sys.unraisablehook, atexit._ncallbacks()],  # type: ignore[attr-defined]
        "limits": [resource.getrlimit(name) for name in (resource.RLIMIT_NOFILE, resource.RLIMIT_AS)],
        "interpreter": [sys.getrecursionlimit(), gc.get_threshold(), sys.getswitchinterval(), sys.path],
        "place": [str(Path.cwd()), locale.setlocale(locale.LC_ALL), socket.getdefaulttimeout()],
    }


def changes(others: list[str]) -> dict[str, Any]:
    import_others(others)
    before = {name: repr(value) for name, value in state().items()}
    import_ours()
    after = {name: repr(value) for name, value in state().items()}
    return {name: [was, after[name]] for name, was in before.items() if was != after[name]}


if __name__ == "__main__":
    if sys.argv[1] == "others":
        import_ours()
        print(json.dumps([name for name in sys.modules if name.partition(".")[0] not in {*OURS, "tests", "__main__"}]))
    else:
        print(json.dumps(changes(json.load(sys.stdin))))
