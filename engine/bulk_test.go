package engine_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/artifortress/afs-engine/backends"
	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine"
	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/engine/unpack"
	"github.com/artifortress/afs-engine/packfile"
)

// meter counts the reads of packs, and fails those that cover one byte.
type meter struct {
	backends.Store
	gets, bytes atomic.Int64
	badKey      string
	badByte     int64
}

func (m *meter) Get(ctx context.Context, key string, off, n int64) (io.ReadCloser, error) {
	if strings.HasPrefix(key, "packs/") {
		m.gets.Add(1)
		m.bytes.Add(n)
	}
	if key == m.badKey && off <= m.badByte && m.badByte < off+n {
		return nil, &os.PathError{Op: "read", Path: "/store/" + key, Err: syscall.EIO}
	}
	return m.Store.Get(ctx, key, off, n)
}

// bulkWorld has two versions whose chunks stand in several packs, and their
// data chunks in the order of the tree.
func bulkWorld(t *testing.T, cacheBytes int64) (w *world, m *meter, ids []chunker.ID) {
	t.Helper()
	m = &meter{Store: storeOf(t, nil)}
	w = worldOn(t, m, engine.Settings{PackSize: 600 << 10, CacheBytes: cacheBytes})
	f := files{"large": randomBytes(1, 1_500_000), "text": strings.Repeat("all work and no play\n", 30_000)}
	for i := range 300 {
		f[fmt.Sprintf("d%d/f%d", i%7, i)] = randomBytes(uint64(i), 50+i*i%9000)
	}
	w.ingest("x/y@1", f)
	f["large"] = f["large"][:700_000] + "in the middle" + f["large"][700_000:]
	f["added"] = randomBytes(1000, 100_000)
	w.ingest("x/y@2", f)
	return w, m, dataIDs(t, versionOf(t, w, "x/y@2"))
}

func versionOf(t *testing.T, w *world, ref string) *engine.Version {
	t.Helper()
	v, err := w.Version(t.Context(), mustRef(t, ref))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func dataIDs(t *testing.T, v *engine.Version) (ids []chunker.ID) {
	t.Helper()
	var walk func(e manifest.Entry)
	walk = func(e manifest.Entry) {
		for x, err := range manifest.Segments(t.Context(), v.Source(), e.Content, 0) {
			if err != nil {
				t.Fatal(err)
			}
			if !x.Zero() {
				ids = append(ids, x.ID)
			}
		}
		if e.Kind != manifest.Dir {
			return
		}
		d, err := manifest.OpenDir(v.Source(), e)
		if err != nil {
			t.Fatal(err)
		}
		for e, err := range d.List(t.Context(), "") {
			if err != nil {
				t.Fatal(err)
			}
			walk(e)
		}
	}
	walk(v.Root())
	return ids
}

// answers is what a bulk read gave.
type answers struct {
	mu   sync.Mutex
	text map[int]string
	errs map[int]error
	most int // chunks given together
}

func (a *answers) got(i int, b []byte, ends []int, err error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil {
		ends, a.errs[i] = []int{0}, err
	}
	start := 0
	for n, end := range ends {
		if _, again := a.text[i+n]; again {
			return fmt.Errorf("%d was given twice", i+n)
		}
		a.text[i+n], start = string(b[start:end]), end
	}
	a.most = max(a.most, len(ends))
	return nil
}

func bulkSource(t *testing.T, w *world) unpack.BulkSource {
	t.Helper()
	return versionOf(t, w, "x/y@2").Source().(unpack.BulkSource)
}

func bulkRead(t *testing.T, src unpack.BulkSource, ids []chunker.ID, workers int) *answers {
	t.Helper()
	a := &answers{text: map[int]string{}, errs: map[int]error{}}
	if err := src.Chunks(t.Context(), chunker.Data, ids, workers, a.got); err != nil {
		t.Error(err)
	}
	if len(a.text) != len(ids) {
		t.Errorf("%d answers to %d questions", len(a.text), len(ids))
	}
	return a
}

// TestBulkReadsGiveWhatSingleReadsDo, for any ids, twice or nowhere, side by
// side, with a cache for everything and one for nothing.
func TestBulkReadsGiveWhatSingleReadsDo(t *testing.T) {
	for _, cache := range []int64{0, 1, 300 << 10} {
		w, _, all := bulkWorld(t, cache)
		src, node := bulkSource(t, w), versionOf(t, w, "x/y@2").Root().Tree // no data
		var wg sync.WaitGroup
		for n := range 6 {
			wg.Go(func() {
				r := rand.New(rand.NewPCG(uint64(n), 3))
				var ids []chunker.ID
				for range r.IntN(2 * len(all)) {
					switch id := all[r.IntN(len(all))]; r.IntN(50) {
					case 0:
						ids = append(ids, chunker.Sum(id[:]))
					case 1:
						ids = append(ids, node)
					default:
						ids = append(ids, id)
					}
				}
				a := bulkRead(t, src, ids, 1+n%4)
				for i, id := range ids {
					want, err := src.Chunk(t.Context(), chunker.Data, id)
					if a.text[i] != string(want) || (a.errs[i] == nil) != (err == nil) {
						t.Errorf("chunk %s: %d bytes, %v; alone %d, %v", id, len(a.text[i]), a.errs[i], len(want), err)
					}
					if err != nil && !errors.Is(a.errs[i], engine.ErrDamaged) {
						t.Errorf("what is nowhere: %v", a.errs[i])
					}
				}
			})
		}
		wg.Wait()
	}
}

func TestBulkReadFetchesEachFrameOnce(t *testing.T) {
	w, m, ids := bulkWorld(t, 0)
	stats, err := w.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w.reopen() // with an empty cache
	src := bulkSource(t, w)
	m.gets.Store(0)
	m.bytes.Store(0)
	if together := bulkRead(t, src, ids, 3).most; together < 10 {
		t.Errorf("at most %d chunks were given together", together)
	}
	if gets, bytes := m.gets.Load(), m.bytes.Load(); bytes > stats.PackBytes || gets > 2*stats.Packs {
		t.Errorf("%d reads of %d bytes; there are %d packs of %d bytes", gets, bytes, stats.Packs, stats.PackBytes)
	}
	m.bytes.Store(0)
	half := ids[:len(ids)/20]
	bulkRead(t, src, half, 2)
	first := m.bytes.Load()
	bulkRead(t, src, half, 2)
	if again := m.bytes.Load() - first; again > first/2 {
		t.Errorf("%d bytes, then %d: what was partly wanted was not kept", first, again)
	}
}

// TestDamageCostsNoMoreThanItsFrame: a bit is flipped, or a place cannot be
// read, in the middle of what is read at once.
func TestDamageCostsNoMoreThanItsFrame(t *testing.T) {
	w, m, ids := bulkWorld(t, 0)
	sound := bulkRead(t, bulkSource(t, w), ids, 2)
	var key string
	var x *packfile.Index
	for k := range objects(t, w.store) {
		if id, err := packfile.ParseKey(k); err == nil {
			if p, err := packfile.ReadIndex(t.Context(), w.store, id, -1); err == nil && p.Class == packfile.ClassData && (x == nil || len(p.Frames) > len(x.Frames)) {
				key, x = k, p
			}
		}
	}
	bad := x.Frames[len(x.Frames)/2]
	lost := map[chunker.ID]bool{}
	for _, e := range x.Entries {
		if int(e.Frame) == len(x.Frames)/2 {
			lost[e.ID] = true
		}
	}
	flipped := objects(t, w.store)
	flipped[key][bad.Offset+5] ^= 1
	for name, breaking := range map[string]func() *meter{
		"a flipped bit":    func() *meter { return &meter{Store: storeOf(t, flipped)} },
		"a place that EIO": func() *meter { return &meter{Store: m.Store, badKey: key, badByte: bad.Offset + 5} },
	} {
		w.close()
		w.store = breaking()
		w.open()
		a, hit := bulkRead(t, bulkSource(t, w), ids, 2), 0
		for i, id := range ids {
			if !lost[id] {
				if a.errs[i] != nil || a.text[i] != sound.text[i] {
					t.Errorf("%s: chunk %s of another frame: %v", name, id, a.errs[i])
				}
				continue
			}
			hit++
			var c *packfile.CorruptError
			switch {
			case name == "a flipped bit" && (!errors.As(a.errs[i], &c) || c.Object != key || c.Offset != bad.Offset):
				t.Errorf("%s: %v, want %s at %d", name, a.errs[i], key, bad.Offset)
			case name != "a flipped bit" && !errors.Is(a.errs[i], syscall.EIO):
				t.Errorf("%s: %v", name, a.errs[i])
			}
		}
		if hit == 0 {
			t.Fatal("nothing depends on the frame")
		}
		v := versionOf(t, w, "x/y@2")
		_, err := unpack.Tree(t.Context(), v.Source(), v.Root(), filepath.Join(t.TempDir(), "x"), unpack.Options{})
		if err == nil || !strings.Contains(err.Error(), key) || engine.KindOf(err) != engine.KindCorrupt {
			t.Errorf("%s: restore says %v", name, err)
		}
	}
}

func TestBulkReadStopsWhenItIsToldTo(t *testing.T) {
	w, _, ids := bulkWorld(t, 0)
	src := bulkSource(t, w)
	enough := errors.New("enough")
	var n atomic.Int64
	err := src.Chunks(t.Context(), chunker.Data, ids, 2, func(int, []byte, []int, error) error {
		if n.Add(1) >= 10 {
			return enough
		}
		return nil
	})
	if err != enough || n.Load() > 20 {
		t.Errorf("%d answers, %v", n.Load(), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	n.Store(0)
	err = src.Chunks(ctx, chunker.Data, ids, 2, func(int, []byte, []int, error) error {
		n.Add(1)
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) || n.Load() == int64(len(ids)) {
		t.Errorf("cancelled after %d of %d: %v", n.Load(), len(ids), err)
	}
	w.close()
	if err := src.Chunks(t.Context(), chunker.Data, ids, 2, nil); !errors.Is(err, engine.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	w.open()
}
