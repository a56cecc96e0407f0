package commitlog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/zeebo/blake3"

	"github.com/artifortress/afs-engine/backends"
	"github.com/artifortress/afs-engine/backends/fault"
	"github.com/artifortress/afs-engine/backends/mem"
	"github.com/artifortress/afs-engine/packfile/wire"
)

type row struct{ key, value string }

var samplePosition = Position{Sequence: 42, Digest: Digest(bytes.Repeat([]byte{0xCD}, 32)), Epoch: 3, Writer: writer(9)}

func sampleRows() []row {
	var rows []row
	for i := range 20 {
		rows = append(rows, row{fmt.Sprintf("key %02d", i), strings.Repeat("value ", i)})
	}
	return append(rows, row{"", ""}, row{"no value", ""})
}

func feed(rows []row) func(func(k, v []byte) error) error {
	return func(fn func(k, v []byte) error) error {
		for _, r := range rows {
			if err := fn([]byte(r.key), []byte(r.value)); err != nil {
				return err
			}
		}
		return nil
	}
}

// readBack is a checkpoint and its rows.
func readBack(t testing.TB, s backends.Store, seq uint64) (c *Checkpoint, rows []row, err error) {
	t.Helper()
	c, err = ReadCheckpoint(t.Context(), s, seq, func(k, v []byte) error {
		rows = append(rows, row{string(k), string(v)})
		return nil
	})
	return c, rows, err
}

func checkpointed(t testing.TB, s backends.Store, pos Position, rows []row) *Checkpoint {
	t.Helper()
	c, err := WriteCheckpoint(t.Context(), s, pos, feed(rows))
	check(t, err)
	return c
}

func TestCheckpointsOfEveryVersionRead(t *testing.T) {
	written := mem.New()
	checkpointed(t, written, samplePosition, sampleRows())
	s := mem.New()
	for _, name := range []string{"manifest", "part-00000000"} {
		key := checkpointKey(42, name)
		put(t, s, key, fixture(t, "v1-checkpoint-"+name, get(t, written, key)))
	}
	c, rows, err := readBack(t, s, 42)
	check(t, err)
	if c.Position != samplePosition || c.Rows != uint64(len(rows)) || !slices.Equal(rows, sampleRows()) {
		t.Fatalf("%+v with %q", c, rows)
	}
	// Parts depend on the compressor; the manifest's own fields do not.
	if b := get(t, written, checkpointKey(42, "manifest")); !bytes.Equal(b[:checkpointHeader], get(t, s, checkpointKey(42, "manifest"))[:checkpointHeader]) {
		t.Fatalf("the writer's header differs from the fixture: %x", b)
	}
}

func TestCheckpointsReadBack(t *testing.T) {
	large := []row{}
	for i := range 40 {
		large = append(large, row{fmt.Sprint("row ", i), strings.Repeat(fmt.Sprint(i), 200<<10)})
	}
	withFlags := samplePosition
	withFlags.ReadOnly = 1 << 31
	for name, c := range map[string]struct {
		pos  Position
		rows []row
	}{
		"none":        {samplePosition, nil},
		"some":        {samplePosition, sampleRows()},
		"many parts":  {samplePosition, large},
		"large row":   {samplePosition, []row{{"k", strings.Repeat("v", partRaw+partRaw/2)}, {"l", "w"}}},
		"newer store": {withFlags, sampleRows()},
	} {
		s := mem.New()
		wrote := checkpointed(t, s, c.pos, c.rows)
		got, rows, err := readBack(t, s, 42)
		if err != nil || got.Position != c.pos || got.Digest != wrote.Digest || !slices.Equal(rows, c.rows) {
			t.Errorf("%s: %d of %d rows, %v", name, len(rows), len(c.rows), err)
		}
		if seqs, err := Checkpoints(t.Context(), s); err != nil || !slices.Equal(seqs, []uint64{42}) {
			t.Errorf("%s: listed as %v, %v", name, seqs, err)
		}
		if name == "many parts" && len(got.parts) < 3 {
			t.Errorf("%d parts", len(got.parts))
		}
	}
}

func TestRowsThatNoReaderWouldAcceptAreNotWritten(t *testing.T) {
	s := mem.New()
	_, err := WriteCheckpoint(t.Context(), s, samplePosition, feed([]row{{"k", strings.Repeat("v", partMax)}}))
	if err == nil {
		t.Fatal("a part over the limit was written")
	}
	if seqs, err := Checkpoints(t.Context(), s); err != nil || len(seqs) != 0 {
		t.Fatalf("%v, %v", seqs, err)
	}
}

func TestACheckpointCountsOnlyOnceItsManifestIsThere(t *testing.T) {
	for _, failAt := range []string{"part-00000000", "manifest"} {
		inner := mem.New()
		s := fault.New(inner, fault.Rule{Op: fault.Put, Prefix: checkpointKey(42, failAt), Do: fault.Fail(errLost)})
		if _, err := WriteCheckpoint(t.Context(), s, samplePosition, feed(sampleRows())); !errors.Is(err, errLost) {
			t.Fatal(err)
		}
		if seqs, err := Checkpoints(t.Context(), inner); err != nil || len(seqs) != 0 {
			t.Fatalf("listed as %v, %v", seqs, err)
		}
		// The next attempt replaces what the first has left.
		checkpointed(t, inner, samplePosition, sampleRows()[:3])
		if _, rows, err := readBack(t, inner, 42); err != nil || len(rows) != 3 {
			t.Fatalf("%d rows, %v", len(rows), err)
		}
	}
}

func TestNoRowsNoCheckpoint(t *testing.T) {
	s := mem.New()
	_, err := WriteCheckpoint(t.Context(), s, samplePosition, func(func(k, v []byte) error) error { return errLost })
	if !errors.Is(err, errLost) {
		t.Fatal(err)
	}
	if seqs, err := Checkpoints(t.Context(), s); err != nil || len(seqs) != 0 {
		t.Fatalf("%v, %v", seqs, err)
	}
}

func TestCheckpointsAreListedNewestFirst(t *testing.T) {
	s := mem.New()
	for _, seq := range []uint64{3, 1 << 40, 20} {
		checkpointed(t, s, Position{Sequence: seq}, nil)
	}
	for _, key := range []string{"checkpoints/5/manifest", checkpointKey(6, "part-00000000"), checkpointKey(7, "manifest.tmp"), "checkpoints/x/manifest"} {
		put(t, s, key, nil)
	}
	if seqs, err := Checkpoints(t.Context(), s); err != nil || !slices.Equal(seqs, []uint64{1 << 40, 20, 3}) {
		t.Fatalf("%v, %v", seqs, err)
	}
}

func TestEveryFlippedByteOfACheckpointIsAnError(t *testing.T) {
	inner := mem.New()
	checkpointed(t, inner, samplePosition, sampleRows())
	for _, name := range []string{"manifest", "part-00000000"} {
		key := checkpointKey(42, name)
		size := len(get(t, inner, key))
		for i := range size {
			s := fault.New(inner, fault.Rule{Op: fault.Get, Prefix: key, Do: fault.Flip(int64(i))})
			if _, _, err := readBack(t, s, 42); !errors.Is(err, wire.ErrMalformed) {
				t.Fatalf("byte %d of %s: %v", i, name, err)
			}
		}
	}
}

func TestACheckpointThatLostPiecesIsAnError(t *testing.T) {
	for name, c := range map[string]struct {
		change func(s *mem.Store)
		want   error
	}{
		"part gone":     {func(s *mem.Store) { check(t, s.Delete(t.Context(), checkpointKey(42, "part-00000000"))) }, backends.ErrNotExist},
		"manifest gone": {func(s *mem.Store) { check(t, s.Delete(t.Context(), checkpointKey(42, "manifest"))) }, backends.ErrNotExist},
		"part cut short": {func(s *mem.Store) {
			key := checkpointKey(42, "part-00000000")
			b := get(t, s, key)
			check(t, s.Delete(t.Context(), key))
			put(t, s, key, b[:len(b)-1])
		}, wire.ErrMalformed},
		"another checkpoint's part": {func(s *mem.Store) {
			rows := sampleRows()
			rows[len(rows)-1].key = "NO VALUE"
			other := mem.New()
			checkpointed(t, other, samplePosition, rows)
			key := checkpointKey(42, "part-00000000")
			if a, b := get(t, s, key), get(t, other, key); len(a) != len(b) {
				t.Fatalf("%d bytes and %d: this test wants parts of one length", len(a), len(b))
			}
			check(t, s.Delete(t.Context(), key))
			put(t, s, key, get(t, other, key))
		}, wire.ErrMalformed},
		"of another sequence": {func(s *mem.Store) {
			b := get(t, s, checkpointKey(42, "manifest"))
			check(t, s.Delete(t.Context(), checkpointKey(42, "manifest")))
			put(t, s, checkpointKey(43, "manifest"), b)
		}, wire.ErrMalformed},
	} {
		s := mem.New()
		checkpointed(t, s, samplePosition, sampleRows())
		c.change(s)
		seq := uint64(42)
		if name == "of another sequence" {
			seq = 43
		}
		if _, _, err := readBack(t, s, seq); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestReadCheckpointPassesErrorsOn(t *testing.T) {
	s := mem.New()
	checkpointed(t, s, samplePosition, sampleRows())
	if _, err := ReadCheckpoint(t.Context(), s, 42, func(_, _ []byte) error { return errLost }); !errors.Is(err, errLost) {
		t.Fatal(err)
	}
}

// Of these manifests the digest is right: what they say is wrong.
func TestManifestsThatContradictThemselvesAreErrors(t *testing.T) {
	c := &Checkpoint{Position: samplePosition, Rows: 1, parts: []part{{10, 20, Digest{1}}}}
	for name, x := range map[string]struct {
		change func(b []byte) []byte
		want   error
	}{
		"unchanged":            {func(b []byte) []byte { return b }, nil},
		"magic":                {func(b []byte) []byte { b[0] = 'X'; return b }, wire.ErrMalformed},
		"newer format":         {func(b []byte) []byte { b[8] = 2; return b }, ErrUnknown},
		"incompatible feature": {func(b []byte) []byte { b[88] = 1; return b }, ErrUnknown},
		"a part too many":      {func(b []byte) []byte { b[12]++; return b }, wire.ErrMalformed},
		"parts without end":    {func(b []byte) []byte { copy(b[12:], "\xff\xff\xff\xff"); return b }, wire.ErrMalformed},
		"a byte left over":     {func(b []byte) []byte { return append(b, 0) }, wire.ErrMalformed},
		"a large stored part":  {func(b []byte) []byte { binary.LittleEndian.PutUint32(b[96:], partMax+1); return b }, wire.ErrMalformed},
		"a large raw part":     {func(b []byte) []byte { binary.LittleEndian.PutUint32(b[100:], partMax+1); return b }, wire.ErrMalformed},
		"cut short":            {func(b []byte) []byte { return b[:95] }, wire.ErrMalformed},
	} {
		if _, err := decodeCheckpoint(sealed(x.change(unsealed(c.encode())))); !errors.Is(err, x.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// hostile is a store with a checkpoint of one part whose digests are right.
func hostile(t testing.TB, stored []byte, raw uint32, rows uint64) *mem.Store {
	t.Helper()
	s := mem.New()
	c := &Checkpoint{Position: samplePosition, Rows: rows, parts: []part{{uint32(len(stored)), raw, blake3.Sum256(stored)}}}
	put(t, s, checkpointKey(42, partName(0)), stored)
	put(t, s, checkpointKey(42, "manifest"), c.encode())
	return s
}

func compressed(t testing.TB, raw []byte) []byte {
	t.Helper()
	enc, err := zstd.NewWriter(nil, zstd.WithSingleSegment(true))
	check(t, err)
	defer enc.Close()
	return enc.EncodeAll(raw, nil)
}

func TestPartsThatContradictTheManifestAreErrors(t *testing.T) {
	rows := wire.AppendCounted(wire.AppendCounted(nil, "key"), "value")
	n := uint32(len(rows))
	for name, c := range map[string]struct {
		stored []byte
		raw    uint32
		rows   uint64
		want   error
	}{
		"unchanged":            {compressed(t, rows), n, 1, nil},
		"more bytes":           {compressed(t, rows), n - 1, 1, wire.ErrMalformed},
		"fewer bytes":          {compressed(t, rows), n + 1, 1, wire.ErrMalformed},
		"more rows":            {compressed(t, rows), n, 0, wire.ErrMalformed},
		"fewer rows":           {compressed(t, rows), n, 2, wire.ErrMalformed},
		"a row cut short":      {compressed(t, rows[:n-1]), n - 1, 1, wire.ErrMalformed},
		"a key without value":  {compressed(t, rows[:4]), 4, 1, wire.ErrMalformed},
		"a length of 2^63":     {compressed(t, hugeLength), uint32(len(hugeLength)), 1, wire.ErrMalformed},
		"bytes not compressed": {rows, n, 1, wire.ErrMalformed},
		"nothing":              {nil, 0, 0, wire.ErrMalformed},
	} {
		if _, _, err := readBack(t, hostile(t, c.stored, c.raw, c.rows), 42); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A few kilobytes that decode to 256 MiB, with and without saying so first.
func TestADecompressionBombIsRefusedCheaply(t *testing.T) {
	const bombSize = 256 << 20
	zeros := make([]byte, 1<<20)
	stream := func(o ...zstd.EOption) []byte {
		var b bytes.Buffer
		enc, err := zstd.NewWriter(&b, o...)
		check(t, err)
		if len(o) > 0 {
			enc.ResetContentSize(&b, bombSize)
		}
		for range bombSize / len(zeros) {
			_, err := enc.Write(zeros)
			check(t, err)
		}
		check(t, enc.Close())
		return b.Bytes()
	}
	for name, bomb := range map[string][]byte{"silent": stream(), "honest": stream(zstd.WithSingleSegment(true))} {
		for _, raw := range []uint32{0, 100, partMax} {
			s := hostile(t, bomb, raw, 1)
			defer debug.SetGCPercent(debug.SetGCPercent(-1))
			n := allocated(func() {
				if _, _, err := readBack(t, s, 42); !errors.Is(err, wire.ErrMalformed) {
					t.Errorf("%s bomb: %v", name, err)
				}
			})
			if limit := uint64(raw) + 2<<20; n > limit {
				t.Errorf("%s bomb of %d bytes, said to be %d: %d bytes allocated", name, len(bomb), raw, n)
			}
		}
	}
}

func FuzzDecodeCheckpoint(f *testing.F) {
	c := &Checkpoint{Position: samplePosition, Rows: 5, parts: []part{{10, 20, Digest{1}}, {30, 40, Digest{2}}}}
	f.Add(unsealed(c.encode()))
	f.Add(make([]byte, checkpointHeader))
	f.Fuzz(func(t *testing.T, body []byte) {
		c, err := decodeCheckpoint(sealed(body))
		if err != nil {
			return
		}
		again, err := decodeCheckpoint(c.encode())
		if err != nil || again.Position != c.Position || again.Rows != c.Rows || !slices.Equal(again.parts, c.parts) {
			t.Fatalf("%+v is read back as %+v, %v", c, again, err)
		}
	})
}

// FuzzReadPart takes what the manifest vouches for, and then the rows in it.
func FuzzReadPart(f *testing.F) {
	rows := wire.AppendCounted(wire.AppendCounted(nil, "key"), "value")
	f.Add(compressed(f, rows), uint32(len(rows)), uint64(1))
	f.Add(compressed(f, make([]byte, 5000)), uint32(5000), uint64(2500))
	f.Add([]byte{}, uint32(0), uint64(0))
	f.Fuzz(func(t *testing.T, stored []byte, raw uint32, rows uint64) {
		raw %= 1 << 20
		total := 0
		c, err := ReadCheckpoint(t.Context(), hostile(t, stored, raw, rows), 42, func(k, v []byte) error {
			total += len(k) + len(v)
			return nil
		})
		if total > int(raw) {
			t.Fatalf("%d bytes of rows out of %d", total, raw)
		}
		if (err == nil) != (c != nil) {
			t.Fatalf("%+v, %v", c, err)
		}
	})
}
