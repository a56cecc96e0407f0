package known

import (
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/artifortress/afs-engine/engine/source"
	"github.com/artifortress/afs-engine/index"
)

// clock is a time that tests set.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newIndex(t testing.TB) *index.DB {
	t.Helper()
	db, err := index.Open(t.TempDir(), index.Options{})
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	return db
}

func newCache(t testing.TB, db *index.DB) (*Cache, *clock) {
	t.Helper()
	clk := &clock{now: epoch.Add(time.Minute)}
	c, err := Open(db, clk.Now)
	must(t, err)
	return c, clk
}

// add remembers f, read when it had rested for long.
func add(t testing.TB, c *Cache, id source.Identity, f File) {
	t.Helper()
	must(t, c.Add(id, f, id.CTime.Add(time.Hour)))
}

func finds(t testing.TB, c *Cache, id source.Identity, trust Trust) (File, bool) {
	t.Helper()
	f, ok, err := c.Find(id, trust)
	must(t, err)
	return f, ok
}

func wantFound(t testing.TB, c *Cache, id source.Identity, want File) {
	t.Helper()
	got, ok := finds(t, c, id, Stat)
	got.old = nil
	if !ok || !reflect.DeepEqual(got, want) {
		t.Errorf("%s: %+v, %v; want %+v", id.Path, got, ok, want)
	}
}

func wantUnknown(t testing.TB, c *Cache, id source.Identity) {
	t.Helper()
	if f, ok := finds(t, c, id, Stat); ok {
		t.Errorf("%s is known as %+v", id.Path, f)
	}
}

func TestFilesAreKnownAgain(t *testing.T) {
	db := newIndex(t)
	c, clk := newCache(t, db)
	for name, f := range samples {
		add(t, c, identity("/"+name, f.Size), f)
	}
	must(t, c.Flush())
	c, err := Open(db, clk.Now)
	must(t, err)
	for name, f := range samples {
		wantFound(t, c, identity("/"+name, f.Size), f)
	}
	add(t, c, identity("/small", 100), small(2))
	must(t, c.Flush())
	wantFound(t, c, identity("/small", 100), small(2))
	wantUnknown(t, c, identity("/smal", 100))
	wantUnknown(t, c, identity("", 100))
}

func TestOnlyWhatAgreesIsKnown(t *testing.T) {
	c, _ := newCache(t, newIndex(t))
	was := identity("/f", 100)
	add(t, c, was, small(1))
	must(t, c.Flush())
	for name, test := range map[string]struct {
		change    func(*source.Identity)
		mtimeSize bool // with that much trust it is known nevertheless
	}{
		"nothing": {func(*source.Identity) {}, true},
		"device":  {func(id *source.Identity) { id.Dev++ }, true},
		"inode":   {func(id *source.Identity) { id.Ino++ }, true},
		"ctime":   {func(id *source.Identity) { id.CTime = id.CTime.Add(1) }, true},
		"mtime":   {func(id *source.Identity) { id.MTime = id.MTime.Add(-1) }, false},
		"size":    {func(id *source.Identity) { id.Size++ }, false},
		"path":    {func(id *source.Identity) { id.Path = "/g" }, false},
	} {
		now := was
		test.change(&now)
		if _, ok := finds(t, c, now, Stat); ok != (name == "nothing") {
			t.Errorf("another %s: known %v", name, ok)
		}
		if _, ok := finds(t, c, now, MTimeSize); ok != test.mtimeSize {
			t.Errorf("another %s, trusting mtime and size: known %v", name, ok)
		}
		if _, ok := finds(t, c, now, Nothing); ok {
			t.Errorf("another %s, trusting nothing: known", name)
		}
	}
}

func TestFilesThatHadNotSettledAreNotRemembered(t *testing.T) {
	c, _ := newCache(t, newIndex(t))
	for i, rested := range []time.Duration{-time.Hour, 0, Settle - 1, Settle, time.Hour} {
		id := identity(fmt.Sprint("/", i), 100)
		must(t, c.Add(id, small(1), id.CTime.Add(rested)))
		must(t, c.Flush())
		if _, ok := finds(t, c, id, Stat); ok != (rested >= Settle) {
			t.Errorf("at rest for %v: known %v", rested, ok)
		}
	}
}

func TestAFileOfAnotherSizeThanItWasSaidToHaveIsNotRemembered(t *testing.T) {
	c, _ := newCache(t, newIndex(t))
	add(t, c, identity("/f", 101), small(1))
	must(t, c.Flush())
	wantUnknown(t, c, identity("/f", 101))
	wantUnknown(t, c, identity("/f", 100))
}

func TestWhatIsNotMetForAGenerationIsForgotten(t *testing.T) {
	turns := map[string]func(*Cache, *clock){
		"full":            func(c *Cache, _ *clock) { c.gen.rows = c.rowsMax },
		"of age":          func(_ *Cache, clk *clock) { clk.advance(ageMax + time.Second) },
		"from the future": func(_ *Cache, clk *clock) { clk.advance(-ageMax - 2*time.Second) },
	}
	for name, turn := range turns {
		t.Run(name, func(t *testing.T) {
			db := newIndex(t)
			c, clk := newCache(t, db)
			used, unused := identity("/used", 100), identity("/unused", 100)
			add(t, c, used, small(1))
			add(t, c, unused, small(2))
			must(t, c.Flush())
			for range 3 {
				turn(c, clk)
				must(t, c.Flush())
				f, ok := finds(t, c, used, Stat)
				if !ok {
					t.Fatal("it was forgotten although it is met in every generation")
				}
				must(t, c.Keep(used, f))
				must(t, c.Flush())
			}
			wantFound(t, c, used, small(1))
			wantUnknown(t, c, unused)
			rows := 0
			for n := range c.gen.number + 1 {
				if _, ok, err := db.Local(rowKey(n, "/unused")); err != nil || ok {
					t.Errorf("the row of what was forgotten is in generation %d still (%v)", n, err)
				}
				if _, ok, _ := db.Local(rowKey(n, "/used")); ok {
					rows++
				}
			}
			if rows > 2 {
				t.Errorf("%d rows of one file", rows)
			}
		})
	}
}

func TestAFullGenerationTurnsByItself(t *testing.T) {
	db := newIndex(t)
	c, clk := newCache(t, db)
	c.rowsMax = 10
	for i := range 35 {
		add(t, c, identity(fmt.Sprint("/", i), 100), small(byte(i)))
	}
	must(t, c.Flush())
	for i := range 35 {
		if _, ok := finds(t, c, identity(fmt.Sprint("/", i), 100), Stat); ok != (i >= 20) {
			t.Errorf("file %d of 35, generations of 10: known %v", i, ok)
		}
	}
	again, err := Open(db, clk.Now)
	must(t, err)
	if again.gen.number != 4 || again.gen.rows != 5 {
		t.Errorf("opened again in %+v", again.gen)
	}
}

func TestWhatAnotherVersionHasLeftIsRemoved(t *testing.T) {
	db := newIndex(t)
	c, clk := newCache(t, db)
	add(t, c, identity("/f", 100), small(1))
	must(t, c.Flush())
	b := db.NewLocalBatch()
	must(t, b.Set(generationKey, []byte("of a form that is not known")))
	must(t, b.Commit())
	c, err := Open(db, clk.Now)
	must(t, err)
	must(t, c.Flush())
	wantUnknown(t, c, identity("/f", 100))
	add(t, c, identity("/f", 100), small(2))
	must(t, c.Flush())
	wantFound(t, c, identity("/f", 100), small(2))
}

func TestWritesAreGathered(t *testing.T) {
	c, _ := newCache(t, newIndex(t))
	most := 0
	for i := range 20_000 {
		add(t, c, identity(fmt.Sprintf("/some/directory/%d", i), 100), small(1))
		if c.batch != nil {
			most = max(most, c.batch.Len())
		}
	}
	if most < batchBytes/2 || most > batchBytes+1000 {
		t.Errorf("up to %d bytes were gathered", most)
	}
}

func TestManyMayUseItAtOnce(t *testing.T) {
	c, _ := newCache(t, newIndex(t))
	c.rowsMax = 500
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			for i := range 300 {
				id, want := identity(fmt.Sprintf("/%d/%d", worker, i), 100), small(byte(i))
				if err := c.Add(id, want, c.now()); err != nil {
					t.Error(err)
				}
				f, ok, err := c.Find(id, Stat)
				if err != nil || ok && f.Content.Segments[0].ID[0] != byte(i) {
					t.Errorf("%s: %+v, %v", id.Path, f, err)
				}
				if err := c.Keep(id, f); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	must(t, c.Flush())
}

func TestAnEmptyMemoryIsNotAsked(t *testing.T) {
	db, err := index.Open(t.TempDir(), index.Options{})
	must(t, err)
	c, err := Open(db, time.Now)
	must(t, err)
	must(t, db.Close()) // to ask it now would panic
	wantUnknown(t, c, identity("/srv/a", 1))
}
