package engine_test

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/artifortress/afs-engine/engine/scrub"
	"github.com/artifortress/afs-engine/packfile"
)

// kindsOfObjects picks an object of each kind, and another one of that kind to
// exchange it with, if there is one.
func (d *damaged) kindsOfObjects() map[string][2]string {
	groups := map[string][]string{}
	for _, key := range d.keys {
		kind, _, _ := strings.Cut(key, "/")
		switch {
		case strings.HasPrefix(key, packfile.Prefix):
			if id, err := packfile.ParseKey(key); err == nil {
				x, err := packfile.ReadIndex(d.t.Context(), storeOf(d.t, d.sound), id, int64(len(d.sound[key])))
				if err != nil {
					d.t.Fatal(err)
				}
				kind = "pack of " + x.Class.String()
			}
		case kind == "checkpoints":
			kind = "checkpoint's " + key[strings.LastIndexByte(key, '/')+1:]
		}
		groups[kind] = append(groups[kind], key)
	}
	picked := map[string][2]string{}
	for kind, keys := range groups {
		picked[kind] = [2]string{keys[0], keys[len(keys)-1]}
	}
	return picked
}

// Every kind of object is emptied, cut to its half, continued with garbage and
// replaced by another of its kind. Each time it is found, nothing wrong is
// read, and nothing waits for ever.
func TestEveryKindOfObjectMayBeDamagedInEveryWay(t *testing.T) {
	t.Parallel()
	d := newDamaged(t)
	garbage := []byte(randomBytes(8, 3000))
	r := rand.New(rand.NewPCG(1, 1))
	kinds := d.kindsOfObjects()
	for _, want := range []string{"config", "log", "checkpoint's manifest", "pack of data", "pack of meta"} {
		if _, ok := kinds[want]; !ok {
			t.Errorf("the store has no %s: %q", want, slices.Sorted(maps.Keys(kinds)))
		}
	}
	for kind, keys := range kinds {
		key, sound := keys[0], d.sound[keys[0]]
		ways := map[string][]byte{
			"emptied":                 {},
			"cut to its half":         sound[:len(sound)/2],
			"continued with garbage":  slices.Concat(sound, garbage),
			"continued with zeros":    slices.Concat(sound, make([]byte, 3000)),
			"all garbage":             garbage,
			"all zeros":               make([]byte, len(sound)),
			"preceded by a byte":      slices.Concat(garbage[:1], sound),
			"replaced by one alike":   d.sound[keys[1]],
			"replaced by the config":  d.sound["config"],
			"written over at one end": slices.Concat(garbage[:min(40, len(sound))], sound[min(40, len(sound)):]),
		}
		left := len(ways)
		if testing.Short() {
			left = 2 // any
		}
		for way, bytes := range ways {
			if string(bytes) == string(sound) {
				continue
			}
			if left--; left < 0 {
				break
			}
			bad := maps.Clone(d.sound)
			bad[key] = bytes
			d.expectFound(bad, r.IntN(2) == 0, kind+" "+key+" "+way)
		}
	}
}

// hangs is when a test gives up on what has not come to an end.
const hangs = 2 * time.Minute

// expectFound opens a damaged store, reads everything and verifies.
func (d *damaged) expectFound(bad map[string][]byte, keepIndex bool, what string) {
	d.t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		e, err := d.open(storeOf(d.t, bad), keepIndex)
		if err != nil {
			d.expectCorrupt(err, what)
			return
		}
		d.expectRightOrCorrupt(e, what)
		found := 0
		_, err = e.Verify(d.t.Context(), scrub.Options{ReadData: true}, func(scrub.Problem) { found++ })
		if err != nil || found == 0 {
			d.t.Errorf("%s (index kept: %v): verify found nothing (%v)", what, keepIndex, err)
		}
		if err := e.Close(); err != nil {
			d.t.Errorf("%s: close: %v", what, err)
		}
	}()
	select {
	case <-done:
	case <-time.After(hangs):
		d.t.Fatalf("%s: it hangs", what)
	}
}
