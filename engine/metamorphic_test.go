package engine_test

import (
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine"
	"github.com/artifortress/afs-engine/packfile"
)

// The same random operations run on stores that have nothing in common but
// their content: kinds of stores, sizes of chunks and packs, checkpoints after
// every group or never. Each must do at every step what the model, a map, does,
// through crashes and lost indexes; and where chunks are cut alike, the same
// content must have got the same name everywhere.
//
// AFS_TEST_METAMORPHIC_SEED repeats a run, AFS_TEST_METAMORPHIC_STEPS (or
// AFS_TEST_SOAK) makes it longer.

// metaSteps is how many operations run by default, on each configuration.
const metaSteps = 60

type metaConfig struct {
	name     string
	local    bool // a directory, not memory
	append   bool // packs are written as they are made
	shared   metaShared
	chunks   chunker.Params
	packing  engine.Packing // zero: the default, whose deltas are of text only
	settings engine.Settings
}

var smallChunks = chunker.Params{Min: 512, Avg: 2 << 10, Max: 8 << 10}

// allDeltas makes deltas of whatever changes.
var allDeltas = engine.Packing{Frame: 32 << 10, Level: 1, Deltas: engine.DeltasAll}

var metaConfigs = []metaConfig{
	{name: "plain", chunks: chunker.DefaultParams},
	{name: "small packs, many checkpoints", append: true, chunks: chunker.DefaultParams, settings: engine.Settings{PackSize: 48 << 10, CheckpointRecords: 1}},
	{name: "a directory", local: true, append: true, chunks: chunker.DefaultParams, packing: allDeltas, settings: engine.Settings{PackSize: 256 << 10, CheckpointRecords: 7}},
	{name: "small chunks, no cache", chunks: smallChunks, packing: allDeltas, settings: engine.Settings{PackSize: 100 << 10, CheckpointRecords: 3, CacheBytes: 1}},
	{name: "small chunks, no checkpoint", chunks: smallChunks, settings: engine.Settings{CheckpointRecords: math.MaxInt}},
	{name: "a client", shared: asClient, append: true, chunks: chunker.DefaultParams, packing: allDeltas, settings: engine.Settings{PackSize: 64 << 10, CheckpointRecords: 2}},
	{name: "a client that takes over", shared: takingOver, chunks: smallChunks, packing: allDeltas, settings: engine.Settings{PackSize: 32 << 10, CheckpointRecords: 3}},
}

func TestMetamorphic(t *testing.T) {
	t.Parallel()
	seed, steps := rand.Uint64(), metaSteps
	if testing.Short() {
		steps /= 6
	}
	if os.Getenv("AFS_TEST_SOAK") != "" {
		steps = 1000
	}
	if s := os.Getenv("AFS_TEST_METAMORPHIC_STEPS"); s != "" {
		steps = atoi(t, s)
	}
	if s := os.Getenv("AFS_TEST_METAMORPHIC_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		seed = n
	}
	t.Logf("AFS_TEST_METAMORPHIC_SEED=%d AFS_TEST_METAMORPHIC_STEPS=%d", seed, steps)
	ops := randomOps(rand.New(rand.NewPCG(seed, 1)), steps)
	roots := map[chunker.Params]map[string]chunker.ID{}
	for _, c := range metaConfigs {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			got := runOps(t, c, ops, seed)
			if t.Failed() {
				return
			}
			if roots[c.chunks] == nil {
				roots[c.chunks] = got
			}
			for ref, root := range roots[c.chunks] {
				if got[ref] != root {
					t.Errorf("%s has the content id %s here and %s in another configuration", ref, got[ref], root)
				}
			}
		})
	}
}

func atoi(t *testing.T, s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// runOps carries out ops on one configuration and returns the content ids of
// what is published in the end.
func runOps(t *testing.T, c metaConfig, ops []metaOp, seed uint64) map[string]chunker.ID {
	r := newMetaRig(t, c, seed)
	var done []string
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("operations, the last one failed:\n%s", strings.Join(done, "\n"))
		}
	})
	for i, op := range ops {
		done = append(done, strconv.Itoa(i)+" "+op.String())
		r.run(op)
		if i%10 == 9 {
			r.checkAll()
		}
	}
	r.checkAll()
	t.Logf("%d bytes are deltas", rawBytes(t, r.store)[packfile.CodecDelta])
	r.verify()
	return r.roots()
}
