package commitlog

import (
	"encoding/json"
	"math"
	"testing"
)

func TestKeysReadBackAndSort(t *testing.T) {
	last := ""
	for _, seq := range []uint64{1, 2, 9, 10, 1 << 40, math.MaxUint64} {
		key := Key(seq)
		if got, ok := ParseKey(key); !ok || got != seq {
			t.Errorf("%s reads as %d, %v", key, got, ok)
		}
		if key <= last {
			t.Errorf("%s sorts before %s", key, last)
		}
		last = key
	}
}

func TestOtherKeysAreNotGroups(t *testing.T) {
	for _, key := range []string{
		"", "log/", "log/1", "logs/00000000000000000001", "log/00000000000000000000", "log/+0000000000000000001",
		"log/0000000000000000000x", "log/99999999999999999999", "log/000000000000000000001", "log/00000000000000000001/x",
	} {
		if seq, ok := ParseKey(key); ok {
			t.Errorf("%q is taken for group %d", key, seq)
		}
	}
}

func TestPositionsReadBackFromJSON(t *testing.T) {
	want := Position{Sequence: math.MaxUint64, Digest: Digest{1, 31: 2}, Epoch: 7, Writer: writer(3), ReadOnly: 4}
	b, err := json.Marshal(want)
	check(t, err)
	var got Position
	if err := json.Unmarshal(b, &got); err != nil || got != want {
		t.Fatalf("%s reads as %+v, %v", b, got, err)
	}
	for _, bad := range []string{`{"Digest":"00"}`, `{"Writer":"zz000000000000000000000000000000"}`, `{"Sequence":-1}`} {
		if err := json.Unmarshal([]byte(bad), &got); err == nil {
			t.Errorf("%s was read", bad)
		}
	}
}
