# n6link's words. `make demo` and `make test` are all the set-up there is.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SOURCES := $(shell find firmware -path firmware/test -prune -o -type f \( -name '*.[chS]' -o -name 'CMakeLists.txt' -o -name '*.cmake' \) -print)
APT := cppcheck gcc-arm-none-eabi libcmocka-dev libnewlib-arm-none-eabi qemu-system-arm tmux
# One program of each package above that has one, to see whether anything is missing.
APT_PROGRAMS := cppcheck arm-none-eabi-gcc qemu-system-arm tmux

.PHONY: help demo check test sanitize coverage gen format bench firmware tools clean
help:
	@echo 'make demo      a photograph through the virtual board, from nothing'
	@echo 'make test      all tests'
	@echo 'make check     style, types, generated files, C linters'
	@echo 'make sanitize  tests with sanitizers in the virtual board'
	@echo 'make coverage  tests with line coverage of the package and of the C behind the virtual board'
	@echo 'make gen       regenerate what repeats the schema'
	@echo 'make format    format Python and C'
	@echo 'make bench     speed of the link and the decoders'
	@echo 'make firmware  the virtual board, the QEMU image and the board compile check, without Python'

# ---- environments: the package alone for users, and with all tools for developers
$(VENV)/.made:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	touch $@

$(VENV)/.installed: $(VENV)/.made pyproject.toml n6link/version.py $(SOURCES)
	$(BIN)/pip install --quiet --editable '.[all]'
	touch $@

$(VENV)/.dev: $(VENV)/.installed
	$(BIN)/pip install --quiet --group dev
	touch $@

# ---- Debian packages that the tests use, where we may install them; tests skip with a reason where we may not
tools:
	@missing=; for p in $(APT_PROGRAMS); do command -v $$p >/dev/null || missing=yes; done; \
	test -e /usr/include/cmocka.h || missing=yes; \
	if [ -n "$$missing" ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $(APT) >/dev/null; \
	elif [ -n "$$missing" ]; then \
	  echo 'some tests will be skipped: install' $(APT); \
	fi

demo: $(VENV)/.installed
	$(BIN)/n6link demo

test: $(VENV)/.dev tools
	$(BIN)/python -m pytest

check: $(VENV)/.dev tools
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/python -m n6link.protocol.codegen --check
	git ls-files 'firmware/*.[ch]' | xargs $(BIN)/clang-format --dry-run --Werror
	cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,performance,portability --inline-suppr \
	  --suppress=missingIncludeSystem --suppress=comparePointers:firmware/ports/stm32n6/startup.c \
	  $(addprefix -I ,$(wildcard firmware/core/*/)) -I firmware/npu -i firmware/ports/stm32n6/stubs -i firmware/ports/stm32n6/test \
	  firmware/core firmware/npu firmware/ports

# The board's faults end it, and with it the test; what it only notices at its end, as lost memory, stands in its reports.
SANITIZED := $(CURDIR)/firmware/build/host-asan
sanitize: $(VENV)/.dev tools
	cd firmware && PATH="$(CURDIR)/$(BIN):$$PATH" && cmake --preset host-asan >/dev/null && cmake --build --preset host-asan
	rm -f $(SANITIZED)/report.*
	N6LINK_SIM=$(SANITIZED)/ports/host/n6sim ASAN_OPTIONS=log_path=$(SANITIZED)/report $(BIN)/python -m pytest
	! cat $(SANITIZED)/report.* 2>/dev/null

# Of Python and of C; both are reported, whether the first one is good or not.
COUNTED := $(CURDIR)/firmware/build/host-coverage
coverage: $(VENV)/.dev tools
	rm -rf $(COUNTED) .coverage .coverage.*
	cd firmware && PATH="$(CURDIR)/$(BIN):$$PATH" && \
	  cmake --preset host-coverage >/dev/null && cmake --build --preset host-coverage && ctest --preset host-coverage
	N6LINK_SIM=$(COUNTED)/ports/host/n6sim $(BIN)/coverage run -m pytest
	$(BIN)/coverage combine --quiet
	bad=; $(BIN)/coverage report --fail-under=95 || bad=yes; $(BIN)/gcovr || bad=yes; test -z "$$bad"

gen: $(VENV)/.installed
	$(BIN)/python -m n6link.protocol.codegen

format: $(VENV)/.dev
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	git ls-files 'firmware/*.[ch]' | xargs $(BIN)/clang-format -i

bench: $(VENV)/.installed
	for b in benchmarks/*_bench.py; do $(BIN)/python $$b || exit 1; done

firmware: $(VENV)/.dev tools
	cd firmware && export PATH="$(CURDIR)/$(BIN):$$PATH" && \
	for p in host qemu stm32n6570-dk nucleo-n657x0-q; do cmake --preset $$p && cmake --build --preset $$p || exit 1; done

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage .coverage.*
