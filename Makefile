# Two doors: `make demo` runs the main job, `make test` passes all tests. Each installs what it needs.
# Everything is a thin call of the build's own tool, tests/src/xtask.

XTASK = cargo run --quiet --release --package evidenced-tests --bin xtask --

.PHONY: build demo test test-all bench lint
build demo test test-all bench lint:
	@ARGS="$(ARGS)" ROUNDS="$(ROUNDS)" $(XTASK) $@
