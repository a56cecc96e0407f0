package manifest

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

// TestAFinderFindsNamesInAnyOrder asks for names that are there, and for those
// right behind them that are not.
func TestAFinderFindsNamesInAnyOrder(t *testing.T) {
	store := newMemStore()
	model := newFiles(t, store, 13).random(1500, 0)
	_, root := model.build(t, store)
	dir := must[*Directory](t)(OpenDir(store, root))
	var names []string
	for name := range model.names {
		names = append(names, name, name+"\x01", name)
	}
	names = append(names, "", "a/b", "\x01", "\xff\xff\xff")
	r := rand.New(rand.NewPCG(1, 2))
	for order, arrange := range map[string]func(){
		"ascending":  func() { slices.Sort(names) },
		"descending": func() { slices.Sort(names); slices.Reverse(names) },
		"random":     func() { r.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] }) },
	} {
		arrange()
		f := dir.Finder()
		for _, name := range names {
			got, err := f.Lookup(t.Context(), name)
			sub, ok := model.names[name]
			if !ok {
				if !errors.Is(err, fs.ErrNotExist) {
					t.Fatalf("%s: %q: %v", order, name, err)
				}
				continue
			}
			check(t, err)
			want := sub.entry
			want.Name = name
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("%s: Lookup(%q)\n got %+v\nwant %+v", order, name, got, want)
			}
		}
	}
}

func TestAFinderReadsAscendingNamesOnce(t *testing.T) {
	store := newMemStore()
	model := newFiles(t, store, 14).flat(20_000)
	_, root := model.build(t, store)
	f := must[*Directory](t)(OpenDir(store, root)).Finder()
	before := store.reads
	for _, name := range model.sorted() {
		must[Entry](t)(f.Lookup(t.Context(), name))
	}
	if n := store.reads - before; n > len(store.chunks) {
		t.Errorf("%d reads of %d nodes", n, len(store.chunks))
	}
}

// TestAFinderGoesOnAfterAnError takes a node away and brings it back.
func TestAFinderGoesOnAfterAnError(t *testing.T) {
	store := newMemStore()
	model := newFiles(t, store, 15).flat(5000)
	_, root := model.build(t, store)
	f := must[*Directory](t)(OpenDir(store, root)).Finder()
	names := model.sorted()
	must[Entry](t)(f.Lookup(t.Context(), names[0]))
	chunks := store.chunks
	store.chunks = nil
	failed := names[len(names)/2]
	if _, err := f.Lookup(t.Context(), failed); err == nil {
		t.Fatal("found in a node that is lost")
	}
	store.chunks = chunks
	for _, name := range []string{failed, names[len(names)-1]} {
		must[Entry](t)(f.Lookup(t.Context(), name))
	}
}
