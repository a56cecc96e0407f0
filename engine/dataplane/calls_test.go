package dataplane

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine/known"
	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/engine/registry"
	"github.com/artifortress/afs-engine/engine/source"
	"github.com/artifortress/afs-engine/index"
	"github.com/artifortress/afs-engine/packfile"
)

const notUTF8 = "caf\xe9/\xff\x00"

func idsOf(n int) []chunker.ID {
	ids := make([]chunker.ID, n)
	for i := range ids {
		ids[i] = chunker.ID{byte(i), byte(i >> 8), 0xff}
	}
	return ids
}

func manyFrames(n int) []FrameID {
	frames := make([]FrameID, n)
	for i := range frames {
		frames[i] = FrameID{uint32(i), math.MaxUint32}
	}
	return frames
}

// sometime is given to the nanosecond, far from what UnixNano can say.
var sometime = time.Date(2999, 12, 31, 23, 59, 59, 123456789, time.FixedZone("here", 3600))

var someFile = source.Identity{
	Path: "/" + notUTF8, Dev: math.MaxUint64, Ino: 2, Size: math.MaxInt64,
	MTime: time.Unix(1<<40, 999999999), CTime: time.Unix(-1<<40, 1),
}

var someLearnt = []LearntFile{
	{ID: someFile, File: known.File{Size: 1, Chunks: 2, Content: manifest.Content{List: chunker.ID{3}, Count: 4}}, Began: sometime},
	{File: known.File{Size: 12, Chunks: 1, Content: manifest.Content{Segments: []manifest.Segment{{ID: chunker.ID{1}, Length: 5}, {Length: 7}}}}},
	{},
}

func someVersion(ref registry.Ref) *registry.Version {
	return &registry.Version{
		Ref: ref, State: registry.Published, Root: manifest.Root{Content: chunker.ID{1}, Attrs: chunker.ID{2}},
		Summary: manifest.Summary{Entries: 1, Subdirs: 2, Files: 3, Bytes: 4}, Time: sometime,
		Labels: map[string]string{notUTF8: notUTF8, "": ""}, Actor: notUTF8, Client: "c/1",
		Incomplete: []string{notUTF8, ""}, Sequence: math.MaxUint64,
	}
}

func ref(s string) registry.Ref {
	r, err := registry.ParseRef(s)
	if err != nil {
		panic(err)
	}
	return r
}

// asked are calls, each answering in words what came of it.
var asked = []struct {
	name string
	call func(context.Context, Service) (string, error)
}{
	{"has", func(ctx context.Context, s Service) (string, error) { return has(ctx, s, 3) }},
	{"has of nothing", func(ctx context.Context, s Service) (string, error) { return has(ctx, s, 0) }},
	{"has of all that a call may have", func(ctx context.Context, s Service) (string, error) { return has(ctx, s, IDsMax) }},
	{"lookup", func(ctx context.Context, s Service) (string, error) {
		found := make([]Place, IDsMax)
		err := s.Lookup(ctx, idsOf(IDsMax), found)
		return fmt.Sprint(found), err
	}},
	{"frames", func(ctx context.Context, s Service) (string, error) {
		places := make([]FramePlace, IDsMax)
		err := s.Frames(ctx, manyFrames(IDsMax), places)
		return fmt.Sprint(places), err
	}},
	{"get", func(ctx context.Context, s Service) (string, error) {
		v, ok, err := s.Get(ctx, []byte(notUTF8))
		return fmt.Sprint(v, ok), err
	}},
	{"get of nothing", func(ctx context.Context, s Service) (string, error) {
		v, ok, err := s.Get(ctx, nil)
		return fmt.Sprint(v, ok), err
	}},
	{"page", func(ctx context.Context, s Service) (string, error) {
		rows, more, err := s.Page(ctx, []byte(notUTF8), bytes.Repeat([]byte{7}, PageMax), 11)
		return fmt.Sprint(rows, more), err
	}},
	{"known", func(ctx context.Context, s Service) (string, error) {
		return knows(ctx, s, someFile, source.Identity{}, source.Identity{Path: "/a", Size: -1}, someFile)
	}},
	{"known of nothing", func(ctx context.Context, s Service) (string, error) { return knows(ctx, s) }},
	{"known of all that a call may have", func(ctx context.Context, s Service) (string, error) {
		return knows(ctx, s, make([]source.Identity, FilesMax)...)
	}},
	{"learn", func(ctx context.Context, s Service) (string, error) {
		return "", s.Learn(ctx, someLearnt)
	}},
	{"learn nothing", func(ctx context.Context, s Service) (string, error) { return "", s.Learn(ctx, nil) }},
	{"renew", func(ctx context.Context, s Service) (string, error) {
		return "", s.Renew(ctx, index.SessionID{1, 0xff}, os.Getpid())
	}},
	{"end", func(ctx context.Context, s Service) (string, error) { return "", s.End(ctx, index.SessionID{2}) }},
	{"commit", func(ctx context.Context, s Service) (string, error) { return commit(ctx, s, someGroup()) }},
	{"commit nothing", func(ctx context.Context, s Service) (string, error) { return commit(ctx, s, &Group{}) }},
	{"state", func(ctx context.Context, s Service) (string, error) {
		st, err := s.State(ctx)
		return fmt.Sprint(st), err
	}},
	{"packs", func(ctx context.Context, s Service) (string, error) {
		packs, more, err := s.Packs(ctx, math.MaxUint32)
		return fmt.Sprint(packs, more), err
	}},
	{"rebuild", func(ctx context.Context, s Service) (string, error) {
		r, err := s.Rebuild(ctx)
		return fmt.Sprint(r), err
	}},
}

func has(ctx context.Context, s Service, n int) (string, error) {
	have := make([]bool, n)
	err := s.Has(ctx, idsOf(n), have)
	return fmt.Sprint(have), err
}

func knows(ctx context.Context, s Service, ids ...source.Identity) (string, error) {
	found := make([]KnownFile, len(ids))
	err := s.Known(ctx, ids, known.MTimeSize, true, found)
	return fmt.Sprint(found), err
}

func someGroup() *Group {
	r := ref("r/p@1")
	return &Group{
		Packs: []Pack{{ID: packfile.ID{1}, Size: math.MaxInt64, Index: new(packfile.Index)}, {}},
		Transitions: []Transition{
			{Kind: Publish, Ref: r, Actor: notUTF8, Client: "c", Version: someVersion(r), Tags: []string{"a", "b"}, Again: true},
			{Kind: Draft, Ref: r, Version: someVersion(r), Base: math.MaxUint64, Adding: true},
			{Kind: PublishDraft, Ref: r, Labels: map[string]string{notUTF8: notUTF8}},
			{Kind: Discard, Ref: r}, {Kind: Tag, Ref: r, Tags: []string{"t"}},
		},
	}
}

func commit(ctx context.Context, s Service, g *Group) (text string, err error) {
	all, err := s.Commit(ctx, g)
	for _, o := range all {
		text += fmt.Sprintf("%s %v %t;", o.State, o.Err, errors.Is(o.Err, errNamed))
		if o.Version != nil {
			text += versionText(o.Version)
		}
	}
	return text, err
}

func TestACallOverASocketGivesWhatTheServiceBehindItGives(t *testing.T) {
	f := &fake{}
	c := serveFake(t, f).dial(t)
	for _, a := range asked {
		t.Run(a.name, func(t *testing.T) {
			want, err := a.call(t.Context(), f)
			said := f.taken()
			if err != nil {
				t.Fatal(err)
			}
			got, err := a.call(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			if got != want {
				t.Errorf("the answer is\n%.2000s\nnot\n%.2000s", got, want)
			}
			if heard := f.taken(); !slices.Equal(heard, said) {
				t.Errorf("the service was asked\n%.2000q\nnot\n%.2000q", heard, said)
			}
		})
	}
}

// Whatever call meets an error, its caller can tell what it is, and what to do.
func TestAnErrorKeepsItsMeaningOverASocket(t *testing.T) {
	var fails error
	f := &fake{hook: func(context.Context, string) error { return fails }}
	c := serveFake(t, f).dial(t)
	for _, a := range asked {
		fails = &hinted{fmt.Errorf("%s: %w: %w", a.name, errNamed, context.DeadlineExceeded), "do this"}
		_, err := a.call(t.Context(), c)
		var h *hinted
		if !errors.Is(err, errNamed) || !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrProtocol) || !errors.As(err, &h) || h.hint != "do this" {
			t.Errorf("%s: %v", a.name, err)
		}
		if err != nil && err.Error() != fails.Error() {
			t.Errorf("%s says %q, not %q", a.name, err, fails)
		}
		fails = errors.New("of no name")
		if _, err = a.call(t.Context(), c); err == nil || err.Error() != "of no name" || errors.Is(err, errNamed) || errors.Is(err, errLost) {
			t.Errorf("%s: %v", a.name, err)
		}
	}
}

// A name that only one side knows costs the identity, not the text.
func TestAnErrorWithANameThatIsUnknownHereIsText(t *testing.T) {
	f := Errors{Named: map[string]error{"new": errNamed}}.encode(fmt.Errorf("it: %w", errNamed))
	err := Errors{}.decode(f)
	if err == nil || err.Error() != "it: named" || errors.Is(err, errNamed) {
		t.Fatal(err)
	}
	if err := (Errors{}).decode(Errors{}.encode(nil)); err != nil {
		t.Fatal(err)
	}
}

// A client is the process that the kernel says it is.
func TestASessionIsOfTheProcessAtTheOtherEnd(t *testing.T) {
	f := &fake{}
	c := serveFake(t, f).dial(t)
	if err := c.Renew(t.Context(), index.SessionID{1}, 1); err != nil {
		t.Fatal(err)
	}
	if got, want := f.taken()[0], fmt.Sprintf("renew %x %d", index.SessionID{1}, os.Getpid()); got != want {
		t.Fatalf("%q, not %q", got, want)
	}
}
