package registry

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/artifortress/afs-engine/engine/commitlog"
	"github.com/artifortress/afs-engine/packfile/wire"
)

// Checkpoints hold these rows: their bytes may never change under one schema.
func TestRowsAreWhatTheyHaveAlwaysBeen(t *testing.T) {
	s := newStore()
	s.draft(t, "npm/@scope/pkg@2", 2)
	v := version(t, "npm/@scope/pkg@1", 1)
	v.Labels = map[string]string{"k": "v"}
	check(t, s.apply(PlanPublish(s, v, []string{"latest"}, false)))
	check(t, s.apply(PlanDiscard(s, mustRef(t, "npm/@scope/pkg@2"), "me", "")))
	var out strings.Builder
	for _, k := range slices.Sorted(maps.Keys(s.rows)) {
		fmt.Fprintf(&out, "%x = %x\n", k, s.rows[k])
	}
	if want := fixture(t, "v1-rows.txt", out.String()); out.String() != want {
		t.Fatalf("rows\n%swant\n%s", out.String(), want)
	}
}

func TestVersionsReadBack(t *testing.T) {
	want := version(t, "r/p@1", 5)
	want.Labels = map[string]string{"a": "1", "b": ""}
	want.Incomplete = []string{"x", "y/z"}
	s := newStore()
	check(t, s.apply(PlanPublish(s, want, nil, false)))
	want.State, want.Sequence, want.Time = Published, 1, testTime.Add(1e9)
	if got, err := Find(s, want.Ref); err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("%+v, %v, want %+v", got, err, want)
	}
}

func TestHistoryTellsWhoDidWhatNewestFirst(t *testing.T) {
	s := newStore()
	s.draft(t, "r/p@1", 1)
	s.publish(t, "r/p/sub@1", 9) // another package's
	check(t, s.apply(PlanPublish(s, version(t, "r/p@1", 2), []string{"latest", "x"}, true)))
	s.draft(t, "r/p@2", 3)
	check(t, s.apply(PlanDiscard(s, mustRef(t, "r/p@2"), "someone", "")))
	s.tag(t, "r/p@1", "y")
	var got []string
	check(t, History(s, mustRef(t, "r/p@1"), func(e Event) error {
		root := byte(0)
		if e.Version != nil {
			root = e.Version.Root.Content[0]
		}
		if want := testTime.Add(1e9 * 1); e.Sequence == 1 && !e.Time.Equal(want) {
			t.Errorf("time %s, want %s", e.Time, want)
		}
		got = append(got, fmt.Sprintf("%d %s %s %q %s %d", e.Sequence, e.Kind, e.Ref, e.Target, e.Actor, root))
		return nil
	}))
	want := []string{
		`6 tag r/p@y "1" tagger@here 0`,
		`5 discard r/p@2 "" someone 0`,
		`4 draft r/p@2 "" tester@here 3`,
		`3 tag r/p@x "1" tester@here 0`,
		`3 tag r/p@latest "1" tester@here 0`,
		`3 publish r/p@1 "" tester@here 2`,
		`1 draft r/p@1 "" tester@here 1`,
	}
	if !slices.Equal(got, want) {
		t.Fatalf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestRecordsOfOthersAreIgnored(t *testing.T) {
	s := newStore()
	for _, k := range []commitlog.Kind{commitlog.KindTakeover, commitlog.KindPackAdded, commitlog.KindCheckpoint, 200} {
		check(t, Apply(s, commitlog.Record{Kind: k, Body: []byte("not the registry's")}, 1, 0, testTime))
	}
	if len(s.rows) != 0 {
		t.Fatalf("%d rows", len(s.rows))
	}
}

func TestBadRowsAreErrors(t *testing.T) {
	v := version(t, "r/p@1", 1)
	v.State = Published
	good := encodeVersion(v)
	for name, b := range map[string][]byte{
		"nothing":       {},
		"state only":    {byte(Published)},
		"header only":   good[:17],
		"unknown state": append([]byte{9}, good[1:]...),
		"cut short":     good[:len(good)-1],
		"tag of none":   {rowTag},
		"tag of a path": append([]byte{rowTag}, "a/b"...),
	} {
		if x, err := decodeRow(b); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: %+v, %v", name, x, err)
		}
		s := newStore()
		check(t, s.Set(nameKey(v.Ref), b))
		if _, err := Find(s, v.Ref); err == nil {
			t.Errorf("%s was found", name)
		}
	}
	event := append(make([]byte, 8), byte(commitlog.KindPublish))
	event = append(event, changeOf(v).encode()...)
	key := make([]byte, 12)
	if _, err := decodeEvent(key, event); err != nil {
		t.Fatal(err)
	}
	unknown := slices.Clone(event)
	unknown[8] = byte(commitlog.KindPackAdded)
	for name, x := range map[string][2][]byte{
		"short key": {key[:11], event}, "long key": {append(slices.Clone(key), 0), event},
		"short time": {key, event[:7]}, "no kind": {key, event[:8]}, "no body": {key, event[:9]}, "unknown kind": {key, unknown},
	} {
		if e, err := decodeEvent(x[0], x[1]); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("history, %s: %+v, %v", name, e, err)
		}
	}
	s := newStore()
	check(t, s.Set([]byte("nno separator"), good))
	if err := ListNames(s, "", func(Name) error { return nil }); err == nil {
		t.Error("a key without separators was listed")
	}
}

// A tag may come to point at nothing only by damage, and then it is an error
// of that tag.
func TestADanglingTagIsNotFound(t *testing.T) {
	s := newStore()
	check(t, s.Set(nameKey(mustRef(t, "r/p@a")), append([]byte{rowTag}, "b"...)))
	check(t, s.Set(nameKey(mustRef(t, "r/p@b")), append([]byte{rowTag}, "a"...)))
	_, err := Find(s, mustRef(t, "r/p@a"))
	wantIs(t, "two tags in a circle", err, ErrNotFound)
}

func FuzzRows(f *testing.F) {
	v := version(f, "r/p@1", 1)
	v.State = Published
	f.Add([]byte("key of 12 by"), encodeVersion(v))
	f.Add([]byte{}, append([]byte{rowTag}, "1.0"...))
	f.Add(make([]byte, 12), append(append(make([]byte, 8), byte(commitlog.KindTag)), changeOf(v).encode()...))
	f.Fuzz(func(t *testing.T, key, value []byte) {
		x, err := decodeRow(value)
		if err == nil && (x.version == nil) == (x.tag == "") {
			t.Fatalf("neither version nor tag: %+v", x)
		}
		if err == nil && x.version != nil {
			again, err := decodeRow(encodeVersion(x.version))
			if err != nil || again.version.Ref != x.version.Ref || again.version.State != x.version.State {
				t.Fatalf("%+v is read back as %+v, %v", x.version, again.version, err)
			}
		}
		decodeEvent(key, value)

		s := newStore()
		s.rows[string(append([]byte{tableName}, key...))] = value
		ListNames(s, "", func(Name) error { return nil })
		ListVersions(s, "", Published, func(*Version) error { return nil })
	})
}
