package packfile

import (
	"bytes"
	"context"
	"errors"
	"io"
	"syscall"
	"testing"

	"github.com/zeebo/blake3"

	"github.com/artifortress/afs-engine/backends"
	"github.com/artifortress/afs-engine/chunker"
)

// scan returns what a Scan of b as pack id visits and reports.
func scan(t testing.TB, s backends.Store, id ID) (visited []Entry, problems []*CorruptError, err error) {
	t.Helper()
	_, err = Scan(context.Background(), s, id, nil, func(e Entry, data []byte) error {
		if e.Kind.Sum(data) != e.ID {
			t.Fatalf("visited %v with wrong bytes", e.ID)
		}
		visited = append(visited, e)
		return nil
	}, func(e *CorruptError) {
		if !errors.Is(e, ErrCorrupt) || e.Object != Key(id) {
			t.Fatalf("problem %v is not about %s", e, Key(id))
		}
		problems = append(problems, e)
	})
	return visited, problems, err
}

func TestScanVisitsEveryChunkInOrder(t *testing.T) {
	r := generator(1)
	for class, chunks := range map[Class][]testChunk{ClassData: dataChunks(r, 50, 2000), ClassMeta: nodeChunks(r, 50, 2000)} {
		x, b := pack(t, WriterOptions{Class: class, FrameSize: 3000}, chunks)
		s := storeWith(t, x.ID, b)
		i := 0
		size, err := Scan(context.Background(), s, x.ID, nil, func(e Entry, data []byte) error {
			if e.ID != chunks[i].id || e.Kind != chunks[i].kind || !bytes.Equal(data, chunks[i].data) || len(e.Deps) != len(chunks[i].deps) {
				t.Fatalf("visit %d is %+v, want chunk %v", i, e, chunks[i].id)
			}
			i++
			return nil
		}, func(e *CorruptError) { t.Error(e) })
		if err != nil || size != x.Size || i != len(chunks) {
			t.Fatalf("%d chunks, size %d, %v; want %d, %d", i, size, err, len(chunks), x.Size)
		}
		if _, err := Scan(context.Background(), s, x.ID, nil, nil, func(e *CorruptError) { t.Error(e) }); err != nil {
			t.Fatalf("without visit: %v", err)
		}
	}
}

func TestScanFindsEveryFlippedBit(t *testing.T) {
	x, b := smallPack(t)
	for at := range b {
		for bit := range 8 {
			bad := bytes.Clone(b)
			bad[at] ^= 1 << bit
			visited, problems, err := scan(t, storeWith(t, x.ID, bad), x.ID)
			if err != nil || len(problems) == 0 {
				t.Fatalf("byte %d, bit %d: %d problems, %v", at, bit, len(problems), err)
			}
			part := int64(0) // header
			switch {
			case at >= len(b)-TrailerSize:
				part = x.Size - TrailerSize
			case int64(at) >= framesEnd(x.Frames):
				part = framesEnd(x.Frames)
			}
			if (at < HeaderSize || part > 0) && problems[0].Offset != part {
				t.Fatalf("byte %d: first problem is %v, want one at %d", at, problems[0], part)
			}
			for i, f := range x.Frames {
				if int64(at) < f.Offset || int64(at) >= f.Offset+int64(f.Stored) {
					continue
				}
				if len(problems) != 1 || problems[0].Offset != f.Offset || len(problems[0].Lost) != int(f.Entries) {
					t.Fatalf("byte %d (in frame %d): problems %v", at, i, problems)
				}
				if len(visited) != len(x.Entries)-int(f.Entries) {
					t.Fatalf("byte %d (in frame %d): %d chunks visited of %d", at, i, len(visited), len(x.Entries))
				}
			}
			if at < HeaderSize && len(visited) != len(x.Entries) {
				t.Fatalf("byte %d (in the header): %d chunks visited of %d", at, len(visited), len(x.Entries))
			}
		}
	}
}

func TestScanOfCutPackReports(t *testing.T) {
	x, b := smallPack(t)
	for n := range b {
		s := storeWith(t, x.ID, b[:n])
		_, problems, err := scan(t, s, x.ID)
		if err != nil || len(problems) == 0 {
			t.Fatalf("cut to %d: %d problems, %v", n, len(problems), err)
		}
		if size, _ := Scan(context.Background(), s, x.ID, nil, nil, func(*CorruptError) {}); size != int64(n) {
			t.Fatalf("cut to %d: size %d", n, size)
		}
	}
}

func TestScanNamesTheChunkThatIsNotItself(t *testing.T) {
	good := []byte("what was stored")
	wrong := chunker.Sum([]byte("something else"))
	x, b := pack(t, WriterOptions{Class: ClassData}, []testChunk{
		{chunker.Sum(good), chunker.Data, good, nil},
		{wrong, chunker.Data, good, nil},
	})
	visited, problems, err := scan(t, storeWith(t, x.ID, b), x.ID)
	if err != nil || len(visited) != 1 || len(problems) != 1 {
		t.Fatalf("%d visited, problems %v, %v", len(visited), problems, err)
	}
	if p := problems[0]; p.Chunk != wrong || p.Offset != HeaderSize || len(p.Lost) != 1 || p.Lost[0].ID != wrong {
		t.Fatalf("problem is %+v", p)
	}
}

func TestScanFindsPackUnderAnotherName(t *testing.T) {
	_, b := smallPack(t)
	visited, problems, err := scan(t, storeWith(t, ID{1}, b), ID{1})
	if err != nil || len(problems) != 1 || problems[0].Offset != -1 || len(visited) != 8 {
		t.Fatalf("%d visited, problems %v, %v", len(visited), problems, err)
	}
}

func TestScanGoesOnBehindUnknownCodec(t *testing.T) {
	x, b := smallPack(t)
	head, frames, block := split(b)
	block = bytes.Clone(block)
	block[blockHeadSize+frameRowSize+24] = 9
	b = reseal(head, frames, block)
	id := ID(blake3.Sum256(b))
	visited, problems, err := scan(t, storeWith(t, id, b), id)
	if !errors.Is(err, ErrUnknown) || len(problems) != 0 || len(visited) != len(x.Entries)-int(x.Frames[1].Entries) {
		t.Fatalf("%d visited, problems %v, %v, want ErrUnknown", len(visited), problems, err)
	}
}

func TestVisitEndsScan(t *testing.T) {
	x, b := smallPack(t)
	for _, stop := range []error{io.ErrClosedPipe, &CorruptError{Object: "another"}} {
		visits := 0
		_, err := Scan(context.Background(), storeWith(t, x.ID, b), x.ID, nil, func(Entry, []byte) error {
			visits++
			return stop
		}, func(e *CorruptError) { t.Error(e) })
		if err != stop || visits != 1 {
			t.Errorf("%d visits, %v, want %v", visits, err, stop)
		}
	}
}

// badSector fails reads of one byte, as a disk does.
type badSector struct {
	backends.Store
	at  int64
	err error
}

func (s *badSector) Get(ctx context.Context, key string, off, n int64) (io.ReadCloser, error) {
	r, err := s.Store.Get(ctx, key, off, n)
	if err != nil || s.at < off || s.at >= off+n {
		return r, err
	}
	return struct {
		io.Reader
		io.Closer
	}{io.MultiReader(io.LimitReader(r, s.at-off), &failingReader{s.err}), r}, nil
}

type failingReader struct{ err error }

func (r *failingReader) Read([]byte) (int, error) { return 0, r.err }

func TestScanGoesOnBehindBadSector(t *testing.T) {
	x, b := smallPack(t)
	for i, f := range x.Frames {
		s := &badSector{Store: storeWith(t, x.ID, b), at: f.Offset + 1, err: syscall.EIO}
		visited, problems, err := scan(t, &tailApart{s, b}, x.ID)
		if err != nil || len(problems) != 1 || problems[0].Offset != f.Offset || len(visited) != len(x.Entries)-int(f.Entries) {
			t.Fatalf("frame %d: %d visited, problems %v, %v", i, len(visited), problems, err)
		}
	}
	s := &badSector{Store: storeWith(t, x.ID, b), at: x.Size - 1, err: syscall.EIO}
	if _, problems, err := scan(t, s, x.ID); err != nil || len(problems) != 1 {
		t.Fatalf("bad end: problems %v, %v", problems, err)
	}
	s = &badSector{Store: storeWith(t, x.ID, b), at: x.Frames[1].Offset, err: backends.ErrUnavailable}
	if _, problems, err := scan(t, &tailApart{s, b}, x.ID); !errors.Is(err, backends.ErrUnavailable) || len(problems) != 0 {
		t.Fatalf("store goes away: problems %v, %v", problems, err)
	}
}

// tailApart answers reads of the whole small object from memory, so that
// faults hit the reading of frames only.
type tailApart struct {
	backends.Store
	b []byte
}

func (s *tailApart) Get(ctx context.Context, key string, off, n int64) (io.ReadCloser, error) {
	if n == int64(len(s.b)) {
		return io.NopCloser(bytes.NewReader(s.b)), nil
	}
	return s.Store.Get(ctx, key, off, n)
}
