package known

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/artifortress/afs-engine/engine/source"
)

func TestATreeThatWasNeverReadIsAskedForOnce(t *testing.T) {
	c, _ := newCache(t, newIndex(t))
	named := func(path string) source.Identity { return identity(path, 100) }
	for _, path := range []string{"/a/known", "/n/known"} {
		add(t, c, named(path), small(1))
	}
	must(t, c.Flush())
	find := func(path string, want bool) {
		t.Helper()
		if _, ok, err := c.Find(named(path), Stat); ok != want || err != nil {
			t.Errorf("%s is known: %v, %v", path, ok, err)
		}
	}
	find("/m/1", false)
	if c.gap.Load() != nil {
		t.Error("one file that is not known is taken for many")
	}
	find("/m/2", false)
	g := c.gap.Load()
	for path, want := range map[string]bool{"/m/2": true, "/m/9/9": true, "/n/k": true, "/n/known": false, "/n/l": false, "/m/1": false, "/a": false} {
		if g.holds(c.gen.number, path) != want {
			t.Errorf("the gap %+v holds %s: %v", g, path, !want)
		}
	}
	find("/m/3", false)
	find("/n/known", true)
	// What is learnt fills the gap as soon as it is written.
	add(t, c, named("/m/3"), small(1))
	find("/m/4", false)
	find("/m/5", false)
	must(t, c.Flush())
	find("/m/3", true)
}

// Whatever the order of files and the generation that they are in, Find says what
// it says without gaps.
func TestGapsHideNothing(t *testing.T) {
	c, clk := newCache(t, newIndex(t))
	r := rand.New(rand.NewPCG(1, 2))
	written, pending := map[string]bool{}, map[string]bool{}
	for range 20_000 {
		id := identity(fmt.Sprintf("/d%d/f%02d", r.IntN(4), r.IntN(100)), 100)
		switch r.IntN(40) {
		case 0:
			must(t, c.Add(id, small(1), clk.Now().Add(time.Hour)))
			pending[id.Path] = true
		case 1:
			must(t, c.Flush())
			for p := range pending {
				written[p] = true
			}
			clear(pending)
		case 2:
			if r.IntN(50) == 0 && c.gen.number < 2 {
				clk.advance(ageMax + time.Second) // another generation
			}
		default:
			_, ok, err := c.Find(id, Stat)
			if err != nil || ok != written[id.Path] && (written[id.Path] || !pending[id.Path]) {
				t.Fatalf("%s is known: %v, want %v; %v", id.Path, ok, written[id.Path], err)
			}
		}
	}
}
