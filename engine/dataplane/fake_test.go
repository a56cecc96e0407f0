package dataplane

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"sync"
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

// fake is a Service that notes what it is asked, and answers something that
// depends on it.
type fake struct {
	hook func(ctx context.Context, call string) error // asked first, if there is one

	mu    sync.Mutex
	asked []string
}

var _ Owned = (*fake)(nil)

func (f *fake) note(ctx context.Context, call, format string, args ...any) error {
	f.mu.Lock()
	f.asked = append(f.asked, call+" "+fmt.Sprintf(format, args...))
	f.mu.Unlock()
	if f.hook != nil {
		return f.hook(ctx, call)
	}
	return nil
}

// taken is what was asked since the last time.
func (f *fake) taken() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	asked := f.asked
	f.asked = nil
	return asked
}

func (f *fake) Close() error { return nil }

func (f *fake) Over() <-chan struct{} { return nil }

func (f *fake) Has(ctx context.Context, ids []chunker.ID, have []bool) error {
	for i := range ids {
		have[i] = ids[i][0]%2 == 1
	}
	return f.note(ctx, callHas, "%v", ids)
}

func (f *fake) Lookup(ctx context.Context, ids []chunker.ID, found []Place) error {
	for i := range ids {
		n := uint32(i)
		found[i] = Place{index.Location{Pack: n, Frame: n + 1, Offset: math.MaxUint32, Length: n + 2, Refs: n + 3, Kind: chunker.ListNode}, i%2 == 0}
	}
	return f.note(ctx, callLookup, "%v", ids)
}

func (f *fake) Frames(ctx context.Context, frames []FrameID, places []FramePlace) error {
	for i, id := range frames {
		places[i] = FramePlace{packfile.ID{byte(i)}, packfile.Frame{
			Offset: math.MaxInt64, Stored: id.Pack, Raw: id.Frame, CRC: 3, Entries: 4, Codec: 5, Extension: 0xfffe,
		}}
	}
	return f.note(ctx, callFrames, "%v", frames)
}

func (f *fake) Get(ctx context.Context, key []byte) ([]byte, bool, error) {
	return key, len(key) > 0, f.note(ctx, callGet, "%q", key)
}

func (f *fake) Page(ctx context.Context, prefix, from []byte, size int) ([]Row, bool, error) {
	return []Row{{prefix, from}, {nil, []byte{}}}, size > 10, f.note(ctx, callPage, "%q %q %d", prefix, from, size)
}

func (f *fake) Known(ctx context.Context, ids []source.Identity, t known.Trust, keep bool, found []KnownFile) error {
	text := ""
	for i, id := range ids {
		text += identityText(id) + ";"
		content := manifest.Content{Segments: []manifest.Segment{{ID: chunker.ID{1}, Length: 5}, {Length: 7}}}
		if i%3 == 2 {
			content = manifest.Content{List: chunker.ID{2}, Count: 17}
		}
		found[i] = KnownFile{Found: i%3 != 1}
		if found[i].Found {
			found[i].File = known.File{Size: id.Size, Chunks: 2, Content: content}
		}
	}
	return f.note(ctx, callKnown, "%s %d %t", text, t, keep)
}

func identityText(id source.Identity) string {
	return fmt.Sprintf("%q %d %d %d %d.%d %d.%d", id.Path, id.Dev, id.Ino, id.Size,
		id.MTime.Unix(), id.MTime.Nanosecond(), id.CTime.Unix(), id.CTime.Nanosecond())
}

func (f *fake) Learn(ctx context.Context, files []LearntFile) error {
	text := ""
	for _, l := range files {
		text += fmt.Sprintf("%s %v %d.%d;", identityText(l.ID), l.File, l.Began.Unix(), l.Began.Nanosecond())
	}
	return f.note(ctx, callLearn, "%s", text)
}

func (f *fake) Renew(ctx context.Context, s index.SessionID, pid int) error {
	return f.note(ctx, callRenew, "%x %d", s, pid)
}

func (f *fake) End(ctx context.Context, s index.SessionID) error {
	return f.note(ctx, callEnd, "%x", s)
}

func (f *fake) Commit(ctx context.Context, g *Group) ([]Outcome, error) {
	text := ""
	for _, p := range g.Packs {
		text += fmt.Sprintf("%s %d;", p.ID, p.Size)
	}
	all := make([]Outcome, len(g.Transitions))
	for i, t := range g.Transitions {
		text += fmt.Sprintf("%d %s %s %s %d %t %v %q %t", t.Kind, t.Ref, t.Actor, t.Client, t.Base, t.Adding, t.Labels, t.Tags, t.Again)
		if all[i].State = "published"; t.Version != nil {
			text += versionText(t.Version)
			all[i].Version = t.Version
		}
		if t.Kind == Discard {
			all[i] = Outcome{Err: fmt.Errorf("%w: number %d", errNamed, i)}
		}
	}
	return all, f.note(ctx, callCommit, "%s", text)
}

func versionText(v *registry.Version) string {
	at := v.Time
	w := *v
	w.Time = time.Time{}
	return fmt.Sprintf("%+v at %d.%d", w, at.Unix(), at.Nanosecond())
}

func (f *fake) State(ctx context.Context) (State, error) {
	return State{
		Writable: true, Totals: index.Totals{Chunks: 1, NextPack: math.MaxUint64},
		Meta: index.Meta{Schema: 2, Store: storeID, Writer: []byte{0xff}, Position: []byte(`{"a":1}`)},
	}, f.note(ctx, callState, "")
}

func (f *fake) Packs(ctx context.Context, from uint32) ([]NumberedPack, bool, error) {
	return []NumberedPack{{from, index.Pack{ID: packfile.ID{9}, Class: packfile.ClassMeta, Size: 1 << 40, Chunks: 2, Raw: 3, LiveRaw: 4}}},
		from > 5, f.note(ctx, callPacks, "%d", from)
}

func (f *fake) Rebuild(ctx context.Context) (Rebuilt, error) {
	return Rebuilt{Records: 1, Packs: 2, Checkpoint: 3, Adopted: 4}, f.note(ctx, callRebuild, "")
}

// errNamed is known by name to both sides, hinted is an error with a hint.
var errNamed = errors.New("named")

type hinted struct {
	error
	hint string
}

func (h *hinted) Unwrap() error { return h.error }

const storeID = "0123456789abcdef0123456789abcdef"

func serving() Serving {
	return Serving{Store: storeID, Program: "test/1", Logger: slog.New(slog.DiscardHandler), Errors: Errors{
		Named: map[string]error{"named": errNamed},
		Hint: func(err error) string {
			if h := new(hinted); errors.As(err, &h) {
				return h.hint
			}
			return ""
		},
		WithHint: func(err error, h string) error { return &hinted{err, h} },
	}}
}

// shortDir is a directory whose path leaves room for a socket's name.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "afs")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// served is a service behind a socket.
type served struct {
	*Server
	dir  string // of the index, and of the socket
	addr string
}

func serveIn(t testing.TB, dir string, s Service, change func(*Server)) *served {
	t.Helper()
	v, err := newServer(s, serving())
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(v)
	}
	lis, err := Listen(dir, dir, storeID)
	if err != nil {
		t.Fatal(err)
	}
	v.start(lis)
	t.Cleanup(func() { _ = v.Close() })
	return &served{v, dir, lis.Addr().String()}
}

func serveFake(t testing.TB, s Service) *served {
	t.Helper()
	return serveIn(t, shortDir(t), s, nil)
}

func (s *served) dial(t testing.TB) *client {
	t.Helper()
	c, err := dial(t.Context(), s.addr, serving())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.close() })
	return c
}
