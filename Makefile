# The two commands of the README, and the steps they are made of.

BROWSER_TESTS := tests/browser

.PHONY: run test prepare format lint docs unit fuzz browser release clean

## The demo: a network, the server, and an advertiser's pages, on the embedded store.
run:
	cargo run --bin crumb -- demo

## Everything, installing what it needs on a Debian machine.
test: prepare format lint docs unit fuzz browser

prepare:
	scripts/prepare

format:
	cargo fmt --all --check

lint:
	cargo clippy --workspace --all-targets --locked -- --deny warnings

docs:
	RUSTDOCFLAGS="--deny warnings" cargo doc --workspace --no-deps --locked

## Unit, property, contract, HTTP and command-line tests.
unit:
	INSTA_UPDATE=no cargo test --workspace --locked

## A short run of each fuzz target on its kept corpus.
fuzz:
	scripts/fuzz

## A real Chromium drives the demo.
browser:
	cargo build --bin crumb --locked
	cd $(BROWSER_TESTS) && npm ci --no-audit --no-fund && npm test

## What to run in production, and what `crumb bench` should be run from.
release:
	cargo build --release --locked

clean:
	cargo clean
	rm -rf $(BROWSER_TESTS)/node_modules
