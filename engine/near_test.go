package engine

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/artifortress/afs-engine/backends"
	"github.com/artifortress/afs-engine/backends/mem"
	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine/dataplane"
	"github.com/artifortress/afs-engine/index"
	"github.com/artifortress/afs-engine/packfile"
)

// nearWorld is an index, packs, and how often their objects were read.
type nearWorld struct {
	backends.Store
	t    *testing.T
	db   *index.DB
	gets atomic.Int64
}

func newNearWorld(t *testing.T) *nearWorld {
	w := &nearWorld{Store: mem.New(), t: t}
	w.db = w.index()
	return w
}

func (w *nearWorld) index() *index.DB {
	db, err := index.Open(w.t.TempDir(), index.Options{})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { db.Close() })
	return db
}

func (w *nearWorld) Local() {}

func (w *nearWorld) Get(ctx context.Context, key string, off, n int64) (io.ReadCloser, error) {
	w.gets.Add(1)
	return w.Store.Get(ctx, key, off, n)
}

// pack stores chunks and enters them in the index.
func (w *nearWorld) pack(texts ...string) (ids []chunker.ID, key string) {
	w.t.Helper()
	return w.store(packfile.ClassData, chunker.Data, texts)
}

// nodes stores that many packs of metadata.
func (w *nearWorld) nodes(packs int) {
	for i := range packs {
		w.store(packfile.ClassMeta, chunker.ListNode, numbered(1_000_000+10*i, 10))
	}
}

func (w *nearWorld) store(class packfile.Class, kind chunker.Kind, texts []string) (ids []chunker.ID, key string) {
	w.t.Helper()
	p, err := packfile.NewWriter(packfile.WriterOptions{Class: class})
	for _, s := range texts {
		ids = append(ids, kind.Sum([]byte(s)))
		if err == nil {
			err = p.Add(ids[len(ids)-1], kind, []byte(s), nil)
		}
	}
	var sealed *packfile.Sealed
	if err == nil {
		sealed, err = p.Seal()
	}
	if err == nil {
		key = sealed.Key()
		err = w.Put(w.t.Context(), key, sealed.Body())
	}
	var b *index.Batch
	if err == nil {
		b, err = w.db.NewBatch()
	}
	if err == nil {
		err = b.AddPack(sealed.Index, nil)
	}
	if err == nil && class == packfile.ClassData {
		for _, id := range ids {
			b.AddRef(id, 1)
		}
	}
	if err == nil {
		err = b.Commit()
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return ids, key
}

func numbered(from, n int) (texts []string) {
	for i := range n {
		texts = append(texts, fmt.Sprint("text ", from+i))
	}
	return texts
}

// has asks, and fails unless the answer to all is want.
func (w *nearWorld) has(n *near, ids []chunker.ID, want bool) {
	w.t.Helper()
	have := make([]bool, len(ids))
	for i := range have {
		have[i] = !want
	}
	if err := n.Has(w.t.Context(), w.db, ids, have); err != nil {
		w.t.Fatal(err)
	}
	for i := range have {
		if have[i] != want {
			w.t.Fatalf("chunk %d of %d: %v", i, len(ids), have[i])
		}
	}
}

// knows says of how many ids it need not ask the index.
func (n *near) knows(db *index.DB, ids []chunker.ID) int {
	q := nearQuery{db: db, ids: ids, got: func(int, *nearPack, int) bool { return true }}
	rest, _ := n.answer(&q, firstN(len(ids)))
	return len(ids) - len(rest)
}

func TestNearReadsAPackThatIsAskedAboutOften(t *testing.T) {
	w := newNearWorld(t)
	ids, _ := w.pack(numbered(0, 50*nearHitsPart)...)
	few, _ := w.pack(numbered(10_000, 40)...)
	n := newNear(w, len(ids)+20) // no room for both, so that none is read without being asked about
	for from := 0; from < 40; from += 10 {
		w.has(n, ids[from:from+10], true)
	}
	if w.gets.Load() != 0 || n.knows(w.db, ids) != 0 {
		t.Errorf("after 40 chunks of %d it has read the pack", len(ids))
	}
	w.has(n, ids[40:50], true)
	gets := w.gets.Load()
	if gets == 0 || n.knows(w.db, ids) != len(ids) {
		t.Errorf("after 50 chunks of %d it knows %d of them, in %d reads", len(ids), n.knows(w.db, ids), gets)
	}
	w.has(n, ids, true)
	if w.has(n, few[:31], true); w.gets.Load() != gets {
		t.Error("it has read the pack once more, or one that 31 lookups are no reason to read")
	}
	if w.has(n, few[:1], true); n.knows(w.db, few) != 40 {
		t.Error("it has not read what 32 lookups are a reason to read")
	}
	w.has(n, []chunker.ID{chunker.Sum([]byte("nowhere"))}, false)
}

// What stands behind a pack in the order of storing is read when the pack comes to its
// end, over packs of another class, once, and if there is room for both.
func TestNearReadsThePackAfterOne(t *testing.T) {
	w := newNearWorld(t)
	first, _ := w.pack(numbered(0, 200)...)
	w.nodes(nearAhead - 1)
	second, _ := w.pack(numbered(1000, 200)...)
	w.nodes(nearAhead)
	third, _ := w.pack(numbered(2000, 200)...)

	n := newNear(w, 1000)
	w.has(n, first[:32], true)
	if w.has(n, first[:150], true); n.knows(w.db, second[:100]) != 0 {
		t.Error("it has read the second pack in the middle of the first")
	}
	if w.has(n, first[150:180], true); n.knows(w.db, second[:100]) != 100 {
		t.Errorf("at the end of the first pack it knows %d chunks of the first half of the second", n.knows(w.db, second[:100]))
	}
	gets := w.gets.Load()
	if w.has(n, first, true); w.gets.Load() != gets {
		t.Error("it has read a pack again")
	}
	if w.has(n, second, true); n.knows(w.db, third) != 0 {
		t.Errorf("it has looked further than %d packs", nearAhead)
	}

	small := newNear(w, 399)
	w.has(small, first[:32], true)
	if w.has(small, first, true); small.knows(w.db, first) != len(first) || small.knows(w.db, second) != 0 {
		t.Error("the next pack has taken the place of the one that is in use")
	}
}

// However small packs are, few are kept: an id that is in none is looked for in each.
func TestNearKeepsFewPacks(t *testing.T) {
	w := newNearWorld(t)
	n := newNear(w, 100_000)
	var all []chunker.ID
	for p := range 3 * nearCount {
		ids, _ := w.pack(numbered(100*p, 40)...)
		all = append(all, ids...)
	}
	for at := 0; at < len(all); at += 40 {
		w.has(n, all[at:at+40], true)
	}
	if n.knows(w.db, all[len(all)-60:]) != 60 {
		t.Error("it does not keep the last ones")
	}
	if w.lookedUp(n, all); len(n.packs) != nearCount || n.ids != 40*nearCount {
		t.Errorf("%d packs with %d ids", len(n.packs), n.ids)
	}
}

// A lookup in a store that is far away leaves it to others to read ahead.
func TestNearReadsAheadAfterALookupThatDidNot(t *testing.T) {
	w := newNearWorld(t)
	first, _ := w.pack(numbered(0, 200)...)
	second, _ := w.pack(numbered(1000, 200)...)
	far := newNear(struct{ backends.Store }{w}, 1000)
	w.has(far, first[:32], true)
	w.lookedUp(far, first)
	if w.has(far, first, true); far.knows(w.db, second[:100]) != 100 {
		t.Error("it has not read ahead")
	}
}

// lookedUp asks where ids are, and fails unless that is where the index has them.
func (w *nearWorld) lookedUp(n *near, ids []chunker.ID) {
	w.t.Helper()
	places := make([]dataplane.Place, len(ids))
	if err := n.Lookup(w.t.Context(), w.db, ids, places); err != nil {
		w.t.Fatal(err)
	}
	for i, id := range ids {
		var want dataplane.Place
		var err error
		if want.Location, want.Found, err = w.db.Lookup(id); err != nil {
			w.t.Fatal(err)
		}
		if places[i].Refs = want.Refs; places[i] != want {
			w.t.Fatalf("chunk %d of %d is at %+v, the index has it at %+v", i, len(ids), places[i], want)
		}
	}
}

// Where chunks are, near says of packs whose chunks stand nowhere else, however often and
// in whatever order they are asked for, and of others what the index says.
func TestNearLooksUpWhatTheIndexDoes(t *testing.T) {
	w := newNearWorld(t)
	whole, _ := w.pack(numbered(0, 1000)...)
	other, _ := w.pack(numbered(900, 1000)...) // a tenth of it is in the first
	var ids []chunker.ID
	for i := range 1900 {
		switch i % 7 {
		case 0:
			ids = append(ids, chunker.Sum([]byte(fmt.Sprint("nowhere", i))))
		case 1:
			ids = append(ids, whole[i%len(whole)])
		default:
			ids = append(ids, append(whole, other[100:]...)[i])
		}
	}
	n := newNear(w, 5000)
	w.lookedUp(n, nil)
	w.lookedUp(n, ids[:1])
	w.lookedUp(n, ids)
	if n.knows(w.db, whole) != len(whole) || n.knows(w.db, other) != len(other) {
		t.Errorf("it has read %d and %d of the packs' chunks", n.knows(w.db, whole), n.knows(w.db, other))
	}
	for _, p := range n.packs {
		if placed := p.places != nil; placed != (p.number == 0) {
			t.Errorf("places in pack %d: %v", p.number, placed)
		}
	}
	w.lookedUp(n, ids)
	w.lookedUp(n, whole)
	rand.New(rand.NewPCG(1, 1)).Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
	w.lookedUp(n, ids)
	gets := w.gets.Load()
	for range 3 {
		w.lookedUp(n, other)
	}
	if w.gets.Load() != gets {
		t.Errorf("a pack without places was read again, %d times", w.gets.Load()-gets)
	}

	// What is far away is not read for that.
	far := newNear(struct{ backends.Store }{w}, 5000)
	gets = w.gets.Load()
	w.lookedUp(far, ids)
	if w.lookedUp(far, whole); w.gets.Load() != gets {
		t.Error("it has read from a store that is not local")
	}
	w.has(far, whole[:32], true)
	gets = w.gets.Load()
	if w.lookedUp(far, whole); w.gets.Load() != gets {
		t.Error("it has read ahead from a store that is not local")
	}
}

// Chunks whose ids begin alike stand in one place of the table.
func TestNearFindsIDsThatBeginAlike(t *testing.T) {
	var ids []chunker.ID
	for i := range 300 {
		id := chunker.ID{31: byte(i), 30: byte(i >> 8)}
		if i%3 > 0 {
			copy(id[:], "\xff\xff\xff\xff\xff\xff\xff\xff")
		}
		ids = append(ids, id)
	}
	entries := make([]packfile.Entry, 0, len(ids))
	for _, id := range ids[:299] {
		entries = append(entries, packfile.Entry{ID: id})
	}
	p := newNearPack(0, entries, false)
	for i, id := range ids {
		for _, expected := range []int{i, 0, len(ids)} {
			if at, ok := p.find(&id, expected); ok != (i < len(entries)) || ok && at != i {
				t.Fatalf("chunk %d, expected at %d: found at %d, %v", i, expected, at, ok)
			}
		}
	}
	if _, ok := newNearPack(0, nil, false).find(&ids[0], 0); ok {
		t.Error("a pack of nothing has something")
	}
}

// One of another index knows nothing of this one's packs.
func TestNearForgetsAnIndexThatWasMadeAnew(t *testing.T) {
	w := newNearWorld(t)
	ids, _ := w.pack(numbered(0, 100)...)
	n := newNear(w, 2000)
	w.has(n, ids, true)
	if n.knows(w.db, ids) != len(ids) {
		t.Fatal("it has not read the pack")
	}
	w.db = w.index()
	w.has(n, ids, false)
	if w.pack(numbered(5000, 100)...); n.knows(w.db, ids) != 0 {
		t.Error("it still knows the old packs")
	}
}

// What cannot be read, or is too large, is in the index all the same, and is not tried
// again and again.
func TestNearDoesWithoutWhatItCannotHave(t *testing.T) {
	w := newNearWorld(t)
	lost, key := w.pack(numbered(0, 100)...)
	large, _ := w.pack(numbered(1000, 300)...)
	if err := w.Delete(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	n := newNear(w, 200)
	for range 10 {
		w.has(n, lost, true)
		w.has(n, large, true)
	}
	for number, hits := range n.hits {
		if hits >= 0 {
			t.Errorf("lookups in pack %d are still counted: %d", number, hits)
		}
	}
	if gets := w.gets.Load(); gets != 1 {
		t.Errorf("one object that is not there and one that is too large were read %d times", gets)
	}
}

// Several goroutines ask about runs of packs and about what is nowhere, with room for
// some of the packs: each answer is the index's.
func TestNearSaysWhatTheIndexSays(t *testing.T) {
	const packs, each, room = 7, 150, 400
	w := newNearWorld(t)
	var ids []chunker.ID
	for p := range packs { // each shares a few chunks with the one before
		got, _ := w.pack(numbered(p*(each-10), each)...)
		ids = append(ids, got...)
	}
	n := newNear(w, room)
	var g sync.WaitGroup
	var known atomic.Int64
	for seed := range uint64(4) {
		g.Go(func() {
			r := rand.New(rand.NewPCG(seed, 3))
			for range 400 {
				at := r.IntN(len(ids) - 50)
				ask := append([]chunker.ID(nil), ids[at:at+1+r.IntN(50)]...)
				want := make([]bool, len(ask))
				for i := range ask {
					if want[i] = r.IntN(5) > 0; !want[i] {
						ask[i] = chunker.Sum([]byte(fmt.Sprint("absent", seed, r.Uint64())))
					}
				}
				known.Add(int64(n.knows(w.db, ask)))
				have := make([]bool, len(ask))
				for i := range have {
					have[i] = r.IntN(2) == 0
				}
				if err := n.Has(t.Context(), w.db, ask, have); err != nil {
					t.Error(err)
				}
				for i := range ask {
					if have[i] != want[i] {
						t.Errorf("chunk %d: %v", i, have[i])
						return
					}
				}
			}
		})
	}
	g.Wait()
	total := 0
	for _, p := range n.packs {
		total += len(p.ids)
	}
	if total != n.ids || total > room || total == 0 || known.Load() == 0 {
		t.Errorf("it holds %d ids and counts %d, of %d at most; %d were known", total, n.ids, room, known.Load())
	}
	if gets := w.gets.Load(); gets < 2*packs {
		t.Errorf("%d reads: no pack had to make room for another", gets)
	}
}
