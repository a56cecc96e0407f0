package unpack

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine/manifest"
)

// shuffled is a store that answers in any order but the one it is asked in, at
// times several at once, and takes the bytes back when it has been told that
// they are used.
type shuffled struct{ *memStore }

func (s shuffled) Chunks(ctx context.Context, kind chunker.Kind, ids []chunker.ID, workers int, got Got) error {
	return together{s, 1 + rand.IntN(4)}.Chunks(ctx, kind, ids, workers, got)
}

// together is one that gives n at once.
type together struct {
	shuffled
	n int
}

func (s together) Chunks(ctx context.Context, kind chunker.Kind, ids []chunker.ID, workers int, got Got) error {
	order := rand.Perm((len(ids) + s.n - 1) / s.n)
	return eachOf(ctx, len(order), workers, func(ctx context.Context, n int) error {
		first := order[n] * s.n
		var own []byte
		var ends []int
		for i := first; i < min(first+s.n, len(ids)); i++ {
			b, err := s.Chunk(ctx, kind, ids[i])
			if err != nil {
				return got(i, nil, nil, err)
			}
			own = append(own, b...)
			ends = append(ends, len(own))
		}
		err := got(first, own, ends, nil)
		clear(own)
		return err
	})
}

// randomTree has files of all sizes, holes, links and hard links.
func randomTree(t *testing.T, r *rand.Rand) string {
	t.Helper()
	var names, files []string
	for i := range 20 + r.IntN(60) {
		name := fmt.Sprintf("%c%d", 'a'+r.IntN(26), i)
		for range r.IntN(4) {
			name = fmt.Sprintf("d%d/", r.IntN(3)) + name
		}
		var text strings.Builder
		for range r.IntN(6) {
			piece := strings.Repeat(string(rune('a'+r.IntN(26))), 1+r.IntN(9000))
			if r.IntN(3) == 0 {
				piece = strings.Repeat("\x00", 1+r.IntN(20_000))
			}
			text.WriteString(piece)
		}
		if r.IntN(12) == 0 {
			text.WriteString(strings.Repeat("long and longer ", 10_000))
		}
		names, files = append(names, name+"="+text.String()), append(files, name)
	}
	root := tree(t, t.TempDir(), append(names, "link -> a", "d0/link -> ../b", "void/")...)
	for i := range r.IntN(20) {
		must(t, os.Link(filepath.Join(root, files[r.IntN(len(files))]), filepath.Join(root, fmt.Sprintf("%c-also-%d", 'a'+r.IntN(26), i))))
	}
	return root
}

// TestWindowsOfAnySizeGiveTheSameTree restores random trees through windows
// of any size, from sources of any order, some of it twice.
func TestWindowsOfAnySizeGiveTheSameTree(t *testing.T) {
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 5))
		from := randomTree(t, r)
		m := newMemStore()
		root := m.dir(t, from)
		for name, l := range map[string]limits{
			"one":   {1, 1, 1, 1},
			"few":   {10_000, 1 + r.IntN(4), 1 + r.IntN(4), 1 + r.IntN(20)},
			"wide":  wideLimits,
			"tight": tightLimits,
		} {
			var src manifest.Source = m
			if r.IntN(2) == 0 {
				src = shuffled{m}
			}
			dest := filepath.Join(t.TempDir(), "x")
			o := Options{Workers: 1 + r.IntN(4)}
			for range 2 {
				u := newUnpacker(t.Context(), src, o)
				u.limits = l
				if r.IntN(2) == 0 {
					withoutUnnamed(u)
				}
				res, err := u.run(t.Context(), root, dest)
				if err != nil {
					t.Fatalf("seed %d, %s: %v", seed, name, err)
				}
				if all := res.Files + res.Links + res.Linked + res.Skipped; all != root.Summary.Files {
					t.Errorf("seed %d, %s: %+v of %d files", seed, name, res, root.Summary.Files)
				}
				sameTree(t, dest, from)
				// Half of it is gone, and comes back.
				o.Overwrite, o.Delete = Changed, true
				must(t, filepath.WalkDir(dest, func(path string, d fs.DirEntry, err error) error {
					if err == nil && !d.IsDir() && r.IntN(2) == 0 {
						err = os.Remove(path)
					}
					return err
				}))
			}
		}
	}
}

// withoutUnnamed has u believe that a file needs a name from the beginning.
func withoutUnnamed(u *unpacker) { u.tryUnnamed.Do(func() {}) }

// TestFilesHaveNoNameBeforeTheyAreWhole, where the system can do that, and a
// temporary one elsewhere. Nothing else is left of how that was found out.
func TestFilesHaveNoNameBeforeTheyAreWhole(t *testing.T) {
	from := tree(t, t.TempDir(), "d/f="+strings.Repeat("first "+"\x00", 20_000), "d/g="+strings.Repeat("other ", 20_000), "empty=")
	for _, named := range []bool{false, true} {
		m := newMemStore()
		root := m.dir(t, from)
		dest := filepath.Join(t.TempDir(), "x")
		var temps atomic.Int64
		m.onChunk = func(chunker.Kind, chunker.ID) error {
			names, _ := os.ReadDir(filepath.Join(dest, "d"))
			for _, n := range names {
				if isTemp(n.Name()) {
					temps.Add(1)
				}
			}
			return nil
		}
		u := newUnpacker(t.Context(), m, Options{Workers: 1})
		if named {
			withoutUnnamed(u)
		}
		_, err := u.run(t.Context(), root, dest)
		must(t, err)
		sameTree(t, dest, from)
		if !named && !u.canUnnamed {
			t.Log("files cannot be made without a name here")
		} else if (temps.Load() > 0) != named {
			t.Errorf("named %v: temporary names were seen %d times", named, temps.Load())
		}
	}
}

// TestWhatAppearsMeanwhileIsNotReplaced: between decision and completion
// something takes the name.
func TestWhatAppearsMeanwhileIsNotReplaced(t *testing.T) {
	t.Run("unnamed", func(t *testing.T) { testAppearing(t, func(*unpacker) {}) })
	t.Run("named", func(t *testing.T) { testAppearing(t, withoutUnnamed) })
}

func testAppearing(t *testing.T, prepare func(*unpacker)) {
	from := tree(t, t.TempDir(), "d/f=new", "z=1")
	for _, c := range []struct {
		overwrite Overwrite
		want      string
	}{{Never, "mine"}, {Changed, "new"}, {Always, "new"}} {
		m := newMemStore()
		root := m.dir(t, from)
		dest := filepath.Join(t.TempDir(), "x")
		m.onChunk = func(_ chunker.Kind, id chunker.ID) error {
			if id == chunker.Sum([]byte("new")) {
				return os.WriteFile(filepath.Join(dest, "d/f"), []byte("mine"), 0o600)
			}
			return nil
		}
		u := newUnpacker(t.Context(), m, Options{Overwrite: c.overwrite})
		prepare(u)
		res, err := u.run(t.Context(), root, dest)
		if errors.Is(err, ErrExists) != (c.overwrite == Never) || c.overwrite != Never && err != nil {
			t.Errorf("%s: %v", c.overwrite, err)
		}
		if b, err := os.ReadFile(filepath.Join(dest, "d/f")); err != nil || string(b) != c.want {
			t.Errorf("%s: %q, %v", c.overwrite, b, err)
		}
		if left, _ := os.ReadDir(filepath.Join(dest, "d")); len(left) != 1 {
			t.Errorf("%s: left behind %v", c.overwrite, left)
		}
		want := Result{Files: 2, Dirs: 2, Bytes: 4}
		if c.overwrite == Never {
			want.Files, want.Bytes = 1, 1
		}
		if res != want {
			t.Errorf("%s: %+v, want %+v", c.overwrite, res, want)
		}
	}
}

// TestDamageLeavesWholeFilesOnly, whatever was under way.
func TestDamageLeavesWholeFilesOnly(t *testing.T) {
	from := randomTree(t, rand.New(rand.NewPCG(99, 1)))
	tree(t, from, "m/bad="+strings.Repeat("b", 3000))
	want := snapshot(t, from)
	m := newMemStore()
	root := m.dir(t, from)
	bad := chunker.Sum([]byte(strings.Repeat("b", 3000)))
	m.onChunk = func(_ chunker.Kind, id chunker.ID) error {
		if id == bad {
			return errBroken
		}
		return nil
	}
	dest := filepath.Join(t.TempDir(), "x")
	_, err := Tree(t.Context(), shuffled{m}, root, dest, Options{Workers: 3})
	if !errors.Is(err, errBroken) || !strings.Contains(err.Error(), "m/bad") {
		t.Errorf("Tree: %v", err)
	}
	for path, desc := range snapshot(t, dest) {
		file, _, _ := strings.Cut(desc, " = ") // one name of several may stand alone
		if isTemp(filepath.Base(path)) || desc[0] != 'd' && !strings.HasPrefix(want[path], file) && !strings.Contains(want[path], " = ") {
			t.Errorf("%q is %q, want %q", path, desc, want[path])
		}
	}
	m.onChunk = nil
	_, err = Tree(t.Context(), m, root, dest, Options{Resume: true})
	must(t, err)
	sameTree(t, dest, from)
}

// TestFirstNamesInTheWayHoldNobodyUp: of a file with many names, some cannot be
// written, and the others come through windows of one.
func TestFirstNamesInTheWayHoldNobodyUp(t *testing.T) {
	var names []string
	for i := range 30 {
		names = append(names, fmt.Sprintf("%02d-between=%d", i, i))
	}
	from := tree(t, t.TempDir(), append(names, "00=text")...)
	for i := 1; i < 30; i++ {
		must(t, os.Link(filepath.Join(from, "00"), filepath.Join(from, fmt.Sprintf("%02d", i))))
	}
	m := newMemStore()
	root := m.dir(t, from)
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 8))
		dest, mine := t.TempDir(), map[string]bool{}
		for range 1 + r.IntN(25) {
			name := fmt.Sprintf("%02d", r.IntN(30))
			mine[name] = true
			tree(t, dest, name+"=mine")
		}
		u := newUnpacker(t.Context(), shuffled{m}, Options{Resume: true, Workers: 2})
		u.limits = limits{1, 1, 1, 1}
		_, err := u.run(t.Context(), root, dest)
		if !errors.Is(err, ErrExists) {
			t.Fatalf("seed %d: %v", seed, err)
		}
		first := ""
		for i := range 30 {
			name := fmt.Sprintf("%02d", i)
			b, err := os.ReadFile(filepath.Join(dest, name))
			must(t, err)
			switch {
			case mine[name] != (string(b) == "mine"):
				t.Errorf("seed %d: %s is %q", seed, name, b)
			case !mine[name] && first == "":
				first = name
			case !mine[name] && !linked(t, dest, first, name):
				t.Errorf("seed %d: %s and %s are two files", seed, first, name)
			}
		}
	}
}

// TestContentThatDoesNotFitIsAnError: what a manifest says of a file's size, or
// of a chunk's, need not be so.
func TestContentThatDoesNotFitIsAnError(t *testing.T) {
	m := newMemStore()
	for name, c := range map[string]struct{ even, odd, more int64 }{
		"a chunk that is shorter than its file says": {9, 9, 0},
		"a chunk that is longer":                     {7, 7, 0},
		"chunks that are as long together":           {7, 9, 0},
		"a file that is longer than its chunks":      {8, 8, 1},
		"a file that is shorter":                     {8, 8, -1},
	} {
		root := built(t, m, func(b *manifest.Builder, attr manifest.Attr, piece manifest.Segment) {
			list := manifest.NewListBuilder(m)
			list.Reset()
			for i := range 2 * manifest.InlineSegments {
				if piece.Length = c.even; i%2 == 1 {
					piece.Length = c.odd
				}
				must(t, list.Add(t.Context(), piece))
			}
			content, size, err := list.Finish(t.Context())
			must(t, err)
			must(t, b.Add(t.Context(), manifest.Entry{Name: "odd", Kind: manifest.File, Size: size + c.more, Content: content, Attr: attr}))
		})
		for _, src := range []manifest.Source{m, together{shuffled{m}, 2}, together{shuffled{m}, 100}} {
			dest := filepath.Join(t.TempDir(), "x")
			if _, err := Tree(t.Context(), src, root, dest, Options{}); err == nil || !strings.Contains(err.Error(), "odd") {
				t.Errorf("%s: %v", name, err)
			}
			if left, _ := os.ReadDir(dest); len(left) != 0 {
				t.Errorf("%s: it left %v", name, left)
			}
		}
	}
}

// asked is a store that notes how many chunks are asked for at once.
type asked struct {
	shuffled
	mu    sync.Mutex
	sizes []int
}

func (a *asked) Chunks(ctx context.Context, kind chunker.Kind, ids []chunker.ID, workers int, got Got) error {
	a.mu.Lock()
	a.sizes = append(a.sizes, len(ids))
	a.mu.Unlock()
	return a.shuffled.Chunks(ctx, kind, ids, workers, got)
}

// TestWritersBeginSoon: they do not wait until a whole window is planned.
func TestWritersBeginSoon(t *testing.T) {
	m := newMemStore()
	a := &asked{shuffled: shuffled{m}}
	_, err := Tree(t.Context(), a, wideTree(t, m, 2400), filepath.Join(t.TempDir(), "x"), Options{})
	must(t, err)
	if first, most := slices.Min(a.sizes), slices.Max(a.sizes); 3*first > most {
		t.Errorf("windows of %d", a.sizes)
	}
}
