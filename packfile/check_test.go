package packfile

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"testing"
)

// checked is what a Check of b as the pack x visits.
func checked(t testing.TB, x *Index, b []byte, workers int) (map[string]int, *Index, error) {
	t.Helper()
	var mu sync.Mutex
	seen := map[string]int{}
	got, err := Check(context.Background(), storeWith(t, x.ID, b), x.ID, int64(len(b)), workers, nil, func(e Entry, data []byte) error {
		if e.Kind.Sum(data) != e.ID {
			t.Errorf("visited %v with wrong bytes", e.ID)
		}
		mu.Lock()
		defer mu.Unlock()
		seen[e.ID.String()]++
		return nil
	})
	return seen, got, err
}

func TestCheckVisitsEveryChunkOnce(t *testing.T) {
	r := generator(1)
	for _, workers := range []int{1, 2, 7} {
		x, b := pack(t, WriterOptions{Class: ClassData, FrameSize: 3000}, dataChunks(r, 200, 2000))
		seen, got, err := checked(t, x, b, workers)
		if err != nil || got.ID != x.ID || len(got.Entries) != len(x.Entries) || len(seen) != len(x.Entries) {
			t.Fatalf("%d workers: %d of %d chunks, %v", workers, len(seen), len(x.Entries), err)
		}
		for id, n := range seen {
			if n != 1 {
				t.Errorf("%s was visited %d times", id, n)
			}
		}
	}
}

// Whatever Scan calls damage is damage to Check.
func TestCheckRefusesEveryDamagedByte(t *testing.T) {
	x, b := smallPack(t)
	for at := range b {
		bad := bytes.Clone(b)
		bad[at] ^= 1 << (at % 8)
		if _, _, err := checked(t, x, bad, 2); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("byte %d: %v", at, err)
		}
	}
}

func TestCheckRefusesAPackOfAnotherLength(t *testing.T) {
	x, b := smallPack(t)
	for n := range b {
		if _, _, err := checked(t, x, b[:n], 2); err == nil {
			t.Fatalf("cut to %d bytes, it is believed", n)
		}
	}
	longer := storeWith(t, x.ID, append(bytes.Clone(b), "and more"...))
	_, err := Check(context.Background(), longer, x.ID, int64(len(b)), 2, nil, func(Entry, []byte) error { return nil })
	if !errors.Is(err, ErrCorrupt) {
		t.Fatalf("an object with more behind the pack: %v", err)
	}
}

func TestCheckRefusesAPackUnderAnotherName(t *testing.T) {
	x, b := smallPack(t)
	other := *x
	other.ID[0] ^= 1
	if _, _, err := checked(t, &other, b, 2); !errors.Is(err, ErrCorrupt) {
		t.Fatal(err)
	}
}

// A writer of hostile packs makes all checksums right.
func TestCheckRefusesAChunkThatIsNotItself(t *testing.T) {
	w := newWriter(t, WriterOptions{Class: ClassData})
	add(t, w, dataChunks(generator(3), 20, 500))
	lie := dataChunks(generator(4), 2, 500)
	if err := w.Add(lie[0].id, lie[0].kind, lie[1].data, nil); err != nil {
		t.Fatal(err)
	}
	x, b := seal(t, w)
	_, _, err := checked(t, x, b, 2)
	var c *CorruptError
	if !errors.As(err, &c) || c.Chunk != lie[0].id {
		t.Fatalf("%v", err)
	}
}

func TestAnErrorOfVisitEndsACheck(t *testing.T) {
	x, b := pack(t, WriterOptions{Class: ClassData, FrameSize: 1000}, dataChunks(generator(5), 300, 1000))
	no := errors.New("no")
	for _, workers := range []int{1, 3} {
		_, err := Check(context.Background(), storeWith(t, x.ID, b), x.ID, x.Size, workers, nil, func(Entry, []byte) error { return no })
		if !errors.Is(err, no) {
			t.Fatalf("%d workers: %v", workers, err)
		}
	}
}
