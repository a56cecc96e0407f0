package manifest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/packfile/wire"
)

// content puts a file together from the model's view of it.
func (f *files) content(n *tree) []byte {
	var out []byte
	for x, err := range Segments(f.t.Context(), f.store, n.entry.Content, 0) {
		check(f.t, err)
		if x.Zero() {
			out = append(out, make([]byte, x.Length)...)
		} else {
			out = append(out, f.store.chunks[x.ID]...)
		}
	}
	return out
}

func TestReaderReadsTheFile(t *testing.T) {
	store := newMemStore()
	f := newFiles(t, store, 6)
	for _, n := range []int{0, 1, 2, 16, 17, 500, 3000} {
		file := f.file(n)
		want := f.content(file)
		r := must[*Reader](t)(OpenFile(t.Context(), store, file.entry))
		if r.Size() != int64(len(want)) {
			t.Fatalf("size %d, want %d", r.Size(), len(want))
		}
		if n < 100 {
			check(t, iotest.TestReader(r, want))
		}
		checkReads(t, r, want, f)
	}
}

// checkReads compares positioned reads and streams from positions.
func checkReads(t *testing.T, r *Reader, want []byte, f *files) {
	t.Helper()
	for range 50 {
		off := f.rng.IntN(len(want) + 1)
		n := f.rng.IntN(len(want) - off + 1)
		got := make([]byte, n)
		if k, err := r.ReadAt(got, int64(off)); k != n || err != nil || !bytes.Equal(got, want[off:off+n]) {
			t.Fatalf("ReadAt(%d, %d) = %d, %v", n, off, k, err)
		}
		if k, err := r.ReadAt(make([]byte, n+1), int64(len(want)-n)); k != n || err != io.EOF {
			t.Fatalf("ReadAt past the end = %d, %v", k, err)
		}
		_, err := r.Seek(int64(-n), io.SeekEnd)
		check(t, err)
		var buf bytes.Buffer
		if k, err := r.WriteTo(&buf); k != int64(n) || err != nil || !bytes.Equal(buf.Bytes(), want[len(want)-n:]) {
			t.Fatalf("WriteTo from %d = %d, %v", len(want)-n, k, err)
		}
	}
}

func TestReadAtIsSafeForConcurrentUse(t *testing.T) {
	store := newMemStore()
	f := newFiles(t, store, 7)
	file := f.file(4000)
	want := f.content(file)
	r := must[*Reader](t)(OpenFile(t.Context(), store, file.entry))
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			got := make([]byte, 100)
			for off := g * 777; off+100 < len(want); off += 999 {
				if _, err := r.ReadAt(got, int64(off)); err != nil || !bytes.Equal(got, want[off:off+100]) {
					t.Errorf("ReadAt(%d): %v", off, err)
				}
			}
		})
	}
	wg.Wait()
}

func TestNearbyReadsDecodeAPageOnce(t *testing.T) {
	store := newMemStore()
	file := newFiles(t, store, 8).file(3000)
	r := must[*Reader](t)(OpenFile(t.Context(), store, file.entry))
	var one [1]byte
	must[int](t)(r.ReadAt(one[:], 1000))
	before := store.reads
	for off := range int64(100) {
		must[int](t)(r.ReadAt(one[:], 1000+off))
	}
	if pages := store.reads - before - 100; pages > 2 {
		t.Errorf("100 reads next to each other read %d pages", pages)
	}
}

// announced is a Source that notes what it is told.
type announced struct {
	*memStore
	ids   map[chunker.ID]bool
	calls int
}

func (a *announced) Announce(_ context.Context, ids []chunker.ID) {
	a.calls++
	for _, id := range ids {
		a.ids[id] = true
	}
}

func TestAPageAnnouncesItsChunks(t *testing.T) {
	store := &announced{memStore: newMemStore(), ids: map[chunker.ID]bool{}}
	file := newFiles(t, store.memStore, 9).file(3000)
	r := must[*Reader](t)(OpenFile(t.Context(), store, file.entry))
	must[int64](t)(r.WriteTo(io.Discard))
	chunks := map[chunker.ID]bool{}
	for x, err := range Segments(t.Context(), store, file.entry.Content, 0) {
		check(t, err)
		if !x.Zero() {
			chunks[x.ID] = true
			if !store.ids[x.ID] {
				t.Fatalf("the chunk at %d was not announced", x.Offset)
			}
		}
	}
	if pages := len(store.nodes(chunker.ListNode)); store.calls == 0 || store.calls > pages || len(chunks) < 100 {
		t.Errorf("%d announcements of %d chunks in at most %d pages", store.calls, len(chunks), pages)
	}
}

func TestReaderWritesLongRunsOfZerosInBlocks(t *testing.T) {
	e := Entry{Kind: File, Size: 10 << 20, Content: Content{Segments: []Segment{{Length: 10 << 20}}}}
	r := must[*Reader](t)(OpenFile(t.Context(), newMemStore(), e))
	var w largest
	n, err := r.WriteTo(&w)
	check(t, err)
	if n != 10<<20 || w.total != n || w.max > 1<<20 {
		t.Errorf("wrote %d bytes, %d arrived, at most %d at once", n, w.total, w.max)
	}
}

type largest struct{ total, max int64 }

func (l *largest) Write(b []byte) (int, error) {
	l.total += int64(len(b))
	l.max = max(l.max, int64(len(b)))
	return len(b), nil
}

func TestReaderRefusesAChunkOfAnotherLength(t *testing.T) {
	store := newMemStore()
	id := store.put(chunker.Data, []byte("four"))
	e := Entry{Kind: File, Size: 5, Content: Content{Segments: []Segment{{ID: id, Length: 5}}}}
	r := must[*Reader](t)(OpenFile(t.Context(), store, e))
	if _, err := r.ReadAt(make([]byte, 5), 0); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("ReadAt: %v", err)
	}
	if _, err := r.WriteTo(io.Discard); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("WriteTo: %v", err)
	}
}

func TestReaderRefusesWrongUse(t *testing.T) {
	if _, err := OpenFile(t.Context(), newMemStore(), Entry{Kind: Dir}); !errors.Is(err, ErrNotFile) {
		t.Errorf("opening a directory: %v", err)
	}
	r := must[*Reader](t)(OpenFile(t.Context(), newMemStore(), Entry{Kind: File}))
	if _, err := r.ReadAt(make([]byte, 1), -1); err == nil || err == io.EOF {
		t.Errorf("ReadAt(-1): %v", err)
	}
	for _, bad := range []struct {
		off    int64
		whence int
	}{{-1, io.SeekStart}, {-1, io.SeekCurrent}, {-1, io.SeekEnd}, {0, 3}} {
		if _, err := r.Seek(bad.off, bad.whence); err == nil {
			t.Errorf("Seek(%d, %d) went well", bad.off, bad.whence)
		}
	}
	if pos, err := r.Seek(10, io.SeekStart); pos != 10 || err != nil {
		t.Errorf("Seek beyond the end = %d, %v", pos, err)
	}
	if n, err := r.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("Read beyond the end = %d, %v", n, err)
	}
}
