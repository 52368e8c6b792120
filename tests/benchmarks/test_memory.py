"""The benchmark of memory ends a run once it has made enough, and tells its peak."""

from benchmarks.memory import peak_memory


def test_the_peak_is_that_of_a_process_with_its_models() -> None:
    assert 100e6 < peak_memory(2000, 16, 2, "column", pictures=1) < 1.5e9
