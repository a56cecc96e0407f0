package commitlog

import (
	"errors"
	"testing"

	"github.com/artifortress/afs-engine/packfile"
	"github.com/artifortress/afs-engine/packfile/wire"
)

func TestPackRecordsReadBack(t *testing.T) {
	want := PackAdded{ID: packfile.ID{1, 2, 31: 3}, Class: packfile.ClassData, Size: 1<<62 - 1}
	got, err := DecodePackAdded(AppendField(want.Record().Body, 99, "a field to come"))
	if err != nil || got != want {
		t.Fatalf("%+v, %v", got, err)
	}
}

func TestRecordsWithoutWhatTheyAreAboutAreErrors(t *testing.T) {
	id := packfile.ID{1}
	for name, b := range map[string][]byte{
		"nothing":  nil,
		"no id":    AppendNumber(nil, 3, 100),
		"short id": AppendNumber(AppendField(nil, 1, "short"), 3, 100),
		"no size":  AppendField(nil, 1, id[:]),
		"size":     AppendNumber(AppendField(nil, 1, id[:]), 3, 1<<62+1),
		"class":    AppendNumber(AppendNumber(AppendField(nil, 1, id[:]), 2, 256), 3, 100),
	} {
		if p, err := DecodePackAdded(b); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("pack, %s: %+v, %v", name, p, err)
		}
	}
	for name, b := range map[string][]byte{
		"nothing":      nil,
		"short writer": AppendField(nil, 1, "short"),
		"zero writer":  AppendField(nil, 1, make([]byte, 16)),
	} {
		if w, err := decodeTakeover(b); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("takeover, %s: %x, %v", name, w, err)
		}
	}
}
