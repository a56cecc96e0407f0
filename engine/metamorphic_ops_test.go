package engine_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
)

// metaOp is one operation. What it meets depends on the state; a number that
// chooses among what is there counts modulo how much that is.
type metaOp struct {
	what  string
	ref   string // REPO/PACKAGE@VERSION
	path  string // draft: where the tree goes
	tag   string
	tree  files
	pick  [2]int   // diff, restore: which published versions
	batch []metaOp // several: ingests at the same time
	crash *metaCrash
}

// metaCrash says when an operation is cut short, and what the disk keeps.
type metaCrash struct {
	put      int // before the nth put, or, if there are not so many, right after the operation
	unsynced int // percent of what the index has not synced
}

func (o metaOp) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", o.what, o.ref)
	if o.path != "" {
		fmt.Fprintf(&b, ":%s", o.path)
	}
	if o.tag != "" {
		fmt.Fprintf(&b, " %s", o.tag)
	}
	if o.tree != nil {
		size := 0
		for _, content := range o.tree {
			size += len(content)
		}
		fmt.Fprintf(&b, " (%d files, %d bytes)", len(o.tree), size)
	}
	for _, x := range o.batch {
		fmt.Fprintf(&b, " [%s]", x)
	}
	if o.crash != nil {
		fmt.Fprintf(&b, ", crash before put %d, %d%% of the unsynced kept", o.crash.put, o.crash.unsynced)
	}
	return b.String()
}

// metaWeights says how often each kind of operation comes.
var metaWeights = []struct {
	what string
	n    int
}{
	{"ingest", 22}, {"draft", 20}, {"publish", 12}, {"discard", 5}, {"tag", 8}, {"dry run", 4}, {"several", 5},
	{"diff", 6}, {"restore", 5}, {"rebuild", 3}, {"reopen", 5}, {"forget", 4}, {"verify", 3},
}

func randomOps(r *rand.Rand, steps int) []metaOp {
	var kinds []string
	for _, w := range metaWeights {
		kinds = append(kinds, slices.Repeat([]string{w.what}, w.n)...)
	}
	trees := randomTrees{r: r}
	ops := make([]metaOp, steps)
	for i := range ops {
		o := metaOp{what: kinds[r.IntN(len(kinds))], pick: [2]int{r.IntN(1000), r.IntN(1000)}}
		// Names come and stay in use for a while.
		o.ref = fmt.Sprintf("%s@%d", []string{"r/a", "r/a/b", "@s/c"}[r.IntN(3)], 1+i/25+r.IntN(4))
		switch o.what {
		case "ingest", "dry run":
			o.tree = trees.next()
		case "draft":
			o.tree, o.path = trees.next(), []string{"", "", "d0", "d1/d2", "x0"}[r.IntN(5)]
		case "tag":
			o.tag = fmt.Sprintf("t%d", r.IntN(3))
		case "several":
			for n := range 2 + r.IntN(4) {
				x := metaOp{what: "ingest", ref: fmt.Sprintf("r/many%d@%d", n%2, i*10+n), tree: trees.next()}
				o.batch = append(o.batch, x)
			}
		}
		switch o.what {
		case "ingest", "draft", "publish", "discard", "tag":
			if r.IntN(6) == 0 {
				o.crash = &metaCrash{put: r.IntN(6), unsynced: []int{0, 50, 100}[r.IntN(3)]}
			}
		}
		ops[i] = o
	}
	return ops
}

// randomTrees makes trees that resemble the ones before them.
type randomTrees struct {
	r    *rand.Rand
	past []files
}

func (g *randomTrees) next() files {
	f := files{}
	if len(g.past) > 0 && g.r.IntN(3) > 0 {
		f = maps.Clone(g.past[g.r.IntN(len(g.past))])
	}
	if len(g.past) > 0 && g.r.IntN(8) == 0 {
		return f // the same again
	}
	for range 1 + g.r.IntN(6) {
		path := g.path()
		if len(f) > 1 && g.r.IntN(4) == 0 {
			sorted := slices.Sorted(maps.Keys(f))
			delete(f, sorted[g.r.IntN(len(sorted))])
		}
		old := f[path]
		overlayFile(f, path, g.content(old))
	}
	g.past = append(g.past, f)
	return f
}

// path is one of a few; x0 and x1 stand for files and for directories.
func (g *randomTrees) path() string {
	var segs []string
	for g.r.IntN(2) == 0 && len(segs) < 4 {
		segs = append(segs, []string{"d0", "d1", "d2", "x0", "x1"}[g.r.IntN(5)])
	}
	return strings.Join(append(segs, []string{"f0", "f1", "f2", "f3", "x0", "x1"}[g.r.IntN(6)]), "/")
}

func (g *randomTrees) content(old string) string {
	if len(old) > 0 && g.r.IntN(2) == 0 { // an edit
		at := g.r.IntN(len(old))
		return old[:at] + randomBytes(g.r.Uint64(), g.r.IntN(50)) + old[at:]
	}
	switch n := 1 + g.r.IntN(9); {
	case n == 1:
		return ""
	case n == 2:
		return strings.Repeat("\x00", 100_000+g.r.IntN(100_000)) + "end"
	case n == 3:
		return strings.Repeat("the same line again\n", g.r.IntN(5_000))
	case n == 4:
		return randomBytes(uint64(g.r.IntN(4)), 150_000) // often seen before
	case n < 7:
		return randomBytes(g.r.Uint64(), g.r.IntN(60_000))
	}
	return randomBytes(g.r.Uint64(), g.r.IntN(200))
}

// overlayFile puts a file in, in place of whatever is in its way.
func overlayFile(f files, path, content string) {
	for i := range path {
		if path[i] == '/' {
			delete(f, path[:i])
		}
	}
	for p := range f {
		if strings.HasPrefix(p, path+"/") {
			delete(f, p)
		}
	}
	f[path] = content
}
