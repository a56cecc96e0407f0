# Targets for people. `make` lists them.
SHELL := /bin/bash -o pipefail
export CGO_ENABLED ?= 0
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
FUZZTIME ?= 5s
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)

.PHONY: help build bench inner benchdocs tradeoff demo readme test race ports vet fuzz soak tools clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build bin/afs-engine
	go build -trimpath -o bin/afs-engine ./cmd/afs-engine

OUT ?= bench-results/$(shell date -u +%Y%m%dT%H%M%SZ)
bench: build ## measure this beside other tools on known data: root, network, under half an hour; BENCH=... for flags
	@rc=0; set -x; bin/afs-engine bench --install --out $(OUT) $(BENCH) || rc=$$?; set +x; \
		if [ $$rc = 0 ] || [ $$rc = 3 ]; then $(MAKE) --no-print-directory inner OUT=$(OUT) || rc=$$?; fi; exit $$rc # 3: something was left out

inner: build ## measure the inner loops beside their references, and put them into the reports in OUT
	mkdir -p $(OUT)
	bench/inner.sh > $(OUT)/inner.txt
	if [ -e $(OUT)/results.json ]; then \
		bin/afs-engine bench report $(OUT)/results.json > $(OUT)/report.md && \
		bin/afs-engine bench report --html $(OUT)/results.json > $(OUT)/report.html; fi

RESULTS ?= $(lastword $(sort $(wildcard bench-results/*/results.json)))
benchdocs: ## put the tables of RESULTS (default: the last run of make bench) into docs/benchmarks.md and README.md
	@test -n "$(RESULTS)" || { echo "no results: run make bench, or say RESULTS=FILE"; exit 1; }
	cp $(RESULTS) docs/bench/results.json
	if [ -e $(dir $(RESULTS))inner.txt ]; then cp $(dir $(RESULTS))inner.txt docs/bench/; fi
	go test ./bench/report -run TestDocsShowTheResults -update

tradeoff: build ## measure chunk sizes, frame sizes, levels and profiles on three corpora, and put tables and plots into docs/benchmarks.md
	for corpus in toolchains text typescript; do bin/afs-engine bench tradeoff --corpora $$corpus --out docs/bench/tradeoff/$$corpus || exit; done
	go test ./bench/report -run TestDocsShowTheResults -update

demo: tools build ## two Go releases in one store: ingest, mount, run, diff, kill, damage, rebuild
	@bash bench/demo.sh

readme: ## run the demo and put its table into README.md
	@$(MAKE) --no-print-directory demo | tee docs/demo.txt
	@bash .ci/readme

test: tools ## run the tests; ends with a counted list of what was skipped and why
	@go test -json ./... | go run ./.ci/testsummary

race: ## run the library's tests, the long ones shortened, under the race detector (needs a C compiler)
	@CGO_ENABLED=1 go test -race -short -json ./chunker/... ./backends/... ./packfile/... ./index/... ./engine/... ./fusefs/... | go run ./.ci/testsummary

ports: tools ## run the tests of what has assembly, shortened, without it and on arm64 (under qemu)
	go test -short -tags purego ./chunker/... ./packfile/zstdenc
	GOARCH=arm64 go test -short -exec qemu-aarch64 ./chunker/... ./packfile/zstdenc

vet: ## gofmt, go vet, staticcheck
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "these files want gofmt"; exit 1; }
	go vet ./...
	go run $(STATICCHECK) ./...

fuzz: ## fuzz every decoder for FUZZTIME (5s; 1000000x counts) each; ends with the sum of executions
	@bash .ci/fuzz $(FUZZTIME)

soak: ## the slow tests at full size
	AFS_TEST_SOAK=1 go test -timeout 4h -json ./... | go run ./.ci/testsummary

tools: ## install what tests and demo use from Debian's packages: fuse3, zstd, qemu-user
	@bash .ci/tools

clean: ## remove what was built
	rm -rf bin
