package packfile

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"reflect"
	"testing"

	"github.com/artifortress/afs-engine/backends"
	"github.com/artifortress/afs-engine/backends/mem"
	"github.com/artifortress/afs-engine/chunker"
)

// countingStore counts what is asked of a store.
type countingStore struct {
	backends.Store
	gets  int
	stats int
	bytes int64
}

func (s *countingStore) Get(ctx context.Context, key string, off, n int64) (io.ReadCloser, error) {
	s.gets++
	s.bytes += n
	return s.Store.Get(ctx, key, off, n)
}

func (s *countingStore) Stat(ctx context.Context, key string) (backends.Info, error) {
	s.stats++
	return s.Store.Stat(ctx, key)
}

func TestIndexTakesFewReads(t *testing.T) {
	r := generator(1)
	small, smallBytes := smallPack(t)
	large, largeBytes := pack(t, WriterOptions{Class: ClassData}, dataChunks(r, 100, 20000))
	var many []testChunk
	for range 9000 {
		data := randomBytes(r, 4)
		many = append(many, testChunk{chunker.Sum(data), chunker.Data, data, nil})
	}
	long, longBytes := pack(t, WriterOptions{Class: ClassData}, many)
	for name, c := range map[string]struct {
		x    *Index
		b    []byte
		gets int
	}{"whole object": {small, smallBytes, 1}, "tail and header": {large, largeBytes, 2}, "index over the tail": {long, longBytes, 3}} {
		s := &countingStore{Store: storeWith(t, c.x.ID, c.b)}
		got, err := ReadIndex(context.Background(), s, c.x.ID, c.x.Size)
		if err != nil || !reflect.DeepEqual(got, c.x) {
			t.Fatalf("%s: wrong index, %v", name, err)
		}
		if s.gets != c.gets || s.stats != 0 || s.bytes > c.x.Size {
			t.Errorf("%s: %d reads of %d bytes, %d stats; want %d reads", name, s.gets, s.bytes, s.stats, c.gets)
		}
	}
}

func TestWrongSizeIsCorrupt(t *testing.T) {
	ctx := context.Background()
	x, b := smallPack(t)
	s := storeWith(t, x.ID, b)
	for _, size := range []int64{0, 1, overhead, x.Size - 1, x.Size + 1, 10 * tailSize, 1 << 62} {
		if _, err := ReadIndex(ctx, s, x.ID, size); !errors.Is(err, ErrCorrupt) {
			t.Errorf("size %d for %d: %v, want ErrCorrupt", size, x.Size, err)
		}
	}
}

func TestMissingPackIsNoDamage(t *testing.T) {
	ctx := context.Background()
	x, _ := smallPack(t)
	s := mem.New()
	_, errIndex := ReadIndex(ctx, s, x.ID, -1)
	_, errSized := ReadIndex(ctx, s, x.ID, x.Size)
	_, errZstd := ReadFrame(ctx, s, x.ID, x.Frames[0], nil, nil)
	_, errScan := Scan(ctx, s, x.ID, nil, nil, func(e *CorruptError) { t.Error(e) })
	for _, err := range []error{errIndex, errSized, errZstd, errScan} {
		if !errors.Is(err, backends.ErrNotExist) || errors.Is(err, ErrCorrupt) {
			t.Errorf("%v, want ErrNotExist and not ErrCorrupt", err)
		}
	}
}

func TestDamageNeverReadsAsOtherBytes(t *testing.T) {
	ctx := context.Background()
	x, b := smallPack(t)
	sound := storeWith(t, x.ID, b)
	want := make([][]byte, len(x.Frames))
	for i, f := range x.Frames {
		var err error
		if want[i], err = ReadFrame(ctx, sound, x.ID, f, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	for at := range b {
		for _, mask := range []byte{0x01, 0x80, 0xFF} {
			bad := bytes.Clone(b)
			bad[at] ^= mask
			s := storeWith(t, x.ID, bad)
			got, err := ReadIndex(ctx, s, x.ID, -1)
			inFrames := int64(at) >= HeaderSize && int64(at) < framesEnd(x.Frames)
			switch {
			case inFrames && (err != nil || !reflect.DeepEqual(got, x)):
				t.Fatalf("byte %d (in a frame): ReadIndex: %v", at, err)
			case !inFrames && !errors.Is(err, ErrCorrupt):
				t.Fatalf("byte %d: ReadIndex: %v, want ErrCorrupt", at, err)
			}
			for i, f := range x.Frames {
				raw, err := ReadFrame(ctx, s, x.ID, f, nil, nil)
				if hit := int64(at) >= f.Offset && int64(at) < f.Offset+int64(f.Stored); !hit {
					if err != nil || !bytes.Equal(raw, want[i]) {
						t.Fatalf("byte %d: sound frame %d: %v", at, i, err)
					}
					continue
				}
				var c *CorruptError
				if !errors.As(err, &c) || c.Object != Key(x.ID) || c.Offset != f.Offset {
					t.Fatalf("byte %d: frame %d: %v, want a CorruptError at %d", at, i, err, f.Offset)
				}
			}
		}
	}
}

func TestCutPackIsCorrupt(t *testing.T) {
	ctx := context.Background()
	x, b := smallPack(t)
	last := x.Frames[len(x.Frames)-1]
	for n := range b {
		s := storeWith(t, x.ID, b[:n])
		for _, size := range []int64{-1, x.Size} {
			if _, err := ReadIndex(ctx, s, x.ID, size); !errors.Is(err, ErrCorrupt) {
				t.Fatalf("cut to %d: ReadIndex: %v, want ErrCorrupt", n, err)
			}
		}
		if _, err := ReadFrame(ctx, s, x.ID, last, nil, nil); errors.Is(err, ErrCorrupt) != (int64(n) < last.Offset+int64(last.Stored)) {
			t.Fatalf("cut to %d: ReadFrame of the last frame: %v", n, err)
		}
	}
}

func TestTrailerThatPointsBehindItselfIsCorrupt(t *testing.T) {
	x, b := smallPack(t)
	for _, offset := range []int64{x.Size, x.Size - 10, x.Size - TrailerSize + 1, 0, HeaderSize} {
		bad := trailer{indexOffset: offset, indexLength: 100}.append(bytes.Clone(b[:len(b)-TrailerSize]))
		s := storeWith(t, x.ID, bad)
		if _, err := ReadIndex(context.Background(), s, x.ID, -1); !errors.Is(err, ErrCorrupt) {
			t.Errorf("index block at %d of %d: %v, want ErrCorrupt", offset, x.Size, err)
		}
		if _, problems, err := scan(t, s, x.ID); err != nil || len(problems) != 1 {
			t.Errorf("index block at %d of %d: problems %v, %v", offset, x.Size, problems, err)
		}
	}
}

func TestHostileRowIsRefusedBeforeReading(t *testing.T) {
	x, b := smallPack(t)
	s := &countingStore{Store: storeWith(t, x.ID, b)}
	for _, f := range []Frame{
		{Offset: 64, Stored: 1<<32 - 1, Raw: 1<<32 - 1, Entries: 1},
		{Offset: 64, Stored: 100, Raw: 1<<32 - 1, Entries: 1, Codec: CodecZstd},
		{Offset: 64},
	} {
		if _, err := ReadFrame(context.Background(), s, x.ID, f, nil, nil); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%+v: %v, want ErrCorrupt", f, err)
		}
	}
	if s.gets != 0 {
		t.Errorf("%d reads", s.gets)
	}
}

func TestNewerPackIsUnknownNotCorrupt(t *testing.T) {
	ctx := context.Background()
	x, b := smallPack(t)
	head, frames, block := split(b)
	for name, change := range map[string]func(head, block []byte){
		"version":      func(h, _ []byte) { h[8] = 2 },
		"incompatible": func(h, _ []byte) { h[44] = 1 },
		"kind":         func(_, b []byte) { b[blockHeadSize+len(x.Frames)*frameRowSize+32] = 99 },
	} {
		h, bl := bytes.Clone(head), bytes.Clone(block)
		change(h, bl)
		s := storeWith(t, x.ID, reseal(h, frames, bl))
		if _, err := ReadIndex(ctx, s, x.ID, -1); !errors.Is(err, ErrUnknown) || errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v, want ErrUnknown", name, err)
		}
		if _, err := Scan(ctx, s, x.ID, nil, nil, func(e *CorruptError) { t.Error(e) }); !errors.Is(err, ErrUnknown) {
			t.Errorf("%s: Scan: %v, want ErrUnknown", name, err)
		}
	}
	h := bytes.Clone(head)
	binary.LittleEndian.PutUint32(h[36:], 0x10)
	binary.LittleEndian.PutUint32(h[40:], 0x20)
	got, err := ReadIndex(ctx, storeWith(t, x.ID, reseal(h, frames, block)), x.ID, -1)
	if err != nil || got.Compat != 0x10 || got.ROCompat != 0x20 {
		t.Errorf("compatible flags: %+v, %v", got, err)
	}
}

func TestStoreErrorsPassThrough(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	x, b := smallPack(t)
	s := storeWith(t, x.ID, b)
	cancel()
	if _, err := ReadIndex(ctx, s, x.ID, -1); !errors.Is(err, context.Canceled) {
		t.Errorf("ReadIndex: %v", err)
	}
	if _, err := ReadFrame(ctx, s, x.ID, x.Frames[0], nil, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("ReadFrame: %v", err)
	}
	if _, err := Scan(ctx, s, x.ID, nil, nil, func(e *CorruptError) { t.Error(e) }); !errors.Is(err, context.Canceled) {
		t.Errorf("Scan: %v", err)
	}
}
