package commitlog

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zeebo/blake3"

	"github.com/artifortress/afs-engine/backends"
	"github.com/artifortress/afs-engine/packfile"
	"github.com/artifortress/afs-engine/packfile/wire"
)

var update = flag.Bool("update", false, "write the fixtures in testdata anew")

var testTime = time.Date(2026, 11, 21, 12, 0, 0, 123456789, time.UTC)

func clock() time.Time { return testTime }

// writer is a writer's id that tells itself from others.
func writer(n byte) WriterID { return WriterID{0: n, 15: 0xEE} }

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func put(t testing.TB, s backends.Store, key string, b []byte) {
	t.Helper()
	check(t, s.Put(t.Context(), key, bytes.NewReader(b)))
}

func get(t testing.TB, s backends.Store, key string) []byte {
	t.Helper()
	b, err := backends.ReadAll(t.Context(), s, key, 0, -1, 1<<30)
	check(t, err)
	return b
}

// note is a record that stands for any other.
func note(text string) Record { return Record{KindDiscard, AppendField(nil, 1, text)} }

// logOf is a log of groups of one record each.
func logOf(t testing.TB, s backends.Store, w WriterID, texts ...string) *Log {
	t.Helper()
	l := New(s, Position{}, w, clock)
	for _, text := range texts {
		_, err := l.Append(t.Context(), testTime, []Record{note(text)})
		check(t, err)
	}
	return l
}

// replayed is what Replay passes from the start of the log on.
func replayed(t testing.TB, s backends.Store) (groups []*Group, pos Position, err error) {
	t.Helper()
	pos, err = Replay(t.Context(), s, Position{}, func(g *Group, p Position) error {
		if p.Sequence != g.Sequence {
			t.Errorf("group %d leads to position %d", g.Sequence, p.Sequence)
		}
		groups = append(groups, g)
		return nil
	})
	return groups, pos, err
}

// sealed puts the digest behind a body, as a writer of hostile objects would.
func sealed(body []byte) []byte {
	sum := blake3.Sum256(body)
	return append(slices.Clone(body), sum[:]...)
}

// unsealed is what sealed was given.
func unsealed(b []byte) []byte { return slices.Clone(b[:len(b)-digestLen]) }

// sampleGroup has a record of every kind, and one of a kind to come.
func sampleGroup() *Group {
	pack := packfile.ID(bytes.Repeat([]byte{0xAB}, 32))
	body := AppendField(AppendField(AppendField(nil, 1, "go"), 2, "tool"), 3, "1.0")
	return &Group{
		Sequence: 7, Epoch: 3, Nonce: [16]byte{1, 2, 3, 15: 16}, Prev: Digest(bytes.Repeat([]byte{0xCD}, 32)), Time: testTime,
		Records: []Record{
			takeoverRecord(writer(9)),
			PackAdded{ID: pack, Class: packfile.ClassMeta, Size: 123_456_789}.Record(),
			{KindDraft, body},
			{KindDiscard, body},
			{KindPublish, AppendField(slices.Clone(body), 900, "a field to come")},
			{KindTag, AppendField(slices.Clone(body), 11, "stable")},
			{KindTombstone, body},
			Checkpointed{Sequence: 6, Manifest: Digest(bytes.Repeat([]byte{0xEF}, 32))}.Record(),
			{200, nil},
		},
	}
}

// dumpGroup says in words what all of a group's bytes mean.
func dumpGroup(t testing.TB, b []byte) string {
	t.Helper()
	g, d, err := decode(b)
	check(t, err)
	var out strings.Builder
	fmt.Fprintf(&out, "group %d, epoch %d, nonce %x\nafter %x\ntime %s, read-only flags %#x\n", g.Sequence, g.Epoch, g.Nonce, g.Prev, g.Time.UTC().Format(time.RFC3339Nano), g.readOnly)
	for _, r := range g.Records {
		fmt.Fprintf(&out, "record of kind %d\n", r.Kind)
		check(t, ReadFields(r.Body, func(tag uint64, v *wire.Reader) {
			fmt.Fprintf(&out, "  field %d: %q\n", tag, v.Bytes(v.Len()))
		}))
		switch r.Kind {
		case KindTakeover:
			w, err := decodeTakeover(r.Body)
			check(t, err)
			fmt.Fprintf(&out, "  writer %x\n", w)
		case KindPackAdded:
			p, err := DecodePackAdded(r.Body)
			check(t, err)
			fmt.Fprintf(&out, "  %v pack %v, %d bytes\n", p.Class, p.ID, p.Size)
		}
	}
	fmt.Fprintf(&out, "digest %x\n", d)
	return out.String()
}

// fixture returns a file of testdata, with -update after writing it.
func fixture(t testing.TB, name string, b []byte) []byte {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		check(t, os.WriteFile(file, b, 0o666))
	}
	b, err := os.ReadFile(file)
	check(t, err)
	return b
}
