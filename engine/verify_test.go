package engine_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/artifortress/afs-engine/engine"
	"github.com/artifortress/afs-engine/engine/scrub"
	"github.com/artifortress/afs-engine/packfile"
)

// A flipped byte in a frame is named with pack, place, chunks, version and
// every path that needs them.
func TestVerifyNamesPackPlaceChunksVersionsAndPaths(t *testing.T) {
	w := newWorld(t)
	w.ingest("x/y@1", files{"bin/tool": randomBytes(1, 60_000), "bin/again": randomBytes(1, 60_000), "other": "sound"})
	w.ingest("x/y@2", files{"kept": randomBytes(1, 60_000)})
	w.ingest("x/y@3", files{"elsewhere": randomBytes(2, 60_000)})
	w.close()
	all := objects(t, w.store)
	var damaged string
	for key, b := range all {
		if strings.HasPrefix(key, packfile.Prefix) && len(b) > 60_000 && b[12] == byte(packfile.ClassData) {
			if strings.Contains(string(b), randomBytes(1, 60_000)[1000:1100]) {
				damaged = key
				b[packfile.HeaderSize+100] ^= 1
			}
		}
	}
	w.store = storeOf(t, all)
	w.open()
	var found []scrub.Problem
	res, err := w.Verify(t.Context(), scrub.Options{ReadData: true}, func(p scrub.Problem) { found = append(found, p) })
	if err != nil || res.Problems != 1 || len(found) != 1 {
		t.Fatalf("%+v, %v, %+v", res, err, found)
	}
	p := found[0]
	if p.Object != damaged || p.Offset != packfile.HeaderSize || p.LostChunks == 0 || len(p.Lost) == 0 || p.Versions != 2 {
		t.Fatalf("%+v", p)
	}
	for _, want := range []scrub.Affected{{Ref: "x/y@1", Path: "bin/again"}, {Ref: "x/y@1", Path: "bin/tool"}, {Ref: "x/y@2", Path: "kept"}} {
		if !slices.Contains(p.Affected, want) {
			t.Errorf("%v is not named: %v", want, p.Affected)
		}
	}
	v, err := w.Version(t.Context(), mustRef(t, "x/y@2"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := readFile(t, v, "kept"); engine.KindOf(err) != engine.KindCorrupt {
		t.Errorf("reading it: %v", err)
	}
	w.expect("x/y@3", files{"elsewhere": randomBytes(2, 60_000)})
}
