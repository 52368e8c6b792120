"""Processes forked from one that has done the imports: seconds of start-up are not what is to be killed."""

import multiprocessing

FORKED = multiprocessing.get_context("forkserver")
FORKED.set_forkserver_preload(["flows.cli.main", "flows.render", "flows.train"])
