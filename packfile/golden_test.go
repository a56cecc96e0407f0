package packfile

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/artifortress/afs-engine/chunker"
)

// goldenPacks are written with -update and must then read the same for ever.
// Never write those of a version again that has been released: add others.
func goldenPacks() map[string]func(t *testing.T) []byte {
	level := zstd.SpeedDefault
	return map[string]func(t *testing.T) []byte{
		"v1-data": func(t *testing.T) []byte {
			r := generator(100)
			chunks := append(dataChunks(r, 9, 900), testChunk{data: text(r, 3000)})
			chunks[9].id = chunker.Sum(chunks[9].data)
			_, b := pack(t, WriterOptions{Class: ClassData, FrameSize: 1500, Level: level}, append(chunks, chunks[0]))
			return b
		},
		"v1-meta": func(t *testing.T) []byte {
			_, b := pack(t, WriterOptions{Class: ClassMeta, FrameSize: 1500, Level: level}, nodeChunks(generator(101), 12, 700))
			return b
		},
		"v1-delta": func(t *testing.T) []byte {
			_, young := goldenFamily()
			w := newWriter(t, WriterOptions{Class: ClassData, FrameSize: 32 << 10, Level: level})
			addDeltas(t, w, goldenBases(), young)
			add(t, w, dataChunks(generator(104), 3, 900))
			_, b := seal(t, w)
			return b
		},
	}
}

// goldenFamily is what the chunks of the delta pack refer to, and the chunks.
func goldenFamily() (old, young []testChunk) { return family(generator(103), 5, 3000) }

func goldenBases() []testChunk {
	old, _ := goldenFamily()
	return old
}

func TestPacksOfEveryVersionOpen(t *testing.T) {
	for name, make := range goldenPacks() {
		t.Run(name, func(t *testing.T) {
			file, dumpFile := filepath.Join("testdata", name+".pack"), filepath.Join("testdata", name+".txt")
			if *update {
				b := make(t)
				writeFile(t, file, b)
				writeFile(t, dumpFile, []byte(dump(t, b)))
			}
			got, want := dump(t, readFile(t, file)), string(readFile(t, dumpFile))
			if got != want {
				t.Fatalf("%s reads as\n%s\nwant\n%s", file, got, want)
			}
		})
	}
}

// A raw frame does not depend on the compressor, so this pack's every byte is
// fixed by the format.
func TestWriterKeepsTheFormat(t *testing.T) {
	r := generator(102)
	chunks := dataChunks(r, 2, 40)[1:] // not compressible
	for range 3 {
		data := randomBytes(r, 30)
		chunks = append(chunks, testChunk{chunker.Sum(data), chunker.Data, data, nil})
	}
	_, b := pack(t, WriterOptions{Class: ClassData, FrameSize: 64}, chunks)
	file := filepath.Join("testdata", "v1-raw.pack")
	if *update {
		writeFile(t, file, b)
	}
	if !bytes.Equal(b, readFile(t, file)) {
		t.Fatalf("the writer's bytes differ from %s:\n%x", file, b)
	}
}

// dump says in words what all of a pack's bytes mean.
func dump(t *testing.T, b []byte) string {
	t.Helper()
	ctx := context.Background()
	id := func() ID { h := chunker.Sum(b); return ID(h) }()
	s := storeWith(t, id, b)
	x, err := ReadIndex(ctx, s, id, -1)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	fmt.Fprintf(&out, "pack %v\nclass %v, domain %d, nonce %x, %d bytes, flags %#x %#x\n", x.ID, x.Class, x.Domain, x.Nonce, x.Size, x.Compat, x.ROCompat)
	for i, f := range x.Frames {
		fmt.Fprintf(&out, "frame %d: at %d, %d bytes as %d, %v, crc %08x, %d entries, extension %d\n", i, f.Offset, f.Raw, f.Stored, f.Codec, f.CRC, f.Entries, f.Extension)
	}
	for i := range x.Frames {
		for _, p := range x.Bases(i) {
			fmt.Fprintf(&out, "frame %d is a delta of %x…\n", i, p)
		}
	}
	if _, err := Scan(ctx, s, id, basesOf(goldenBases()), func(e Entry, data []byte) error {
		fmt.Fprintf(&out, "chunk %v: %v, frame %d, %d bytes at %d, begins %q\n", e.ID, e.Kind, e.Frame, e.Length, e.Offset, data[:min(len(data), 16)])
		for _, d := range e.Deps {
			fmt.Fprintf(&out, "  needs %x…\n", d)
		}
		return nil
	}, func(e *CorruptError) { t.Error(e) }); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func writeFile(t *testing.T, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(name, b, 0o666); err != nil {
		t.Fatal(err)
	}
}
