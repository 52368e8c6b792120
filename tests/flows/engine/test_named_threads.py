import threading

from flows.engine.named_threads import in_device_thread, in_filter_thread


def test_all_work_on_a_device_is_done_in_one_thread() -> None:
    assert len({in_device_thread("cpu", threading.get_ident) for _ in range(5)}) == 1
    assert in_device_thread("cpu", threading.get_ident) != in_device_thread("cuda", threading.get_ident)


def test_filters_run_beside_the_models_on_a_cpu_and_with_them_on_a_gpu() -> None:
    assert in_filter_thread("cpu", threading.get_ident) != in_device_thread("cpu", threading.get_ident)
    assert in_filter_thread("cuda:1", threading.get_ident) == in_device_thread("cuda:1", threading.get_ident)
