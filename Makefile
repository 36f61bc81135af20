# Everything runs in .venv, which is made with the versions of constraints.txt. `make` alone lists the targets.
# On Linux, PyPI's torch brings several GB of CUDA libraries; a machine without a GPU can take the CPU build instead:
#   PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu make .venv
PYTHON ?= python3
ARGS ?=
TASK ?= brats
BENCH ?= run
BIN := .venv/bin
STAMP := .venv/installed.stamp
PIP_INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt

.DEFAULT_GOAL := help
.PHONY: help .venv demo test lint types experiment-channel-lora experiment-med-tuning bench-methods bench clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z.-]+:.*## / { printf "  %-24s %s\n", $$1, $$2 }' Makefile

.venv: ## make the environment (PYTHON=python3.12 chooses the interpreter)
	@if $(MAKE) --question $(STAMP) 2> /dev/null; \
		then echo ".venv is up to date: nothing to install"; \
		else $(MAKE) --no-print-directory $(STAMP); fi

demo: .venv ## phantoms, pre-training, fine-tuning, evaluation and a picture, in minutes on a CPU
	$(BIN)/python -m segpeft.demo $(ARGS)

test: $(STAMP) ## run the test suite (ARGS="-m slow" runs the slow tests)
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile $(ARGS)

lint: $(STAMP) ## check rules and formatting with ruff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP) ## check types with mypy
	$(BIN)/mypy

experiment-channel-lora: $(STAMP) ## TASK=brats|prostate|hippocampus ARGS="--set volumes=DIR --tiny": LoRA against its baselines
	$(BIN)/python -m segpeft.experiments benchmarks/grids/channel_lora_$(TASK).json --out experiments_out \
		--report benchmarks/results/channel_lora_$(TASK) $(ARGS)

experiment-med-tuning: TASK = kits_vit
bench-methods: TASK = hippocampus_vit
experiment-med-tuning: $(STAMP) ## TASK=kits_vit|kits_swin|ablations|decoders|sources|hippocampus|demo ARGS=--tiny
	$(BIN)/python -m segpeft.experiments benchmarks/grids/med_tuning_$(TASK).json --out experiments_out \
		--report benchmarks/results/med_tuning_$(TASK) $(ARGS)

bench-methods: $(STAMP) ## TASK=hippocampus_vit|hippocampus_swin|study_hippocampus|phantoms_vit|phantoms_swin: every method, hours; ARGS="--set dataset_dir=DIR"
	$(BIN)/python -m segpeft.experiments benchmarks/grids/methods_$(TASK).json --out experiments_out \
		--report benchmarks/results/methods_$(TASK) $(ARGS)

bench: $(STAMP) ## measure the documentation's numbers (25 minutes), or BENCH=med_tuning_step|med_adapter_step|methods_step|adapter_files (10), BENCH=export (20)
	$(BIN)/python -m benchmarks.$(BENCH) $(ARGS)

clean: ## delete caches, builds and the demo's output; .venv stays
	rm -rf build dist demo_out experiments_out .mypy_cache .pytest_cache .ruff_cache shared/*.egg-info
	find . -path ./.venv -prune -o -type d -name __pycache__ -exec rm -rf {} +

# torch goes first: resolved together with packages that leave its version open, it may come as a newer build.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "error: '$(PYTHON)' is missing or\
	 older than Python 3.10; name another one: make .venv PYTHON=/path/to/python3" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(PIP_INSTALL) torch
	$(PIP_INSTALL) --editable '.[dev]'
	@touch $@
