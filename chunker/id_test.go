package chunker_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/artifortress/afs-engine/chunker"
)

var kinds = []chunker.Kind{chunker.Data, chunker.DirNode, chunker.ListNode, chunker.AttrsNode}

func TestParseIDReversesString(t *testing.T) {
	for seed := range byte(20) {
		id := chunker.ID(randomBytes(seed, chunker.IDSize))
		got, err := chunker.ParseID(id.String())
		if err != nil || got != id {
			t.Fatalf("%s reads as %s, %v", id, got, err)
		}
		b, err := json.Marshal(id)
		if err != nil || string(b) != `"`+id.String()+`"` {
			t.Fatalf("JSON is %s, %v", b, err)
		}
		var back chunker.ID
		if err := json.Unmarshal(b, &back); err != nil || back != id {
			t.Fatalf("%s reads as %s, %v", b, back, err)
		}
	}
}

func TestParseIDRefusesAllOtherText(t *testing.T) {
	good := chunker.Sum(nil).String()
	for _, s := range []string{
		"", good[1:], good + "0", good + "00", good[:63] + "g", strings.ToUpper(good), " " + good[1:], good[:62] + "0x",
	} {
		if id, err := chunker.ParseID(s); !errors.Is(err, chunker.ErrBadID) || !id.IsZero() {
			t.Errorf("%q reads as %s, %v", s, id, err)
		}
	}
}

// The vector is the BLAKE3 team's own, for the empty input.
func TestSumIsBLAKE3(t *testing.T) {
	const want = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
	if got := chunker.Sum(nil).String(); got != want {
		t.Fatalf("%s, want %s", got, want)
	}
}

func TestKindsNeverShareAnID(t *testing.T) {
	for _, n := range []int{0, 1, 63, 64, 65, 1024, 1025, 100_000} {
		seen := map[chunker.ID]chunker.Kind{}
		b := randomBytes(byte(n), n)
		for _, k := range kinds {
			id := k.Sum(b)
			if other, taken := seen[id]; taken || id.IsZero() {
				t.Fatalf("%d bytes have one id as %v and as %v", n, k, other)
			}
			seen[id] = k
		}
		if chunker.Data.Sum(b) != chunker.Sum(b) {
			t.Fatal("Sum is not that of data")
		}
	}
}

func TestKindsSayWhatTheyAre(t *testing.T) {
	for _, k := range kinds {
		if !k.Valid() || k.IsNode() != (k != chunker.Data) || strings.HasPrefix(k.String(), "kind") {
			t.Errorf("kind %d: valid %v, node %v, %q", k, k.Valid(), k.IsNode(), k)
		}
	}
	if k := chunker.Kind(len(kinds)); k.Valid() || k.String() != "kind 4" {
		t.Errorf("kind %d: valid %v, %q", k, k.Valid(), k)
	}
}

func TestSumMayRunAnywhereAtOnce(t *testing.T) {
	b := randomBytes(1, 10_000)
	var wg sync.WaitGroup
	for _, k := range kinds {
		want := k.Sum(b)
		for range 4 {
			wg.Go(func() {
				for range 50 {
					if k.Sum(b) != want {
						t.Error("another id")
					}
				}
			})
		}
	}
	wg.Wait()
}

// Ids are in every store there is: these may never change.
func TestIDsAreWhatTheyHaveAlwaysBeen(t *testing.T) {
	var out strings.Builder
	for _, n := range []int{0, 1, 64, 1024, 1025, 65_536, 1_000_000} {
		b := randomBytes(42, n)
		for _, k := range kinds {
			fmt.Fprintf(&out, "%s of %d bytes: %s\n", k, n, k.Sum(b))
		}
	}
	golden(t, "v1-ids.txt", out.String())
}
