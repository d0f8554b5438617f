# Two doors: `make demo` runs the main job, `make test` passes all tests. Each installs what it needs.
# Everything is a thin call of the build's own tool, tests/src/xtask.
#
# What is built is the same selection of packages in every step of one word: cargo unifies features over a selection,
# and another one would compile wasmtime once more.

ALONE  = --workspace --bins
TESTED = --workspace --bins --tests
TARGET = $(if $(CARGO_TARGET_DIR),$(CARGO_TARGET_DIR),target)
XTASK  = ARGS="$(ARGS)" ROUNDS="$(ROUNDS)" $(TARGET)

.PHONY: build demo test test-all test-systemd bench year lint package schema
build demo bench year package schema:
	@cargo build --release $(ALONE)
	@$(XTASK)/release/xtask $@

# Tests and lint are of the dev profile, for it compiles faster, and arithmetic is checked.
test test-all test-systemd lint:
	@cargo build $(TESTED)
	@$(XTASK)/debug/xtask $@
