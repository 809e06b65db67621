# Everything happens in .venv inside this folder. `make demo` and `make test` set it up by themselves.
PYTHON ?= python3
PIP_ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
DEMO := build/demo
STUDIO := akma_core/api/static/index.html
# Else each of the hundreds of processes that the tests start would compile AKMA's modules anew.
unexport PYTHONDONTWRITEBYTECODE
# A thread each: two test processes on two cores would wait for one another's threads at every barrier.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

.PHONY: help demo serve studio dist gpu test lint lint-deploy lock clean

help:
	@echo "make demo    start the service, have it render the demo song, fetch the video, stop"
	@echo "make serve   start the service at http://127.0.0.1:3000 (the studio; the API: /v1/docs) until Ctrl-C"
	@echo "make studio  build the page alone"
	@echo "make dist    build the wheel and the sdist into dist/"
	@echo "make test    run the tests"
	@echo "make gpu     check and time the GPU path, 8 minutes at most; GPU_ARGS=--dry-run lists the checks"
	@echo "make lint    ruff and mypy; make lint-deploy what deploy/ holds"
	@echo "make clean   remove what the others made"

$(VENV)/.installed: pyproject.toml constraints.txt
	@echo "== setting up $(VENV) (once; torch is large) =="
	@test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -c 'import sys; sys.exit("AKMA needs Python 3.11 or later" if sys.version_info < (3, 11) else 0)'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) -c constraints.txt -e ".[dev]"
	@touch $@

$(STUDIO): $(VENV)/.installed $(shell find studio -name node_modules -prune -o -type f -print)
	@echo "== building the studio =="
	@$(BIN)/python scripts/build_studio.py || echo "== no studio: its page could not be built; all else works without =="

studio: $(STUDIO)
	@test -f $(STUDIO)

demo: $(VENV)/.installed $(STUDIO)
	@mkdir -p $(DEMO)
	@echo "== making the demo song =="
	@$(BIN)/python scripts/make_song.py $(DEMO)/song.wav
	@echo "== its curve =="
	@$(BIN)/akma waveform $(DEMO)/song.wav -o $(DEMO)/curve.png
	@$(BIN)/python scripts/demo.py $(DEMO)/song.wav $(DEMO)/song.mp4 -- --model dunes --shape 320x180 \
		--seed 8 --strength 0.9 --fps 18 --upscale realesr-animevideov3 --size 1280x720
	@echo
	@echo "Open $(DEMO)/song.mp4 in a browser. Watch: a quiet opening; at 2 s the drums come in and every hit moves the hills"
	@echo "and the light; at 4 s it rests, at 5 s it is loudest, and from 7 s on it rings out."
	@echo "$(DEMO)/curve.png shows the curve that moves it. The same song at sea, calm where it is quiet, a storm where it is loud:"
	@echo "    $(BIN)/akma render $(DEMO)/song.wav -o $(DEMO)/sea.mp4 --model sea --size 512x288 --fps 24 --seed 8"

dist: $(VENV)/.installed $(STUDIO)
	@$(BIN)/python -m build --no-isolation

serve: $(VENV)/.installed $(STUDIO)
	@$(BIN)/akma serve

gpu: $(VENV)/.installed
	@$(BIN)/akma doctor --gpu $(GPU_ARGS)

test: $(VENV)/.installed $(STUDIO)
	@echo "== tests =="
	@$(PYTEST) $(TEST_ARGS)

lint: $(VENV)/.installed $(STUDIO)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python scripts/build_studio.py check

lint-deploy: $(VENV)/.installed
	@$(BIN)/hadolint Dockerfile
	@$(BIN)/shellcheck deploy/*.sh scripts/*.sh .ci/run
	@$(BIN)/yamllint --strict -c deploy/.yamllint.yaml deploy/compose.yaml deploy/terraform/cloud-init.yaml
	@$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec deploy/compose.yaml
	@if command -v terraform > /dev/null; then terraform fmt -check -recursive deploy; fi
	@$(BIN)/python -m pytest -rs tests/e2e/test_deploy.py tests/e2e/test_terraform.py

lock: $(VENV)/.installed
	@scripts/lock.sh

clean:
	rm -rf $(VENV) studio/node_modules akma_core/api/static build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
