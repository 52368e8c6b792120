import threading
import time
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

import pytest

from flows.lanes.named_threads import _worker, in_device_thread, in_filter_thread, in_thread


def test_all_work_on_a_device_is_done_in_one_thread() -> None:
    assert len({in_device_thread("cpu", threading.get_ident) for _ in range(5)}) == 1
    assert in_device_thread("cpu", threading.get_ident) != in_device_thread("cuda", threading.get_ident)


def test_filters_run_beside_the_models_on_a_cpu_and_with_them_on_a_gpu() -> None:
    assert in_filter_thread("cpu", threading.get_ident) != in_device_thread("cpu", threading.get_ident)
    assert in_filter_thread("cuda", threading.get_ident) == in_device_thread("cuda", threading.get_ident)


def test_what_is_nearest_to_the_end_comes_first_and_equals_in_order() -> None:
    begun, going, order = threading.Event(), threading.Event(), list[str]()

    def hold() -> None:
        begun.set()
        going.wait(30)

    with ThreadPoolExecutor(8) as shards:
        shards.submit(in_thread, "ordered", hold)
        begun.wait(30)
        for name, urgency in (("encode 1", 0), ("encode 2", 0), ("generate 0", 1), ("enhance", 2)):
            queued = _worker("ordered", "cpu")._waiting.qsize()
            shards.submit(in_thread, "ordered", lambda name=name: order.append(name), urgency)
            while _worker("ordered", "cpu")._waiting.qsize() == queued:
                pass
        going.set()
    assert order == ["enhance", "generate 0", "encode 1", "encode 2"]


def test_an_error_comes_back_to_the_caller_and_the_thread_goes_on() -> None:
    def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        in_thread("failing", fail)
    assert in_thread("failing", lambda: 3) == 3


def test_two_that_come_at_once_get_the_same_thread() -> None:
    for attempt in range(50):
        together = threading.Barrier(4)

        def ask(name: str = f"new {attempt}", together: threading.Barrier = together) -> int:
            together.wait()
            return in_thread(name, threading.get_ident)

        with ThreadPoolExecutor(4) as shards:
            assert len({future.result() for future in [shards.submit(ask) for _ in range(4)]}) == 1


def test_the_caller_takes_what_is_sent_while_the_function_runs() -> None:
    sent, taken = SimpleQueue[int](), SimpleQueue[int]()

    def send() -> int:
        sent.put(1)
        return taken.get(timeout=30)

    assert in_thread("sending", send, meanwhile=lambda: taken.put(sent.get(timeout=30) + 1)) == 2


def test_the_function_has_ended_when_the_callers_own_work_fails() -> None:
    ended = threading.Event()

    def fail() -> None:
        raise ValueError("no")

    def work() -> None:
        time.sleep(0.1)
        ended.set()

    with pytest.raises(ValueError, match="no"):
        in_thread("working", work, meanwhile=fail)
    assert ended.is_set()
