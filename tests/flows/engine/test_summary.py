from flows.engine.summary import Summary
from tasks.runfolder.commit import Outcome


def test_a_stage_that_took_no_time_keeps_its_place() -> None:
    summary = Summary(out="run", rows=8)
    for stamp in (0.0, 0.5):
        summary.add(Outcome(4, 4, 0, {"generate": 1.0, "stamp": stamp, "write": 2.0}))
    assert list(summary.seconds.items()) == [("generate", 2.0), ("stamp", 0.5), ("write", 4.0)]
