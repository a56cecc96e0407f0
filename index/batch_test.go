package index

import (
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/packfile"
)

func TestAPackIsLocatedChunkByChunk(t *testing.T) {
	db := newDB(t)
	first := packOf(1, data(idOf(1, 0), 100), data(idOf(2, 0), 200))
	second := packOf(2, data(idOf(2, 0), 200), data(idOf(3, 0), 300))
	add(t, db, first, second)

	for id, want := range map[chunker.ID]Location{
		idOf(1, 0): {Pack: 0, Frame: 0, Length: 100},
		idOf(2, 0): {Pack: 0, Frame: 1, Length: 200}, // stays where it was first
		idOf(3, 0): {Pack: 1, Frame: 1, Length: 300},
	} {
		loc, ok, err := db.Lookup(id)
		if err != nil || !ok || loc != want {
			t.Errorf("%s is at %+v (%v, %v), want %+v", id, loc, ok, err, want)
		}
		f, err := db.Frame(loc.Pack, loc.Frame)
		if err != nil || f.Raw != loc.Length {
			t.Errorf("frame %+v, %v", f, err)
		}
	}
	if loc, ok, err := db.Lookup(idOf(4, 0)); ok || err != nil {
		t.Errorf("a chunk that is nowhere is at %+v, %v", loc, err)
	}
	for i, x := range []*packfile.Index{first, second} {
		n, ok, err := db.PackNumber(x.ID)
		if err != nil || !ok || n != uint32(i) {
			t.Errorf("pack %d has number %d (%v, %v)", i, n, ok, err)
		}
		want := Pack{ID: x.ID, Class: packfile.ClassData, Size: x.Size, Chunks: 2, Raw: []int64{300, 500}[i]}
		if p, err := db.Pack(n); err != nil || p != want {
			t.Errorf("pack %+v, %v, want %+v", p, err, want)
		}
	}
	if _, ok, err := db.PackNumber(packfile.ID{9}); ok || err != nil {
		t.Errorf("a pack that is not there: %v, %v", ok, err)
	}
	if _, err := db.Pack(2); err == nil {
		t.Error("pack number 2 is there")
	}
	if _, err := db.Frame(1, 2); err == nil {
		t.Error("frame 2 of pack 1 is there")
	}
	want := Totals{Chunks: 3, UniqueBytes: 600, Packs: 2, PackBytes: first.Size + second.Size, NextPack: 2}
	if got, err := db.Totals(); err != nil || got != want {
		t.Errorf("totals %+v, %v, want %+v", got, err, want)
	}
}

func TestANodesEdgesAreCountedOnce(t *testing.T) {
	a, b, dir, top := idOf(1, 0), idOf(2, 0), idOf(3, 0), idOf(4, 0)
	chunks := packOf(1, data(a, 10), data(b, 20))
	// dir refers to a twice and stands in one pack twice.
	meta := packOf(2, node(dir, 5, a, a, b), node(dir, 5, a, a, b), node(top, 6, dir))
	again := packOf(3, node(top, 6, dir), node(dir, 5, a, a, b))
	want := map[chunker.ID]uint32{a: 2, b: 1, dir: 1, top: 0}

	for name, packs := range map[string][][]*packfile.Index{
		"in one batch":        {{chunks, meta, again}},
		"in three":            {{chunks}, {meta}, {again}},
		"the same pack twice": {{chunks, meta}, {meta}, {chunks, meta, meta}},
		"copies first":        {{chunks, again, meta}},
	} {
		t.Run(name, func(t *testing.T) {
			db := newDB(t)
			for _, group := range packs {
				add(t, db, group...)
			}
			wantRefs(t, db, want)
			got, err := db.Totals()
			if err != nil || got.Nodes != 2 || got.NodeBytes != 11 || got.Chunks != 2 {
				t.Errorf("totals %+v, %v", got, err)
			}
		})
	}
}

// Two ids that share the eight bytes that an index block keeps of them.
func TestAmbiguousPrefixesAreResolvedByTheNode(t *testing.T) {
	a, b := idOf(1, 1), idOf(1, 2)
	if packfile.PrefixOf(a) != packfile.PrefixOf(b) {
		t.Fatal("they do not share a prefix")
	}
	other, dir := idOf(2, 0), idOf(3, 0)
	chunks, meta := packOf(1, data(a, 10), data(b, 20), data(other, 30)), packOf(2, node(dir, 5, other, b))
	db := newDB(t)
	asked := 0
	check(t, change(db, func(batch *Batch) error {
		if err := batch.AddPack(chunks, noExact); err != nil {
			return err
		}
		return batch.AddPack(meta, func(x *packfile.Index, e packfile.Entry) ([]chunker.ID, error) {
			if asked++; x != meta || e.ID != dir {
				t.Errorf("asked about %s of %s", e.ID, x.ID)
			}
			return []chunker.ID{other, b}, nil
		})
	}))
	if asked != 1 {
		t.Errorf("the node was asked %d times", asked)
	}
	wantRefs(t, db, map[chunker.ID]uint32{a: 0, b: 1, other: 1})

	unreadable := errors.New("unreadable")
	err := change(db, func(batch *Batch) error {
		return batch.AddPack(packOf(3, node(idOf(4, 0), 5, a)), func(*packfile.Index, packfile.Entry) ([]chunker.ID, error) { return nil, unreadable })
	})
	if !errors.Is(err, unreadable) {
		t.Errorf("a node that cannot be read: %v", err)
	}
	// A node that names a chunk which only its prefix made look present.
	err = change(db, func(batch *Batch) error {
		return batch.AddPack(packOf(3, node(idOf(4, 0), 5, a)), func(*packfile.Index, packfile.Entry) ([]chunker.ID, error) { return []chunker.ID{idOf(1, 3)}, nil })
	})
	if !errors.Is(err, ErrDangling) {
		t.Errorf("a node whose chunk is nowhere: %v", err)
	}
}

func TestDanglingReferencesChangeNothing(t *testing.T) {
	db := newDB(t)
	add(t, db, packOf(1, data(idOf(1, 0), 10)))
	before := export(t, db)
	for name, f := range map[string]func(b *Batch) error{
		"of a node": func(b *Batch) error {
			return b.AddPack(packOf(2, node(idOf(3, 0), 5, idOf(1, 0), idOf(2, 0))), noExact)
		},
		"of a version":    func(b *Batch) error { b.AddRef(idOf(2, 0), 1); return nil },
		"below zero":      func(b *Batch) error { b.AddRef(idOf(1, 0), -1); return nil },
		"above the limit": func(b *Batch) error { b.AddRef(idOf(1, 0), 1<<32); return nil },
		"committed all the same": func(b *Batch) error {
			b.AddPack(packOf(2, node(idOf(3, 0), 5, idOf(2, 0))), noExact)
			return nil
		},
	} {
		err := change(db, f)
		if name == "of a node" {
			b, batchErr := db.NewBatch()
			check(t, batchErr)
			if err := f(b); !errors.Is(err, ErrDangling) {
				t.Errorf("%s: AddPack gives %v", name, err)
			}
			check(t, b.Close())
		}
		if err == nil || name != "below zero" && name != "above the limit" && !errors.Is(err, ErrDangling) {
			t.Errorf("%s: %v", name, err)
		}
		if after := export(t, db); !slices.Equal(before, after) {
			t.Errorf("%s: the index has changed", name)
		}
	}
}

func TestPacksOfAnUnknownDomainAreRefused(t *testing.T) {
	db := newDB(t)
	x := packOf(1, data(idOf(1, 0), 10))
	x.Domain = 1
	if err := change(db, func(b *Batch) error { return b.AddPack(x, noExact) }); err == nil {
		t.Fatal("another domain's chunks would be shared")
	}
}

func TestPackNumbersDoNotWrap(t *testing.T) {
	db := newDB(t)
	im := db.Import()
	check(t, im.Row([]byte{tableTotals}, Totals{NextPack: 1 << 32}.encode()))
	check(t, im.Flush())
	if err := change(db, func(b *Batch) error { return b.AddPack(packOf(1, data(idOf(1, 0), 1)), noExact) }); err == nil {
		t.Fatal("pack number 0 was given out again")
	}
}

func TestABatchReadsItsOwnWritesAndNobodyElseDoes(t *testing.T) {
	db := newDB(t)
	b, err := db.NewBatch()
	check(t, err)
	check(t, b.AddPack(packOf(1, data(idOf(1, 0), 10)), noExact))
	check(t, b.Set([]byte("k1"), []byte("v1")))
	check(t, b.Set([]byte("k2"), []byte("v2")))
	check(t, b.Delete([]byte("k2")))
	if _, ok, err := b.Lookup(idOf(1, 0)); !ok || err != nil {
		t.Errorf("its own chunk: %v, %v", ok, err)
	}
	if v, ok, err := b.Get([]byte("k1")); string(v) != "v1" || !ok || err != nil {
		t.Errorf("its own row: %q, %v, %v", v, ok, err)
	}
	var keys []string
	check(t, b.Scan([]byte("k"), nil, func(k, _ []byte) error { keys = append(keys, string(k)); return nil }))
	if !slices.Equal(keys, []string{"k1"}) {
		t.Errorf("its own scan: %q", keys)
	}
	if _, ok, _ := db.Lookup(idOf(1, 0)); ok {
		t.Error("a chunk was seen before its batch was committed")
	}
	check(t, b.Close())
	if rows := export(t, db); len(rows) != 0 {
		t.Errorf("an abandoned batch left %d rows", len(rows))
	}
}

func TestRegistryRowsScanInOrderFromAnywhere(t *testing.T) {
	db := newDB(t)
	all := []string{"a", "a\x00b", "a\x00c", "a\x01v", "a\xff", "a\xff\xff", "b"}
	check(t, change(db, func(b *Batch) error {
		for _, k := range all {
			if err := b.Set([]byte(k), []byte("="+k)); err != nil {
				return err
			}
		}
		return nil
	}))
	for _, c := range []struct {
		prefix, from string
		want         []string
	}{
		{"", "", all},
		{"a", "", all[:6]},
		{"a", "a\x00c", all[2:6]},
		{"a\x00", "", all[1:3]},
		{"a\x00", "a", all[1:3]},
		{"a\x00", "a\x00bb", all[2:3]},
		{"a\xff", "", all[4:6]},
		{"a\x00", "a\x01", nil},
		{"c", "", nil},
	} {
		var got []string
		check(t, db.Scan([]byte(c.prefix), []byte(c.from), func(k, v []byte) error {
			if string(v) != "="+string(k) {
				t.Errorf("%q has %q", k, v)
			}
			got = append(got, string(k))
			return nil
		}))
		if !slices.Equal(got, c.want) {
			t.Errorf("scan of %q from %q: %q, want %q", c.prefix, c.from, got, c.want)
		}
	}
	stop := errors.New("stop")
	n := 0
	if err := db.Scan(nil, nil, func(_, _ []byte) error { n++; return stop }); !errors.Is(err, stop) || n != 1 {
		t.Errorf("%v after %d rows", err, n)
	}
}

func TestReferencesMoveBytesBetweenLiveAndDead(t *testing.T) {
	db := newDB(t)
	a, b := idOf(1, 0), idOf(2, 0)
	add(t, db, packOf(1, data(a, 100), data(b, 200)))
	for i, step := range []struct {
		refs map[chunker.ID]int64
		live int64
	}{
		{nil, 0},
		{map[chunker.ID]int64{a: 1}, 100},
		{map[chunker.ID]int64{a: 2, b: 1}, 300},
		{map[chunker.ID]int64{a: -2}, 300},
		{map[chunker.ID]int64{a: -1}, 200},
		{map[chunker.ID]int64{a: 0}, 200},
		{map[chunker.ID]int64{a: 1, b: -1}, 100},
	} {
		check(t, change(db, func(batch *Batch) error {
			for id := range maps.Keys(step.refs) {
				batch.AddRef(id, 7)
				batch.AddRef(id, step.refs[id])
				batch.AddRef(id, -7)
			}
			return nil
		}))
		if p, err := db.Pack(0); err != nil || p.LiveRaw != step.live || p.Raw != 300 {
			t.Fatalf("step %d: %+v, %v, want %d live", i, p, err, step.live)
		}
	}
}

// Rows that a batch makes, rows that it meets, and references in any order.
func TestABatchKnowsItsRowsAndThoseBelow(t *testing.T) {
	a, twin, b, dir, top := idOf(1, 1), idOf(1, 2), idOf(2, 0), idOf(3, 0), idOf(4, 0)
	db := newDB(t)
	add(t, db, packOf(1, data(a, 10)))
	check(t, change(db, func(batch *Batch) error {
		batch.AddRef(top, 1) // of what comes only now
		if err := batch.AddPack(packOf(2, data(b, 20)), noExact); err != nil {
			return err
		}
		if err := batch.AddPack(packOf(3, node(dir, 5, a, b, a), node(top, 6, dir, a)), noExact); err != nil {
			return err
		}
		if err := errors.Join(batch.Check(), batch.Check()); err != nil {
			return err
		}
		if loc, ok, err := batch.Lookup(a); !ok || err != nil || loc.Refs != 3 {
			t.Errorf("in the batch: %+v, %v, %v", loc, ok, err)
		}
		batch.AddRef(a, -1) // after a check
		return nil
	}))
	wantRefs(t, db, map[chunker.ID]uint32{a: 2, b: 1, dir: 1, top: 1})

	// A fresh row makes a prefix ambiguous that was clear before in this batch.
	check(t, change(db, func(batch *Batch) error {
		if err := batch.AddPack(packOf(4, node(idOf(5, 0), 5, a)), noExact); err != nil {
			return err
		}
		if err := batch.AddPack(packOf(5, data(twin, 10)), noExact); err != nil {
			return err
		}
		return batch.AddPack(packOf(6, node(idOf(6, 0), 5, twin, b)), func(*packfile.Index, packfile.Entry) ([]chunker.ID, error) {
			return []chunker.ID{b, twin}, nil // in whatever order
		})
	}))
	wantRefs(t, db, map[chunker.ID]uint32{a: 3, twin: 1, b: 2})

	// What a node is said to refer to must be what the index block says.
	for _, wrong := range [][]chunker.ID{nil, {a}, {a, b, b}, {dir, b}} {
		err := change(db, func(batch *Batch) error {
			return batch.AddPack(packOf(7, node(idOf(7, 0), 5, a, b)), func(*packfile.Index, packfile.Entry) ([]chunker.ID, error) { return wrong, nil })
		})
		if !errors.Is(err, ErrDangling) {
			t.Errorf("the node says %v: %v", wrong, err)
		}
	}
}

// More edges than are looked at together.
func TestManyEdgesAreCountedInParts(t *testing.T) {
	db := newDB(t)
	r := rand.New(rand.NewPCG(1, 2))
	chunks := randomPack(r, 3000)
	want := map[chunker.ID]uint32{}
	var nodes []packfile.Entry
	for i := range uint32(50) {
		var deps []chunker.ID
		for range 2000 {
			id := chunks.Entries[r.IntN(len(chunks.Entries))].ID
			want[id]++
			deps = append(deps, id)
		}
		nodes = append(nodes, node(idOf(9, i), 100, deps...))
	}
	add(t, db, chunks)
	add(t, db, packOf(2, nodes...))
	wantRefs(t, db, want)
}
