package index

import (
	"errors"
	"testing"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/packfile"
)

// asDelta makes frame i of x one that refers to bases.
func asDelta(x *packfile.Index, i int, bases ...chunker.ID) *packfile.Index {
	e := packfile.Extension{Tag: packfile.ExtBases}
	for _, id := range bases {
		p := packfile.PrefixOf(id)
		e.Data = append(e.Data, p[:]...)
	}
	x.Extensions = append(x.Extensions, e)
	x.Frames[i].Codec, x.Frames[i].Extension = packfile.CodecDelta, uint16(len(x.Extensions))
	return x
}

func TestADeltasEdgesAreCountedOnce(t *testing.T) {
	a, b, c, d := idOf(1, 0), idOf(2, 0), idOf(3, 0), idOf(4, 0)
	old := packOf(1, data(a, 10), data(b, 20))
	young := asDelta(asDelta(packOf(2, data(c, 10), data(d, 20)), 0, a, b), 1, b)
	// Another pack with the same chunks needs its own copies' bases.
	again := asDelta(packOf(3, data(c, 10)), 0, a)
	for name, packs := range map[string][][]*packfile.Index{
		"in one batch":        {{old, young, again}},
		"in three":            {{old}, {young}, {again}},
		"the same pack twice": {{old, young}, {young, again}, {old, young, again}},
	} {
		t.Run(name, func(t *testing.T) {
			db := newDB(t)
			for _, group := range packs {
				add(t, db, group...)
			}
			wantRefs(t, db, map[chunker.ID]uint32{a: 2, b: 2, c: 0, d: 0})
			loc, _, err := db.Lookup(c)
			if f, ferr := db.Frame(loc.Pack, loc.Frame); err != nil || ferr != nil || f.Codec != packfile.CodecDelta || loc.Pack != 1 {
				t.Errorf("chunk %s is at %+v, in %+v: %v, %v", c, loc, f, err, ferr)
			}
		})
	}
}

func TestADeltaOfWhatIsNotThereIsRefused(t *testing.T) {
	a, b := idOf(1, 0), idOf(2, 0)
	for name, x := range map[string]*packfile.Index{
		"nowhere":         asDelta(packOf(2, data(b, 10)), 0, idOf(9, 0)),
		"in its own pack": asDelta(packOf(2, data(a, 10), data(b, 10)), 1, a),
		"itself":          asDelta(packOf(2, data(b, 10)), 0, b),
	} {
		db := newDB(t)
		err := change(db, func(b *Batch) error { return b.AddPack(x, noExact) })
		if !errors.Is(err, ErrDangling) {
			t.Errorf("%s: %v, want ErrDangling", name, err)
		}
		if _, ok, _ := db.Lookup(b); ok {
			t.Errorf("%s: its chunks are there", name)
		}
	}
}

func TestPrefixesOfBasesThatSeveralChunksShare(t *testing.T) {
	a, twin, b := idOf(1, 1), idOf(1, 2), idOf(2, 0)
	db := newDB(t)
	add(t, db, packOf(1, data(a, 10), data(twin, 20)))
	young := asDelta(packOf(2, data(b, 10)), 0, twin)
	check(t, change(db, func(batch *Batch) error {
		return batch.AddPack(young, func(x *packfile.Index, e packfile.Entry) ([]chunker.ID, error) {
			if x.ID != young.ID || e.ID != b || e.Kind.IsNode() {
				t.Errorf("asked for what %s refers to", e.ID)
			}
			return []chunker.ID{twin}, nil
		})
	}))
	wantRefs(t, db, map[chunker.ID]uint32{a: 0, twin: 1, b: 0})
}
