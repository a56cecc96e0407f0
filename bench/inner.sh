#!/usr/bin/env bash
# Measures the inner loops, each beside its reference, and prints what go test
# prints: benchstat reads it. They take turns, so that a drift of the machine
# hits all of them. inner.sh [ROUNDS]
set -euo pipefail
cd "$(dirname "$0")/.."
export AFS_BENCH_CHUNKS=200000

measure() { # PACKAGE PATTERN
	go test -run '^$' -bench "$2" -benchtime 100ms "$1"
}

for ((round = 0; round < ${1:-5}; round++)); do
	measure ./chunker '^BenchmarkCut$/^(jotfs|go|avx512)$/data=/avg=(16|64)K$'
	measure ./chunker '^BenchmarkHash$'
	measure ./index/bloom '^BenchmarkHas$/^1M$'
	measure ./index '^BenchmarkIndex$'
	measure ./packfile '^BenchmarkFrame(Encode|Decode)$'
	measure ./engine/manifest '^Benchmark(Build|Lookup|List)$'
	measure ./fusefs '^BenchmarkReaddir$'
done
