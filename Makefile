# The short way in. Everything here is a thin cover over meson, ninja and the scripts in tools/,
# tests/ and bench/; `make help` lists it.

PREFIX ?= /usr/local
FUZZ_SECONDS ?= 60
BENCH_SCALE ?= 1
BENCH_RUNS ?=

.PHONY: build help setup demo test sanitize golden fuzz fuzz-afl bench bench-read bench-proxy bench-watch install
.PHONY: lint clean

build: build/build.ninja
	ninja -C build

help:
	@echo 'make build      the program, as build/viaduct'
	@echo 'make demo       set-up, build, requests through the proxy, and the cause of a failed download;'
	@echo '                then a console that shows both; DEMO=--no-console for none'
	@echo 'make setup      install from Debian what building and testing need'
	@echo 'make test       set-up, both compilers, sanitizers, the whole suite'
	@echo 'make sanitize   the suite under address and undefined behaviour sanitizers alone'
	@echo 'make golden     write the expected outputs in tests/golden anew; review the diff'
	@echo 'make screenshots  the pages of the console anew, in doc/console'
	@echo 'make fuzz       each fuzz target for FUZZ_SECONDS (60) with libFuzzer'
	@echo 'make fuzz-afl   build the fuzz targets for AFL++, and say how to run them'
	@echo 'make bench      measure beside other tools: bench-read, bench-proxy, bench-watch, which can be made'
	@echo '                alone; BENCH_SCALE (1), BENCH_RUNS (5 and 3)'
	@echo 'make install    under PREFIX (/usr/local), below DESTDIR if that is set'
	@echo 'make lint       clang-format, clang-tidy, shellcheck, mandoc'
	@echo 'make clean      remove every build directory'

setup:
	@tools/setup.sh build test

# What only building and showing need; far less than the tests do.
.PHONY: setup-demo
setup-demo:
	@tools/setup.sh build demo

demo: setup-demo
	@$(MAKE) --no-print-directory build/build.ninja
	@ninja -C build viaduct
	@tools/demo.sh build/viaduct $(DEMO)

# gcc as a user builds it, and clang with the sanitizers, both with warnings as errors.
test: setup
	@python3 tests/run.py build-gcc build-sanitize

sanitize: setup
	@python3 tests/run.py build-sanitize

golden: build
	@python3 tests/golden/golden.py --rewrite build/viaduct
	@python3 tests/golden/readme.py --rewrite build/viaduct
	@build/tests/unit/unit-probe --rewrite

.PHONY: screenshots
screenshots: build
	@tools/setup.sh build test
	@mkdir -p doc/console
	@node tests/browser/console.mjs build/viaduct doc/console

fuzz:
	@tools/setup.sh build fuzz
	@tests/fuzz/run.sh build-fuzz $(FUZZ_SECONDS)

fuzz-afl:
	@tools/setup.sh build afl
	@tests/fuzz/afl.sh build-afl

bench: bench-read bench-proxy bench-watch

bench-read:
	@tools/setup.sh build bench-read
	@$(MAKE) --no-print-directory build
	@python3 bench/read.py --scale $(BENCH_SCALE) --runs $(or $(BENCH_RUNS),5) build/viaduct

bench-proxy:
	@tools/setup.sh build bench-proxy
	@$(MAKE) --no-print-directory build
	@python3 bench/proxy.py --scale $(BENCH_SCALE) --runs $(or $(BENCH_RUNS),3) build/viaduct

bench-watch:
	@tools/setup.sh build bench-watch
	@$(MAKE) --no-print-directory build
	@python3 bench/watch.py build/viaduct

# Where a build directory was made for another prefix, it is told; ninja then does what follows.
install: build
	meson configure build --prefix '$(abspath $(PREFIX))'
	DESTDIR='$(DESTDIR)' meson install -C build

lint:
	@tools/setup.sh build lint
	@$(MAKE) --no-print-directory build/build.ninja
	@tools/lint.sh build

clean:
	rm -rf build build-browser build-gcc build-sanitize build-fuzz build-afl

build/build.ninja:
	meson setup build
