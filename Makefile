# `make demo` and `make test` install everything that they require; `make help` lists all commands.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
SOURCES := $(shell find firmware -path firmware/test -prune -o -type f \( -name '*.[chS]' -o -name 'CMakeLists.txt' -o -name '*.cmake' \) -print)
# Options of pytest, such as TESTS='tests/test_link.py -x'.
TESTS ?=

.PHONY: help demo check lint-c test simulate verify fuzz sanitize coverage docs docs-pictures ci hooks fresh packages release gen format bench bench-compare firmware emulate clean
help:
	@echo 'make demo      run a network on a photograph, on the virtual board'
	@echo 'make test      run all tests; make test TESTS=tests/test_link.py: some of them'
	@echo 'make simulate  test the link on a faulty line, in virtual time: SEEDS=FIRST:LAST [KIND=] [WORKLOAD=] [CONFIG=] [JOBS=]'
	@echo 'make verify    check the model of the transfer with spin: RUNS=, or all'
	@echo 'make fuzz      search for inputs that break the link or the server: TIME=60 seconds for each of [TARGET="link host"]'
	@echo 'make check     check style, types, generated files, C code'
	@echo 'make lint-c    only clang-tidy and the analyzer of GCC on the C code; a part of make check'
	@echo 'make sanitize  run the end-to-end tests with sanitizers in the virtual board, and the tests of the server with them in its library'
	@echo 'make coverage  run the tests and measure the coverage of Python and C'
	@echo 'make docs      build the documents as a site in build/docs, from docs/ and the docstrings'
	@echo 'make docs-pictures  make the pictures of the documents, in 2 minutes'
	@echo 'make ci        run all of these with every Python of this machine; the last lines list what failed'
	@echo 'make hooks     install a quick check before each commit'
	@echo 'make fresh     run make demo and make test in a new Debian 12 and 13; as root'
	@echo 'make packages  build source distribution and wheels in dist/, check, install and test them: PYTHONS="python3.11 python3.12"'
	@echo 'make release   the same, after a check of what a release needs (tools/checklist.py)'
	@echo 'make gen       write the files that are generated from the schema'
	@echo 'make format    format Python and C'
	@echo 'make bench     measure the speed, also of other libraries: BENCH=GROUP, BENCH='--mode full'; make bench-compare BASE=FILE: what has changed'
	@echo 'make emulate   run the board image with ST'"'"'s sources on the emulated board: NETWORKS="NAME=FOLDER ..."'
	@echo 'make firmware  build the virtual board, the QEMU image and the compile check of the boards'

# ---- first: a missing program is printed with the command that installs it
NEEDS := need-run need-test need-check need-fuzz need-fresh need-packages
.PHONY: $(NEEDS) FORCE
$(NEEDS): need-%:
	@tools/need $* $(firstword $(wildcard $(BIN)/python) $(PYTHON))

# ---- environments: the package alone for users, and with all tools for developers
$(VENV)/.made: | need-run
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	touch $@

# An editable installation contains a list of modules: it must be installed again if a module is added or moved.
$(VENV)/.modules: $(VENV)/.made FORCE
	@find n6link pytest_n6link -name '*.py' | sort >$@.new; if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

$(VENV)/.installed: $(VENV)/.made $(VENV)/.modules pyproject.toml n6link/version.py $(SOURCES)
	@echo 'Installing n6link and the packages that it requires (300 MB) into $(VENV): this takes a minute or more.'
	$(BIN)/pip install --quiet --editable '.[all]'
	touch $@

$(VENV)/.dev: $(VENV)/.installed
	$(BIN)/pip install --quiet --group dev
	touch $@

demo: $(VENV)/.installed
	$(BIN)/n6link demo

test: need-test $(VENV)/.dev
	$(BIN)/python -m pytest $(TESTS)

# The last line of the output is the result.
SEEDS ?= 0:1000
JOBS ?= 1
simulate: need-test $(VENV)/.dev
	PYTHONPATH=tests $(BIN)/python -m simulation $(SEEDS) --kind "$(KIND)" --workload "$(WORKLOAD)" --config "$(CONFIG)" --jobs $(JOBS)

# The model of the transfer: make verify RUNS='sizes cuts' for some of its runs.
RUNS ?=
verify: need-test $(VENV)/.dev
	$(BIN)/python tests/verify.py $(RUNS)

# The last line of the output is the result. Merge found inputs into the corpora with MERGE=--merge.
TIME ?= 60
TARGET ?=
MERGE ?=
export CLANG ?= $(firstword $(shell command -v clang-19) clang)
fuzz: need-fuzz $(VENV)/.dev
	$(BIN)/pip install --quiet --group fuzz
	cd firmware && PATH="$(CURDIR)/$(BIN):$$PATH" && for p in fuzz fuzz-coverage; do \
	  cmake --preset $$p >/dev/null && cmake --build --preset $$p || exit 1; done
	PYTHONPATH=tests $(BIN)/python -m fuzzing --time $(TIME) $(MERGE) $(TARGET)

check: need-check $(VENV)/.dev lint-c docs
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	shellcheck .ci/run $(filter-out %.py,$(wildcard tools/*))
	$(BIN)/mypy
	$(BIN)/basedpyright
	$(BIN)/lint-imports --no-cache --no-logo
	$(BIN)/python -m n6link.protocol.codegen --check
	git ls-files 'firmware/*.[ch]' 'tests/*.[ch]' | xargs $(BIN)/clang-format --dry-run --Werror
	cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,performance,portability --inline-suppr \
	  --suppress=missingIncludeSystem --suppress=comparePointers:firmware/ports/stm32n6/startup.c \
	  $(addprefix -I ,$(wildcard firmware/core/*/)) -I firmware/npu -i firmware/ports/stm32n6/stubs -i firmware/ports/stm32n6/test \
	  firmware/core firmware/npu firmware/ports

lint-c: $(VENV)/.dev
	cd firmware && PATH="$(CURDIR)/$(BIN):$$PATH" && cmake --preset lint >/dev/null && cmake --build --preset lint

# A fault ends the board and fails the test; faults that are found at the board's exit, such as leaks, are in its reports.
SANITIZED := $(CURDIR)/firmware/build/host-asan
# Python loads the library of the server, so the sanitizers must be there before; the leaks that they report are Python's.
sanitize: need-test $(VENV)/.dev
	cd firmware && PATH="$(CURDIR)/$(BIN):$$PATH" && cmake --preset host-asan >/dev/null && cmake --build --preset host-asan
	rm -f $(SANITIZED)/report.*
	bad=; export N6LINK_SIM=$(SANITIZED)/ports/host/n6sim ASAN_OPTIONS=log_path=$(SANITIZED)/report; \
	  $(BIN)/python -m pytest -m 'e2e and not qemu' $(TESTS) || bad=yes; \
	  export N6LINK_SERVE=$(SANITIZED)/ports/host/serve/n6serve.so ASAN_OPTIONS=$$ASAN_OPTIONS:detect_leaks=0; \
	  LD_PRELOAD=$$($(CC) -print-file-name=libasan.so) $(BIN)/python -m pytest tests/test_serve*.py || bad=yes; \
	! cat $(SANITIZED)/report.* 2>/dev/null && test -z "$$bad"

# Both coverages, of Python and of C, are reported even if tests fail.
COUNTED := $(CURDIR)/firmware/build/host-coverage
coverage: need-test $(VENV)/.dev
	rm -rf $(COUNTED) .coverage .coverage.*
	cd firmware && PATH="$(CURDIR)/$(BIN):$$PATH" && \
	  cmake --preset host-coverage >/dev/null && cmake --build --preset host-coverage && ctest --preset host-coverage
	bad=; N6LINK_SIM=$(COUNTED)/ports/host/n6sim N6LINK_SERVE=$(COUNTED)/ports/host/serve/n6serve.so $(BIN)/coverage run -m pytest $(TESTS) || bad=yes; \
	$(BIN)/coverage combine --quiet && $(BIN)/coverage report || bad=yes; $(BIN)/gcovr || bad=yes; test -z "$$bad"

# All warnings are errors: links without a target, public names without a docstring, commands in the documents that fail.
docs-pictures: $(VENV)/.dev
	$(BIN)/python docs/pictures.py
	$(BIN)/python benchmarks/screenshots.py
	$(BIN)/python benchmarks/page.py --pictures examples --only view-desk-light

docs: $(VENV)/.dev
	$(BIN)/sphinx-build --fresh-env --write-all --fail-on-warning --keep-going --quiet docs build/docs
	@echo 'build/docs/index.html'

gen: $(VENV)/.installed
	$(BIN)/python -m n6link.protocol.codegen

format: $(VENV)/.dev
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	git ls-files 'firmware/*.[ch]' 'tests/*.[ch]' | xargs $(BIN)/clang-format -i

# Some groups, or all lines and more rounds: make bench BENCH='links --mode full'. Samples: build/bench.json, scale plots: build/bench.png.
BENCH ?=
$(VENV)/.bench: $(VENV)/.installed
	$(BIN)/pip install --quiet --group bench
	touch $@

bench: $(VENV)/.bench
	PYTHONPATH=benchmarks $(BIN)/python -m bench $(BENCH)

# What has changed since BASE, beyond noise. NEW: build/bench.json
BASE ?=
NEW ?=
bench-compare: $(VENV)/.bench
	PYTHONPATH=benchmarks $(BIN)/python -m bench --compare $(BASE) $(NEW)

firmware: need-test $(VENV)/.dev
	cd firmware && export PATH="$(CURDIR)/$(BIN):$$PATH" && \
	for p in host qemu stm32n6570-dk nucleo-n657x0-q; do cmake --preset $$p && cmake --build --preset $$p || exit 1; done

# Needs STM32CUBE_N6_DIR and STEDGEAI_CORE_DIR; what it did, and what it skipped, is in firmware/build/emulation.md.
NETWORKS ?=
emulate: need-test $(VENV)/.dev
	cd firmware && PATH="$(CURDIR)/$(BIN):$$PATH" ../$(BIN)/python -m emulation.release $(addprefix --network ,$(NETWORKS)) \
		$(addprefix --example ,$(EXAMPLES)) $(EMULATE)

ci:
	.ci/run

hooks: $(VENV)/.dev
	$(BIN)/pre-commit install

fresh: need-fresh
	tools/fresh

# The wheel for x86-64 is tested with each of PYTHONS; the one for aarch64 on an emulated processor.
PYTHONS ?= python
packages: need-packages $(VENV)/.dev
	$(BIN)/pip install --quiet --group release
	rm -rf dist
	PATH="$(CURDIR)/$(BIN):$$PATH" tools/packages dist
	PATH="$(CURDIR)/$(BIN):$$PATH" N6LINK_DIST="$(CURDIR)/dist" PYTHONS="$(PYTHONS)" python -m pytest tests/test_release.py $(TESTS)
	ls -l dist

release: $(VENV)/.installed
	$(BIN)/python tools/checklist.py
	$(MAKE) packages

clean:
	rm -rf $(VENV) build dist firmware/build .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage .coverage.*
