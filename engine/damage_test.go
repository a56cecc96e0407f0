package engine_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/artifortress/afs-engine/backends"
	"github.com/artifortress/afs-engine/engine"
	"github.com/artifortress/afs-engine/engine/scrub"
	"github.com/artifortress/afs-engine/packfile"
)

// damaged is a sound store's objects and the index that goes with them.
type damaged struct {
	t       *testing.T
	sound   map[string][]byte
	keys    []string
	index   string
	content map[string]files // by reference
}

func newDamaged(t *testing.T) *damaged {
	w := worldOn(t, storeOf(t, nil), engine.Settings{PackSize: 128 << 10, CheckpointRecords: 4})
	d := &damaged{t: t, content: map[string]files{}}
	// Files with their own chunk list trees, directories of several pages.
	big := files{"large": randomBytes(3, 700_000)}
	for i := range 300 {
		big["many/"+randomName(uint64(i))] = randomBytes(uint64(i), 20)
	}
	big["prose"] = prose(1, 1500)
	next := files{"prose": reworded(big["prose"], 1)} // deltas
	for i, f := range []files{sample, big, next} {
		ref := fmt.Sprintf("x/y@%d", i+1)
		w.ingest(ref, f)
		d.content[ref] = f
	}
	if rawBytes(t, w.store)[packfile.CodecDelta] == 0 {
		t.Fatal("nothing is a delta")
	}
	w.reopen() // writes a checkpoint
	w.ingest("x/z@1", files{"a": "after the checkpoint"})
	d.content["x/z@1"] = files{"a": "after the checkpoint"}
	if err := w.Local.Close(); err != nil {
		t.Fatal(err)
	}
	w.Local = nil
	d.sound, d.index = objects(t, w.store), w.dir
	d.keys = slices.Sorted(maps.Keys(d.sound))
	return d
}

func randomName(seed uint64) string {
	r := rand.New(rand.NewPCG(seed, 9))
	b := make([]byte, 30)
	for i := range b {
		b[i] = 'a' + byte(r.IntN(26))
	}
	return string(b)
}

// open opens a store of objects, with the index that belongs to the sound ones
// or with none.
func (d *damaged) open(s backends.Store, keep bool) (*engine.Local, error) {
	dir := d.t.TempDir()
	if keep {
		if err := os.CopyFS(dir, os.DirFS(d.index)); err != nil {
			d.t.Fatal(err)
		}
	}
	return engine.Open(d.t.Context(), engine.Components{Store: s, IndexDir: dir}, engine.Settings{CheckpointRecords: 1 << 30})
}

// expectRightOrCorrupt reads everything: each version is right, or an error
// says that it is corrupt.
func (d *damaged) expectRightOrCorrupt(e *engine.Local, what string) {
	d.t.Helper()
	for ref, want := range d.content {
		v, err := e.Version(d.t.Context(), mustRef(d.t, ref))
		if err != nil {
			d.expectCorrupt(err, what)
			continue
		}
		for path, content := range want {
			b, err := readFile(d.t, v, path)
			if err != nil {
				d.expectCorrupt(err, what)
			} else if b != content {
				d.t.Fatalf("%s: %s:%s reads wrong bytes", what, ref, path)
			}
		}
	}
}

func (d *damaged) expectCorrupt(err error, what string) {
	d.t.Helper()
	if k := engine.KindOf(err); k != engine.KindCorrupt {
		d.t.Fatalf("%s: kind %v: %v", what, k, err)
	}
}

func readFile(t *testing.T, v *engine.Version, path string) (string, error) {
	f, err := v.FS(t.Context()).Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	b := make([]byte, info.Size())
	for n := 0; n < len(b); {
		m, err := f.Read(b[n:])
		if n += m; err != nil {
			return "", err
		}
	}
	return string(b), nil
}

func trials(short int) int {
	if os.Getenv("AFS_TEST_SOAK") != "" {
		return short * 50
	}
	if testing.Short() {
		return short / 6
	}
	return short
}

func TestAnyFlippedByteIsFoundAndNeverReadAsRight(t *testing.T) {
	d := newDamaged(t)
	r := rand.New(rand.NewPCG(uint64(os.Getpid()), 1))
	for i := range trials(60) {
		key := d.keys[r.IntN(len(d.keys))]
		bad := maps.Clone(d.sound)
		bad[key] = slices.Clone(bad[key])
		at, bit := r.IntN(len(bad[key])), byte(1)<<r.IntN(8)
		bad[key][at] ^= bit
		what := key + " with a flipped byte"
		s := storeOf(t, bad)

		e, err := d.open(s, i%2 == 0)
		if err != nil {
			d.expectCorrupt(err, what)
			continue
		}
		d.expectRightOrCorrupt(e, what)
		found := 0
		_, err = e.Verify(t.Context(), scrub.Options{ReadData: true}, func(p scrub.Problem) { found++ })
		if err != nil || found == 0 {
			t.Errorf("%s at %d, bit %#x: verify found nothing (%v)", what, at, bit, err)
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// The index is nobody's truth: with a file of it damaged or missing, the store
// opens all the same. (What Pebble takes for the end of its own journal, as a
// crash leaves it, cannot be told from damage: bytes flipped in a MANIFEST.)
func TestADamagedIndexIsMadeAnew(t *testing.T) {
	d := newDamaged(t)
	names, err := os.ReadDir(d.index)
	if err != nil {
		t.Fatal(err)
	}
	if testing.Short() {
		names = names[:2]
	}
	for _, n := range names {
		if n.Name() == "LOCK" {
			continue
		}
		for _, harm := range []func(path string) error{
			os.Remove,
			func(path string) error { return os.Truncate(path, 0) },
			func(path string) error {
				b, err := os.ReadFile(path)
				if err != nil || len(b) == 0 || strings.Contains(path, "MANIFEST") {
					return err
				}
				b[len(b)/2] ^= 0xff
				return os.WriteFile(path, b, 0o600)
			},
		} {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(d.index)); err != nil {
				t.Fatal(err)
			}
			if err := harm(dir + "/" + n.Name()); err != nil {
				t.Fatal(err)
			}
			e, err := engine.Open(t.Context(), engine.Components{Store: storeOf(t, d.sound), IndexDir: dir}, engine.Settings{})
			if err != nil {
				t.Errorf("with %s harmed: %v", n.Name(), err)
				continue
			}
			d.expectRightOrCorrupt(e, n.Name())
			if err := e.Close(); err != nil {
				t.Errorf("with %s harmed: close: %v", n.Name(), err)
			}
		}
	}
}

func TestCutOffAndExchangedObjectsAreFound(t *testing.T) {
	d := newDamaged(t)
	r := rand.New(rand.NewPCG(uint64(os.Getpid()), 2))
	for i := range trials(40) {
		key, other := d.keys[r.IntN(len(d.keys))], d.keys[r.IntN(len(d.keys))]
		if key == other {
			continue
		}
		bad := maps.Clone(d.sound)
		what := key + " in place of " + other
		switch i % 3 {
		case 0:
			bad[key] = bad[key][:r.IntN(len(bad[key]))]
			what = key + " cut off"
		case 1:
			bad[other] = bad[key]
		case 2:
			bad[key], bad[other] = bad[other], bad[key]
			what = key + " and " + other + " exchanged"
		}
		e, err := d.open(storeOf(t, bad), i%2 == 0)
		if err != nil {
			d.expectCorrupt(err, what)
			continue
		}
		d.expectRightOrCorrupt(e, what)
		found := 0
		if _, err = e.Verify(t.Context(), scrub.Options{ReadData: true}, func(scrub.Problem) { found++ }); err != nil || found == 0 {
			t.Errorf("%s: verify found nothing (%v)", what, err)
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
