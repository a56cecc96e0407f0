package commitlog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"reflect"
	"runtime"
	"slices"
	"testing"

	"github.com/artifortress/afs-engine/packfile/wire"
)

// Fixtures are written once per version of the format and then read for ever.
func TestLogObjectsOfEveryVersionRead(t *testing.T) {
	b, _, err := encode(sampleGroup())
	check(t, err)
	stored := fixture(t, "v1-group.log", b)
	if got, want := dumpGroup(t, stored), string(fixture(t, "v1-group.txt", []byte(dumpGroup(t, stored)))); got != want {
		t.Fatalf("it reads as\n%s\nwant\n%s", got, want)
	}
	if !bytes.Equal(b, stored) {
		t.Fatalf("the encoder's bytes differ from the fixture:\n%x", b)
	}
}

func TestDecodeReversesEncode(t *testing.T) {
	for name, g := range map[string]*Group{
		"all kinds":     sampleGroup(),
		"empty":         {Sequence: 1, Time: testTime},
		"largest":       {Sequence: math.MaxUint64, Epoch: math.MaxUint64, Time: testTime},
		"before 1970":   {Sequence: 1, Time: testTime.AddDate(-100, 0, 0)},
		"many records":  {Sequence: 1, Time: testTime, Records: slices.Repeat([]Record{{KindTag, []byte{1, 0}}}, RecordsMax)},
		"a large one":   {Sequence: 1, Time: testTime, Records: []Record{{KindTag, make([]byte, 1<<20)}}},
		"newer feature": {Sequence: 1, Time: testTime, readOnly: 5},
	} {
		b, d, err := encode(g)
		check(t, err)
		got, gotDigest, err := decode(b)
		if err != nil || gotDigest != d || !got.Time.Equal(g.Time) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got.Time = g.Time
		if len(got.Records) == 0 {
			got.Records = g.Records
		}
		for i := range got.Records {
			if len(got.Records[i].Body) == 0 {
				got.Records[i].Body = nil
			}
		}
		if !reflect.DeepEqual(got, g) {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}

func TestGroupsOverTheLimitsAreNotWritten(t *testing.T) {
	for name, records := range map[string][]Record{
		"records": make([]Record, RecordsMax+1),
		"bytes":   {{KindTag, make([]byte, GroupMax-headerLen-digestLen)}},
	} {
		if _, _, err := encode(&Group{Sequence: 1, Time: testTime, Records: records}); err == nil {
			t.Errorf("too many %s were encoded", name)
		}
	}
}

func TestEveryFlippedBitOfAGroupIsAnError(t *testing.T) {
	b, _, err := encode(sampleGroup())
	check(t, err)
	for i := range b {
		for bit := range 8 {
			b[i] ^= 1 << bit
			if _, _, err := decode(b); !errors.Is(err, wire.ErrMalformed) {
				t.Fatalf("bit %d of byte %d: %v", bit, i, err)
			}
			b[i] ^= 1 << bit
		}
	}
	for n := range b {
		if _, _, err := decode(b[:n]); !errors.Is(err, wire.ErrMalformed) {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
	}
}

// Of these objects the digest is right: what they say is wrong.
func TestGroupsThatContradictThemselvesAreErrors(t *testing.T) {
	sound, _, err := encode(sampleGroup())
	check(t, err)
	for name, c := range map[string]struct {
		change func(b []byte) []byte
		want   error
	}{
		"magic":                  {func(b []byte) []byte { b[7] = 2; return b }, wire.ErrMalformed},
		"newer format":           {func(b []byte) []byte { b[8] = 2; return b }, ErrUnknown},
		"header length":          {func(b []byte) []byte { b[10] = 111; return b }, wire.ErrMalformed},
		"incompatible feature":   {func(b []byte) []byte { b[99] = 0x80; return b }, ErrUnknown},
		"one record too many":    {func(b []byte) []byte { b[12]++; return b }, wire.ErrMalformed},
		"one record too few":     {func(b []byte) []byte { b[12]--; return b }, wire.ErrMalformed},
		"all records there are":  {func(b []byte) []byte { copy(b[12:], "\xff\xff\xff\xff"); return b }, wire.ErrMalformed},
		"a byte left over":       {func(b []byte) []byte { return append(b, 0) }, wire.ErrMalformed},
		"a record cut short":     {func(b []byte) []byte { return b[:len(b)-1] }, wire.ErrMalformed},
		"a header cut short":     {func(b []byte) []byte { return b[:headerLen-1] }, wire.ErrMalformed},
		"a body of 2^63 bytes":   {func(b []byte) []byte { return append(b[:headerLen+1], hugeLength...) }, wire.ErrMalformed},
		"a length not minimal":   {func(b []byte) []byte { return append(b[:headerLen+1], 0x81, 0x00, 0) }, wire.ErrMalformed},
		"a compatible feature":   {func(b []byte) []byte { b[88] = 1; return b }, nil},
		"a read-only compatible": {func(b []byte) []byte { b[92] = 1; return b }, nil},
	} {
		_, _, err := decode(sealed(c.change(unsealed(sound))))
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

var hugeLength = binary.AppendUvarint(nil, 1<<63)

// allocated is how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestCountsDoNotDecideHowMuchIsAllocated(t *testing.T) {
	b := make([]byte, headerLen)
	copy(b, magic)
	binary.LittleEndian.PutUint16(b[8:], format)
	binary.LittleEndian.PutUint16(b[10:], headerLen)
	binary.LittleEndian.PutUint32(b[12:], RecordsMax)
	b = sealed(b)
	if n := allocated(func() {
		if _, _, err := decode(b); err == nil {
			t.Error("records out of nothing")
		}
	}); n > 64<<10 {
		t.Fatalf("%d bytes allocated for %d", n, len(b))
	}
}

func FuzzDecode(f *testing.F) {
	for _, g := range []*Group{sampleGroup(), {Sequence: 1, Time: testTime}} {
		b, _, err := encode(g)
		check(f, err)
		f.Add(unsealed(b))
	}
	f.Add(make([]byte, headerLen))
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, body []byte) {
		if _, _, err := decode(body); err == nil && len(body) < headerLen+digestLen {
			t.Fatal("too short to be one")
		}
		g, _, err := decode(sealed(body))
		if err != nil {
			return
		}
		again, _, err := encode(g)
		if err != nil {
			t.Fatal(err)
		}
		back, _, err := decode(again)
		if err != nil || !back.Time.Equal(g.Time) {
			t.Fatalf("not read back: %v", err)
		}
		if !reflect.DeepEqual(back.Records, g.Records) || back.Sequence != g.Sequence || back.readOnly != g.readOnly {
			t.Fatalf("read back as %+v, was %+v", back, g)
		}
		for _, r := range g.Records {
			decodeTakeover(r.Body)
			DecodePackAdded(r.Body)
		}
	})
}
