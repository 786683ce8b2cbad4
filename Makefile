# n6link's words. `make demo` and `make test` are all the set-up there is.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
SOURCES := $(shell find firmware -path firmware/test -prune -o -type f \( -name '*.[chS]' -o -name 'CMakeLists.txt' -o -name '*.cmake' \) -print)
# Options of pytest, such as TESTS='tests/test_link.py -x'.
TESTS ?=

.PHONY: help demo check lint-c test simulate sanitize coverage ci hooks fresh release gen format bench firmware clean
help:
	@echo 'make demo      a photograph through the virtual board, from nothing'
	@echo 'make test      all tests; make test TESTS=tests/test_link.py: some'
	@echo 'make simulate  the link on a faulty line, in virtual time: SEEDS=FIRST:LAST [KIND=] [WORKLOAD=] [CONFIG=] [JOBS=]'
	@echo 'make check     style, types, generated files, C linters'
	@echo 'make lint-c    of these, clang-tidy and the analyzer of GCC on the C'
	@echo 'make sanitize  the end-to-end tests with sanitizers in the virtual board'
	@echo 'make coverage  tests with coverage of the package and of the C behind the virtual board'
	@echo 'make ci        all of these on every Python of this machine; the last lines say what failed'
	@echo 'make hooks     quick checks before each commit'
	@echo 'make fresh     make demo and make test in a new Debian 12 and 13; only root can'
	@echo 'make release   source distribution and wheels in dist/, checked, installed and tried'
	@echo 'make gen       regenerate what repeats the schema'
	@echo 'make format    format Python and C'
	@echo 'make bench     speed of the link and the decoders'
	@echo 'make firmware  the virtual board, the QEMU image and the board compile check, without Python'

# ---- before anything else: what is needed besides Python packages is named with the command that installs it
NEEDS := need-run need-test need-check need-fresh
.PHONY: $(NEEDS) FORCE
$(NEEDS): need-%:
	@tools/need $* $(firstword $(wildcard $(BIN)/python) $(PYTHON))

# ---- environments: the package alone for users, and with all tools for developers
$(VENV)/.made: | need-run
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	touch $@

# An editable installation finds modules by a list of their names: it is made again when one is added or moved.
$(VENV)/.modules: $(VENV)/.made FORCE
	@find n6link -name '*.py' | sort >$@.new; if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

$(VENV)/.installed: $(VENV)/.made $(VENV)/.modules pyproject.toml n6link/version.py $(SOURCES)
	$(BIN)/pip install --quiet --editable '.[all]'
	touch $@

$(VENV)/.dev: $(VENV)/.installed
	$(BIN)/pip install --quiet --group dev
	touch $@

demo: $(VENV)/.installed
	$(BIN)/n6link demo

test: need-test $(VENV)/.dev
	$(BIN)/python -m pytest $(TESTS)

# Its last line is the verdict, and so is its exit status.
SEEDS ?= 0:1000
JOBS ?= 1
simulate: need-test $(VENV)/.dev
	PYTHONPATH=tests $(BIN)/python -m simulation $(SEEDS) --kind "$(KIND)" --workload "$(WORKLOAD)" --config "$(CONFIG)" --jobs $(JOBS)

check: need-check $(VENV)/.dev lint-c
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	shellcheck .ci/run tools/*
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

# The board's faults end it, and with it the test; what it only notices at its end, as lost memory, stands in its reports.
SANITIZED := $(CURDIR)/firmware/build/host-asan
sanitize: need-test $(VENV)/.dev
	cd firmware && PATH="$(CURDIR)/$(BIN):$$PATH" && cmake --preset host-asan >/dev/null && cmake --build --preset host-asan
	rm -f $(SANITIZED)/report.*
	bad=; N6LINK_SIM=$(SANITIZED)/ports/host/n6sim ASAN_OPTIONS=log_path=$(SANITIZED)/report \
	  $(BIN)/python -m pytest -m 'e2e and not qemu' $(TESTS) || bad=yes; \
	! cat $(SANITIZED)/report.* 2>/dev/null && test -z "$$bad"

# Of Python and of C; both are reported, whatever fails before.
COUNTED := $(CURDIR)/firmware/build/host-coverage
coverage: need-test $(VENV)/.dev
	rm -rf $(COUNTED) .coverage .coverage.*
	cd firmware && PATH="$(CURDIR)/$(BIN):$$PATH" && \
	  cmake --preset host-coverage >/dev/null && cmake --build --preset host-coverage && ctest --preset host-coverage
	bad=; N6LINK_SIM=$(COUNTED)/ports/host/n6sim $(BIN)/coverage run -m pytest $(TESTS) || bad=yes; \
	$(BIN)/coverage combine --quiet && $(BIN)/coverage report || bad=yes; $(BIN)/gcovr || bad=yes; test -z "$$bad"

gen: $(VENV)/.installed
	$(BIN)/python -m n6link.protocol.codegen

format: $(VENV)/.dev
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	git ls-files 'firmware/*.[ch]' 'tests/*.[ch]' | xargs $(BIN)/clang-format -i

bench: $(VENV)/.installed
	for b in benchmarks/*_bench.py; do $(BIN)/python $$b || exit 1; done

firmware: need-test $(VENV)/.dev
	cd firmware && export PATH="$(CURDIR)/$(BIN):$$PATH" && \
	for p in host qemu stm32n6570-dk nucleo-n657x0-q; do cmake --preset $$p && cmake --build --preset $$p || exit 1; done

ci:
	.ci/run

hooks: $(VENV)/.dev
	$(BIN)/pre-commit install

fresh: need-fresh
	tools/fresh

release: $(VENV)/.dev
	$(BIN)/pip install --quiet --group release
	tools/release $(VENV)

clean:
	rm -rf $(VENV) build dist firmware/build .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage .coverage.*
