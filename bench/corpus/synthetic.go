package corpus

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"github.com/artifortress/afs-engine/bench"
)

// model says how a synthetic corpus is made. The same model always makes the
// same bytes; sum is theirs.
//
// The sizes of the first release's files are spread round sizeBits like a
// normal distribution of their logarithm; every second file is of words, every
// fourth of records, every fourth of random bytes. From each release to the
// next, touched of the files are edited, and added of their number come new. An
// edit is one of: insert, delete, overwrite (each 25 %, up to editMax bytes at
// one place), append (15 %, up to editMax bytes), rename (10 %). All of it is
// made with whole numbers, or with floating point that rounds in one way only:
// it is the same on every CPU.
type model struct {
	seed     uint64
	releases int
	files    int
	sizeBits int // the median size is about 1.5 × 2 to this
	sizeMax  int
	touched  int // percent of the files
	added    int // percent of the first release's files
	editMax  int
	sum      string // SHA-256 over names, sizes and bytes of all releases
}

var (
	fullModel  = model{1, 5, 1200, 13, 8 << 20, 5, 1, 4096, "1977f5b9bb078a47b7d32f6fbce550b2112bb87e8d3de595c481fc50eadd0cbe"}
	smallModel = model{2, 4, 400, 13, 4 << 20, 5, 1, 4096, "518474efa2a47322dc5a1479e5d0faa7e1cba8fa522da1cbe989965c0add830c"}
)

func synthetic(name string, m model) Spec {
	return Spec{
		Name:   name,
		About:  fmt.Sprintf("generated, %d releases of %d files and more: from one to the next %d %% of the files are edited at one place (insert, delete, overwrite, append) or renamed", m.releases, m.files, m.touched),
		Mounts: true, CacheBytes: int64(m.releases) * int64(m.files) * 48e3,
		build: func(ctx context.Context, _ *cache, dir string) error { return m.build(ctx, dir) },
	}
}

// syntheticFull is the one of a run of everything: its edits say how much of a
// small change is stored.
func syntheticFull() Spec {
	s := synthetic("synthetic", fullModel)
	s.Part = bench.Part{Reps: 1, Workloads: storing(), Without: []string{"bup", "erofs"}}
	return s
}

// build writes all releases below dir.
func (m model) build(ctx context.Context, dir string) error {
	return m.each(func(release int, f generated) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		path := filepath.Join(releaseDir(dir, release, releaseName(release)), f.name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, f.data, 0o644); err != nil {
			return err
		}
		return os.Chtimes(path, releaseTime(release), releaseTime(release))
	})
}

func releaseName(i int) string { return fmt.Sprint("v", i+1) }

// each makes the files of one release after the other. The error is
// ErrChecksum, in the end, if they are not those that they should be.
func (m model) each(yield func(release int, f generated) error) error {
	g := &generator{model: m, rnd: rand.New(rand.NewPCG(m.seed, 0))}
	g.words()
	for range m.files {
		g.add()
	}
	digest := sha256.New()
	for i := range m.releases {
		if i > 0 {
			g.edit()
		}
		for _, f := range g.tree {
			fmt.Fprintf(digest, "%s %s %d\n", releaseName(i), f.name, len(f.data))
			digest.Write(f.data)
			if err := yield(i, f); err != nil {
				return err
			}
		}
	}
	if sum := hex.EncodeToString(digest.Sum(nil)); sum != m.sum {
		return fmt.Errorf("%w: the generator made %s, want %s", ErrChecksum, sum, m.sum)
	}
	return nil
}

// generator makes the releases of a model, one after the other.
type generator struct {
	model
	rnd        *rand.Rand
	vocabulary []string
	tree       []generated
	named      int // files that were ever named
}

type generated struct {
	name string
	data []byte
}

// words makes the vocabulary.
func (g *generator) words() {
	const letters = "etaoinshrdlucmfwypvbgkqjxz"
	for range 4096 {
		w := make([]byte, 2+g.rnd.IntN(9))
		for i := range w {
			w[i] = letters[int(float64(len(letters))*g.rnd.Float64()*g.rnd.Float64())]
		}
		g.vocabulary = append(g.vocabulary, string(w))
	}
}

func (g *generator) add() {
	const coins = 24 // how many heads they show is the size's exponent: a deviation of 2.4 bits
	power := 1 << max(0, g.sizeBits-coins/2+bits.OnesCount32(g.rnd.Uint32()>>(32-coins)))
	size := min(power+g.rnd.IntN(power), g.sizeMax)
	g.tree = append(g.tree, generated{g.name(), g.bytes(g.named%4, size)})
}

func (g *generator) name() string {
	g.named++
	return fmt.Sprintf("d%02d/s%d/f%05d", g.rnd.IntN(20), g.rnd.IntN(4), g.named)
}

// bytes makes n bytes of a kind.
func (g *generator) bytes(kind, n int) []byte {
	var b strings.Builder
	for line := 0; b.Len() < n; line++ {
		switch kind {
		case 0, 1: // words, the frequent ones far more often
			r := g.rnd.Float64()
			b.WriteString(g.vocabulary[int(float64(len(g.vocabulary))*r*r*r)])
			if line%12 == 11 {
				b.WriteByte('\n')
			} else {
				b.WriteByte(' ')
			}
		case 2: // records
			fmt.Fprintf(&b, "%08d\x00%06x\x00%c\n", line, g.rnd.Uint32()>>8, 'A'+rune(g.rnd.IntN(4)))
		default:
			for v, i := g.rnd.Uint64(), 0; i < 8; i++ {
				b.WriteByte(byte(v >> (8 * i)))
			}
		}
	}
	return []byte(b.String()[:n])
}

// edit makes the next release of the tree.
func (g *generator) edit() {
	for range len(g.tree) * g.touched / 100 {
		f := &g.tree[g.rnd.IntN(len(g.tree))]
		at, n := g.rnd.IntN(len(f.data)+1), 1+g.rnd.IntN(g.editMax)
		end := min(at+n, len(f.data))
		fresh := g.bytes(g.rnd.IntN(4), n)
		head := f.data[:at:at] // appending copies: the release before is not touched
		switch p := g.rnd.IntN(100); {
		case p < 25:
			f.data = append(append(head, fresh...), f.data[at:]...)
		case p < 50:
			f.data = append(head, f.data[end:]...)
		case p < 75:
			f.data = append(append(head, fresh[:end-at]...), f.data[end:]...)
		case p < 90:
			f.data = append(f.data[:len(f.data):len(f.data)], fresh...)
		default:
			f.name = g.name()
		}
	}
	for range g.files * g.added / 100 {
		g.add()
	}
}
