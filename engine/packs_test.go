package engine_test

import (
	"testing"

	"github.com/artifortress/afs-engine/backends"
	"github.com/artifortress/afs-engine/packfile"
)

// eachPack shows what every pack of a store says of itself.
func eachPack(t *testing.T, s backends.Store, show func(x *packfile.Index)) {
	t.Helper()
	for info, err := range s.List(t.Context(), packfile.Prefix) {
		if err != nil {
			t.Fatal(err)
		}
		id, err := packfile.ParseKey(info.Key)
		if err != nil {
			t.Fatal(err)
		}
		x, err := packfile.ReadIndex(t.Context(), s, id, info.Size)
		if err != nil {
			t.Fatal(err)
		}
		show(x)
	}
}
