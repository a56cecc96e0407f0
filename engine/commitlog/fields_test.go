package commitlog

import (
	"errors"
	"slices"
	"testing"

	"github.com/artifortress/afs-engine/packfile/wire"
)

type field struct {
	tag   uint64
	value string
}

func fields(body []byte) (all []field, err error) {
	err = ReadFields(body, func(tag uint64, r *wire.Reader) {
		all = append(all, field{tag, string(r.Bytes(r.Len()))})
	})
	return all, err
}

func TestFieldsReadBackInOrder(t *testing.T) {
	b := AppendField(nil, 1, "one")
	b = AppendNumber(b, 2, 1<<40)
	b = AppendField(b, 5, "")
	b = AppendField(b, 5, []byte("a list"))
	b = AppendField(b, 1<<32-1, "last")
	got, err := fields(b)
	want := []field{{1, "one"}, {2, "\x80\x80\x80\x80\x80\x20"}, {5, ""}, {5, "a list"}, {1<<32 - 1, "last"}}
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("%v, %v", got, err)
	}
}

func TestBadFieldsAreErrors(t *testing.T) {
	for name, b := range map[string][]byte{
		"descending tags":  AppendField(AppendField(nil, 2, "b"), 1, "a"),
		"tag too large":    AppendField(nil, 1<<32, "a"),
		"cut short":        AppendField(nil, 1, "abc")[:4],
		"no length":        {1},
		"tag not minimal":  {0x81, 0x00, 0x00},
		"a length of 2^63": append([]byte{1}, hugeLength...),
	} {
		if got, err := fields(b); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func TestWhatAFieldReportsIsReturned(t *testing.T) {
	b := AppendField(AppendField(nil, 1, "bad"), 2, "next")
	calls := 0
	err := ReadFields(b, func(_ uint64, r *wire.Reader) {
		calls++
		r.Failf("not what I want")
	})
	if !errors.Is(err, wire.ErrMalformed) || calls != 1 {
		t.Fatalf("%v after %d fields", err, calls)
	}
}

func FuzzReadFields(f *testing.F) {
	f.Add([]byte{})
	f.Add(AppendField(AppendNumber(nil, 1, 300), 2, "text"))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0x0f, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		all, err := fields(b)
		if err != nil {
			return
		}
		var again []byte
		for _, x := range all {
			again = AppendField(again, x.tag, x.value)
		}
		if string(again) != string(b) {
			t.Fatalf("%x reads and is written as %x", b, again)
		}
	})
}
