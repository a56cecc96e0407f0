package packfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/zeebo/blake3"

	"github.com/artifortress/afs-engine/chunker"
)

func TestWhatIsAddedReadsBack(t *testing.T) {
	ctx := context.Background()
	for seed := range byte(16) {
		r := generator(seed)
		o := WriterOptions{Class: ClassData, FrameSize: 1 + r.IntN(5000), Workers: 1 + r.IntN(3), Level: zstd.EncoderLevel(1 + r.IntN(3)), Domain: r.Uint32()}
		chunks := dataChunks(r, 1+r.IntN(60), 1+r.IntN(3000))
		if seed%2 == 1 {
			o.Class, chunks = ClassMeta, nodeChunks(r, 1+r.IntN(60), 1+r.IntN(3000))
		}
		chunks = append(chunks, chunks[0]) // duplicates are allowed
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			x, b := pack(t, o, chunks)
			if x.ID != ID(blake3.Sum256(b)) || x.Size != int64(len(b)) || x.Class != o.Class || x.Domain != o.Domain {
				t.Fatalf("index says id %v, %d bytes, class %v, domain %d", x.ID, x.Size, x.Class, x.Domain)
			}
			s := storeWith(t, x.ID, b)
			for _, size := range []int64{-1, x.Size} {
				got, err := ReadIndex(ctx, s, x.ID, size)
				if err != nil {
					t.Fatal(err)
				}
				if !reflect.DeepEqual(got, x) {
					t.Fatalf("ReadIndex = %+v, want %+v", got, x)
				}
			}
			if len(x.Entries) != len(chunks) {
				t.Fatalf("%d entries, want %d", len(x.Entries), len(chunks))
			}
			for i, e := range x.Entries {
				frame, err := ReadFrame(ctx, s, x.ID, x.Frames[e.Frame], nil, nil)
				if err != nil {
					t.Fatal(err)
				}
				c := chunks[i]
				if e.ID != c.id || e.Kind != c.kind || !bytes.Equal(frame[e.Offset:e.Offset+e.Length], c.data) {
					t.Fatalf("entry %d is %+v, want chunk %v", i, e, c.id)
				}
				if len(e.Deps) != len(c.deps) {
					t.Fatalf("entry %d has %d dependencies, want %d", i, len(e.Deps), len(c.deps))
				}
				for j := range c.deps {
					if e.Deps[j] != PrefixOf(c.deps[j]) {
						t.Fatalf("entry %d: dependency %d is %x, want %v", i, j, e.Deps[j], c.deps[j])
					}
				}
			}
		})
	}
}

func TestBytesDoNotDependOnWorkersOrReuse(t *testing.T) {
	r := generator(1)
	chunks := dataChunks(r, 120, 4000)
	first, want := pack(t, WriterOptions{Class: ClassData, Workers: 1, FrameSize: 5000}, chunks)
	w := newWriter(t, WriterOptions{Class: ClassData, Workers: 5, FrameSize: 5000})
	for range 3 {
		add(t, w, dataChunks(r, 20, 8000)) // whatever the encoders and buffers were used for before
		if err := w.Reset(); err != nil {
			t.Fatal(err)
		}
		add(t, w, chunks)
		if x, got := seal(t, w); !bytes.Equal(got, want) || !reflect.DeepEqual(x, first) {
			t.Fatal("same chunks and nonce, other bytes")
		}
		if err := w.Reset(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAPackThatIsWrittenOutIsTheSame(t *testing.T) {
	r := generator(3)
	chunks := dataChunks(r, 200, 4000)
	o := WriterOptions{Class: ClassData, Workers: 3, FrameSize: 5000}
	first, want := pack(t, o, chunks)
	w := newWriter(t, o)
	for range 3 {
		var out bytes.Buffer
		if err := w.ResetTo(&out); err != nil {
			t.Fatal(err)
		}
		add(t, w, chunks[:150])
		if out.Len() == 0 {
			t.Error("nothing is written before the pack is sealed")
		}
		add(t, w, chunks[150:])
		s, err := w.Seal()
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(out.Bytes(), want) || !reflect.DeepEqual(s.Index, first) {
			t.Error("same chunks and nonce, other bytes")
		}
		if s.Body() != nil {
			t.Error("what was written out is in memory, too")
		}
	}
	if err := w.Reset(); err != nil { // and in memory again
		t.Fatal(err)
	}
	add(t, w, chunks)
	if _, got := seal(t, w); !bytes.Equal(got, want) {
		t.Error("in memory after it was written out: other bytes")
	}
}

// fullDisk takes so many bytes, and all again after it has said that it is full.
type fullDisk struct{ room int }

func (d *fullDisk) Write(b []byte) (int, error) {
	n := min(len(b), d.room)
	if d.room -= n; n < len(b) {
		d.room = 1 << 40
		return n, errFull
	}
	return n, nil
}

var errFull = errors.New("no room")

func TestAPackThatCannotBeWrittenOutIsLost(t *testing.T) {
	chunks := dataChunks(generator(4), 400, 4000)
	o := WriterOptions{Class: ClassData, FrameSize: 5000}
	_, whole := pack(t, o, chunks)
	w := newWriter(t, o)
	for _, room := range []int{0, 10, len(whole) / 2, len(whole) * 95 / 100, len(whole) - 1} {
		if err := w.ResetTo(&fullDisk{room}); room < HeaderSize {
			if !errors.Is(err, errFull) || !errors.Is(err, ErrUnwritten) {
				t.Errorf("room for %d bytes: ResetTo gives %v", room, err)
			}
			if _, err := w.Seal(); !errors.Is(err, ErrSpent) {
				t.Errorf("room for %d bytes: Seal gives %v, want ErrSpent", room, err)
			}
			continue
		} else if err != nil {
			t.Fatal(err)
		}
		var added error
		for _, c := range chunks {
			if added = w.Add(c.id, c.kind, c.data, c.deps); added != nil {
				break
			}
		}
		if added != nil && !errors.Is(added, errFull) || added == nil && room < len(whole)/2 {
			t.Errorf("room for %d bytes: Add gives %v", room, added)
		}
		if s, err := w.Seal(); s != nil || !errors.Is(err, errFull) {
			t.Errorf("room for %d bytes: Seal gives %v, %v", room, s, err)
		}
	}
	if err := w.Reset(); err != nil {
		t.Fatal(err)
	}
	add(t, w, chunks)
	if _, got := seal(t, w); !bytes.Equal(got, whole) {
		t.Error("after a pack that was lost: other bytes")
	}
}

func TestNonceMakesNamesUnique(t *testing.T) {
	chunks := dataChunks(generator(2), 3, 100)
	seen := map[ID]bool{}
	for range 3 {
		w, err := NewWriter(WriterOptions{Class: ClassData})
		if err != nil {
			t.Fatal(err)
		}
		add(t, w, chunks)
		x, _ := seal(t, w)
		if seen[x.ID] {
			t.Fatal("two packs of one name")
		}
		seen[x.ID] = true
	}
}

func TestFramesAreFilledInOrder(t *testing.T) {
	sizes := []int{40, 60, 1, 500, 30, 71, 70}
	var chunks []testChunk
	for i, n := range sizes {
		data := bytes.Repeat([]byte{byte(i)}, n)
		chunks = append(chunks, testChunk{chunker.Sum(data), chunker.Data, data, nil})
	}
	x, _ := pack(t, WriterOptions{Class: ClassData, FrameSize: 100}, chunks)
	// A frame of exactly 100, one chunk before a large one, the large one alone,
	// one that the next does not fit into, …
	want := []uint32{0, 0, 1, 2, 3, 4, 5}
	for i, e := range x.Entries {
		if e.Frame != want[i] {
			t.Errorf("chunk %d of %d bytes is in frame %d, want %d", i, sizes[i], e.Frame, want[i])
		}
	}
}

func TestDefaultFrameSizes(t *testing.T) {
	r := generator(3)
	for _, c := range []struct {
		class Class
		limit uint32
		frame int
	}{{ClassData, DataFrameSize, 16}, {ClassMeta, MetaFrameSize, 2}} {
		var chunks []testChunk
		for range 32 {
			kind := chunker.Data
			if c.class == ClassMeta {
				kind = chunker.ListNode
			}
			data := text(r, 16<<10)
			chunks = append(chunks, testChunk{kind.Sum(data), kind, data, nil})
		}
		x, _ := pack(t, WriterOptions{Class: c.class}, chunks)
		if len(x.Frames) != 32/c.frame || x.Frames[0].Raw != c.limit {
			t.Errorf("%v: %d frames, the first of %d bytes", c.class, len(x.Frames), x.Frames[0].Raw)
		}
	}
}

func TestFrameThatDoesNotShrinkIsRaw(t *testing.T) {
	r := generator(4)
	for _, c := range []struct {
		data  []byte
		codec Codec
	}{{randomBytes(r, 5000), CodecRaw}, {text(r, 5000), CodecZstd}, {[]byte{1}, CodecRaw}} {
		x, b := pack(t, WriterOptions{Class: ClassData}, []testChunk{{chunker.Sum(c.data), chunker.Data, c.data, nil}})
		if x.Frames[0].Codec != c.codec {
			t.Errorf("%d bytes are stored as %v, want %v", len(c.data), x.Frames[0].Codec, c.codec)
		}
		if c.codec == CodecRaw && !bytes.Equal(b[HeaderSize:HeaderSize+len(c.data)], c.data) {
			t.Error("raw frame is not the chunk's bytes")
		}
	}
}

func TestSizeIsAnUpperBound(t *testing.T) {
	r := generator(5)
	chunks := nodeChunks(r, 200, 4000)
	o := WriterOptions{Class: ClassMeta, FrameSize: 6000, Workers: 2}
	w := newWriter(t, o)
	raw, sizes := int64(0), []int64(nil)
	for i, c := range chunks {
		add(t, w, []testChunk{c})
		raw += int64(len(c.data))
		if w.Len() != i+1 || w.RawBytes() != raw {
			t.Fatalf("after %d chunks: Len %d, RawBytes %d, want %d", i+1, w.Len(), w.RawBytes(), raw)
		}
		sizes = append(sizes, w.Size())
	}
	for _, n := range []int{1, 2, 50, 200} {
		x, _ := pack(t, o, chunks[:n])
		if sizes[n-1] < x.Size || sizes[n-1] > x.Size+5*6000 {
			t.Errorf("%d chunks: estimated %d bytes, sealed to %d", n, sizes[n-1], x.Size)
		}
	}
	again := newWriter(t, o)
	for i, c := range chunks {
		add(t, again, []testChunk{c})
		if again.Size() != sizes[i] {
			t.Fatal("the estimate depends on timing")
		}
	}
	x, _ := seal(t, w)
	if w.Size() != x.Size {
		t.Errorf("sealed: Size is %d, want %d", w.Size(), x.Size)
	}
}

func TestWriterRefuses(t *testing.T) {
	data, node := []byte("data"), []byte("node")
	dataID, nodeID := chunker.Sum(data), chunker.DirNode.Sum(node)
	for name, c := range map[string]struct {
		class Class
		testChunk
	}{
		"a node among data":            {ClassData, testChunk{nodeID, chunker.DirNode, node, nil}},
		"data among nodes":             {ClassMeta, testChunk{dataID, chunker.Data, data, nil}},
		"an unknown kind":              {ClassMeta, testChunk{nodeID, 9, node, nil}},
		"an empty chunk":               {ClassData, testChunk{chunker.Sum(nil), chunker.Data, nil, nil}},
		"a chunk over the limit":       {ClassData, testChunk{dataID, chunker.Data, make([]byte, ChunkMax+1), nil}},
		"data with dependencies":       {ClassData, testChunk{dataID, chunker.Data, data, []chunker.ID{nodeID}}},
		"more than the index may list": {ClassMeta, testChunk{nodeID, chunker.DirNode, node, make([]chunker.ID, IndexMax/depPrefixSize)}},
	} {
		w := newWriter(t, WriterOptions{Class: c.class})
		if err := w.Add(c.id, c.kind, c.data, c.deps); err == nil {
			t.Errorf("%s is accepted", name)
		}
		if w.Len() != 0 || w.RawBytes() != 0 {
			t.Errorf("%s: refused, but counted", name)
		}
		if _, err := w.Seal(); !errors.Is(err, ErrEmpty) {
			t.Errorf("%s: Seal = %v, want ErrEmpty", name, err)
		}
		w.Abort()
	}
}

func TestBadOptionsAreRefused(t *testing.T) {
	for _, o := range []WriterOptions{
		{}, {Class: 3}, {Class: ClassData, FrameSize: -1}, {Class: ClassData, FrameSize: ChunkMax + 1},
		{Class: ClassData, Workers: -1}, {Class: ClassData, Level: 99},
		{Class: ClassData, Nonce: func() (n [16]byte, err error) { return n, errors.New("no entropy") }},
	} {
		if _, err := NewWriter(o); err == nil {
			t.Errorf("%+v is accepted", o)
		}
	}
}

func TestSpentWriterNeedsReset(t *testing.T) {
	chunks := dataChunks(generator(6), 20, 500)
	for name, end := range map[string]func(w *Writer){
		"seal":  func(w *Writer) { seal(t, w) },
		"abort": func(w *Writer) { w.Abort() },
	} {
		w := newWriter(t, WriterOptions{Class: ClassData, FrameSize: 600})
		add(t, w, chunks)
		end(w)
		if err := w.Add(chunks[0].id, chunks[0].kind, chunks[0].data, nil); !errors.Is(err, ErrSpent) {
			t.Errorf("%s, then Add: %v, want ErrSpent", name, err)
		}
		if _, err := w.Seal(); !errors.Is(err, ErrSpent) {
			t.Errorf("%s, then Seal: %v, want ErrSpent", name, err)
		}
		if err := w.Reset(); err != nil {
			t.Fatal(err)
		}
		add(t, w, chunks[:1])
		if x, _ := seal(t, w); len(x.Entries) != 1 {
			t.Errorf("%s, then Reset: the next pack has %d chunks, want 1", name, len(x.Entries))
		}
	}
}

func TestAbortLeavesWhatIsSealed(t *testing.T) {
	w := newWriter(t, WriterOptions{Class: ClassData})
	add(t, w, dataChunks(generator(6), 20, 500))
	s, err := w.Seal()
	if err != nil {
		t.Fatal(err)
	}
	w.Abort()
	var b bytes.Buffer
	if n, err := b.ReadFrom(s.Body()); err != nil || n != s.Index.Size || ID(blake3.Sum256(b.Bytes())) != s.Index.ID {
		t.Fatalf("body after Abort: %d bytes, %v", n, err)
	}
}

func TestSteadyStateAllocatesIndexOnly(t *testing.T) {
	chunks := dataChunks(generator(8), 1000, 500)
	w := newWriter(t, WriterOptions{Class: ClassData, Workers: 1})
	perPack := testing.AllocsPerRun(5, func() {
		if err := w.Reset(); err != nil {
			t.Fatal(err)
		}
		add(t, w, chunks)
		if _, err := w.Seal(); err != nil {
			t.Fatal(err)
		}
	})
	if perPack > 60 {
		t.Errorf("a pack of %d chunks takes %.0f allocations", len(chunks), perPack)
	}
}
