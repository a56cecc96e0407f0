package known

import (
	"bytes"
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/engine/source"
)

// identity is of a file of size bytes that was touched when the tests' time
// begins.
func identity(path string, size int64) source.Identity {
	return source.Identity{Path: path, Dev: 3, Ino: 4, Size: size, MTime: epoch.Add(-time.Hour), CTime: epoch}
}

var epoch = time.Date(2026, 11, 21, 12, 0, 0, 123456789, time.UTC)

// small is a file of one chunk.
func small(n byte) File {
	return File{Size: 100, Chunks: 1, Content: manifest.Content{Segments: []manifest.Segment{{ID: chunker.ID{n, 1}, Length: 100}}}}
}

var samples = map[string]File{
	"empty": {},
	"small": small(1),
	"zeros": {Size: 1 << 40, Content: manifest.Content{Segments: []manifest.Segment{{Length: 1 << 40}}}},
	"mixed": {Size: 30, Chunks: 2, Content: manifest.Content{Segments: []manifest.Segment{
		{ID: chunker.ID{1}, Length: 10}, {Length: 5}, {ID: chunker.ID{2}, Length: 15}}}},
	"large": {Size: 1 << 50, Chunks: 1000, Content: manifest.Content{List: chunker.ID{7}, Count: 1001}},
}

func TestRowsComeBack(t *testing.T) {
	for name, f := range samples {
		for _, mtime := range []time.Time{epoch, time.Unix(-1e10, 999_999_999), time.Unix(1<<40, 0), {}} {
			want := identity("", f.Size)
			want.MTime, want.Dev, want.Ino = mtime, math.MaxUint64, 1
			row := encodeRow(want, f)
			got, back, ok := decodeRow(row)
			if !ok || !Stat.agree(got, want) || !reflect.DeepEqual(back, f) {
				t.Errorf("%s: %+v %+v %v", name, got, back, ok)
			}
			for n := range row {
				if _, _, ok := decodeRow(row[:n]); ok {
					t.Errorf("%s: %d bytes of %d are a row", name, n, len(row))
				}
			}
			if _, _, ok := decodeRow(append(row, 0)); ok {
				t.Errorf("%s: with a byte too many it is a row", name)
			}
		}
	}
}

func TestRowsThatCannotBeAreNone(t *testing.T) {
	seg := func(n int64) manifest.Segment { return manifest.Segment{ID: chunker.ID{1}, Length: n} }
	content := func(s ...manifest.Segment) manifest.Content { return manifest.Content{Segments: s} }
	for name, f := range map[string]File{
		"bytes missing":        {Size: 10, Content: content(seg(9))},
		"bytes too many":       {Size: 10, Content: content(seg(11))},
		"an empty segment":     {Size: 10, Content: content(seg(0), seg(10))},
		"a huge chunk":         {Size: chunker.MaxSize + 1, Content: content(seg(chunker.MaxSize + 1))},
		"a negative size":      {Size: -1},
		"too many chunks":      {Size: 10, Chunks: 2, Content: content(seg(10))},
		"too many segments":    {Size: 17, Content: content(append(make([]manifest.Segment, 0), seg(1), seg(1), seg(1), seg(1), seg(1), seg(1), seg(1), seg(1), seg(1), seg(1), seg(1), seg(1), seg(1), seg(1), seg(1), seg(1), seg(1))...)},
		"a short list":         {Size: 100, Content: manifest.Content{List: chunker.ID{1}, Count: manifest.InlineSegments}},
		"a list of no bytes":   {Size: 100, Content: manifest.Content{List: chunker.ID{1}, Count: 101}},
		"a list without an id": {Size: 100, Content: manifest.Content{Count: 50}},
	} {
		if _, got, ok := decodeRow(encodeRow(source.Identity{}, f)); ok {
			t.Errorf("%s: %+v", name, got)
		}
	}
	other := encodeRow(identity("", 100), small(1))
	other[0] = form + 1
	if _, _, ok := decodeRow(other); ok {
		t.Error("a row of another form was read")
	}
}

func TestGenerationsComeBack(t *testing.T) {
	want := generation{number: 7, began: time.Unix(-5, 0), rows: 1 << 40}
	if got, ok := decodeGeneration(want.encode()); !ok || got != want {
		t.Errorf("%+v, %v", got, ok)
	}
	for _, g := range []generation{{}, {number: 1, rows: -1}} {
		if got, ok := decodeGeneration(g.encode()); ok {
			t.Errorf("%+v was read as %+v", g, got)
		}
	}
}

func FuzzRow(f *testing.F) {
	for _, s := range samples {
		f.Add(encodeRow(identity("", s.Size), s))
	}
	f.Add(generation{number: 1}.encode())
	f.Fuzz(func(t *testing.T, v []byte) {
		if g, ok := decodeGeneration(v); ok && !bytes.Equal(g.encode(), v) {
			t.Fatalf("%x is read as %+v", v, g)
		}
		id, file, ok := decodeRow(v)
		if !ok {
			return
		}
		sum := int64(0)
		for _, s := range file.Content.Segments {
			sum += s.Length
		}
		if sum != file.Size && file.Content.List.IsZero() || id.Size != file.Size || file.Chunks < 0 {
			t.Fatalf("%+v %+v", id, file)
		}
		again, back, ok := decodeRow(encodeRow(id, file))
		if !ok || !Stat.agree(again, id) || !reflect.DeepEqual(back, file) {
			t.Fatalf("%+v %+v became %+v %+v %v", id, file, again, back, ok)
		}
	})
}
