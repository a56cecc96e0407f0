package dataplane

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"storj.io/drpc/drpcconn"
	"storj.io/drpc/drpcerr"

	"github.com/artifortress/afs-engine/engine/registry"
	"github.com/artifortress/afs-engine/packfile"
)

// rawConn is a connection that says nothing of itself.
func rawConn(t testing.TB, addr string) *drpcconn.Conn {
	t.Helper()
	raw, err := net.Dial("unix", addr)
	if err != nil {
		t.Fatal(err)
	}
	conn := drpcconn.NewWithOptions(raw, drpcconn.Options{Manager: managerOptions()})
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// invoke sends b as it is.
func invoke(t testing.TB, conn *drpcconn.Conn, name string, b []byte) error {
	t.Helper()
	c, err := newCodec()
	if err != nil {
		t.Fatal(err)
	}
	var answer cbor.RawMessage
	return conn.Invoke(t.Context(), name, c, encoded(b), &answer)
}

func cborOf(t testing.TB, m any) []byte {
	t.Helper()
	b, err := cbor.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func greeted(t testing.TB, addr string) *drpcconn.Conn {
	t.Helper()
	conn := rawConn(t, addr)
	if err := invoke(t, conn, callHello, cborOf(t, &hello{Protocol, "raw/1", storeID})); err != nil {
		t.Fatal(err)
	}
	return conn
}

// still makes sure that the owner lives on.
func still(t testing.TB, c Service) {
	t.Helper()
	if v, ok, err := c.Get(t.Context(), []byte("k")); string(v) != "k" || !ok || err != nil {
		t.Fatalf("the owner answers %q, %t, %v", v, ok, err)
	}
}

func TestWhatIsTooMuchIsRefusedAndNotAskedAgain(t *testing.T) {
	s := serveFake(t, &fake{})
	c := s.dial(t)
	shared := share(t, s.dir, busy, nil)
	big := registry.Ref{}
	for name, ask := range map[string]func(context.Context, Service) error{
		"ids": func(ctx context.Context, s Service) error { _, err := has(ctx, s, IDsMax+1); return err },
		"ids to look up": func(ctx context.Context, s Service) error {
			return s.Lookup(ctx, idsOf(IDsMax+1), make([]Place, IDsMax+1))
		},
		"frames": func(ctx context.Context, s Service) error {
			return s.Frames(ctx, manyFrames(IDsMax+1), make([]FramePlace, IDsMax+1))
		},
		"a long message": func(ctx context.Context, s Service) error {
			_, _, err := s.Get(ctx, make([]byte, messageMax))
			return err
		},
		"a long answer": func(ctx context.Context, s Service) error {
			_, _, err := s.Get(ctx, make([]byte, messageMax-16))
			return err
		},
		"packs": func(ctx context.Context, s Service) error {
			_, err := s.Commit(ctx, &Group{Packs: make([]Pack, GroupMax+1)})
			return err
		},
		"transitions": func(ctx context.Context, s Service) error {
			_, err := s.Commit(ctx, &Group{Transitions: make([]Transition, GroupMax+1)})
			return err
		},
		"of a name": func(ctx context.Context, s Service) error {
			_, err := s.Commit(ctx, &Group{Transitions: []Transition{{Kind: Discard, Ref: big}}})
			return err
		},
		"known file size": func(ctx context.Context, s Service) error { return s.Learn(ctx, make([]LearntFile, 1<<17+1)) },
	} {
		for _, service := range []Service{c, shared} {
			if err := ask(t.Context(), service); !errors.Is(err, ErrProtocol) || errors.Is(err, errLost) {
				t.Errorf("%s: %v", name, err)
			}
			still(t, service)
		}
	}
}

func TestATransitionThatMakesNoSenseIsRefused(t *testing.T) {
	f := &fake{}
	c := serveFake(t, f).dial(t)
	r, other := ref("r/p@1"), ref("r/p@2")
	for name, tr := range map[string]Transition{
		"no kind":                 {Ref: r},
		"a kind to come":          {Kind: Tag + 1, Ref: r},
		"content without":         {Kind: Publish, Ref: r},
		"content of another name": {Kind: Publish, Ref: r, Version: someVersion(other)},
		"content for a tag":       {Kind: Tag, Ref: r, Version: someVersion(r), Tags: []string{"t"}},
		"no tag":                  {Kind: Tag, Ref: r},
		"two tags":                {Kind: Tag, Ref: r, Tags: []string{"a", "b"}},
		"a tag with a slash":      {Kind: PublishDraft, Ref: r, Tags: []string{"a/b"}},
		"a path":                  {Kind: Discard, Ref: registry.Ref{Repo: r.Repo, Package: r.Package, Version: r.Version, Path: "x"}},
		"no name":                 {Kind: Discard},
		"a name with dots":        {Kind: Discard, Ref: registry.Ref{Repo: "..", Package: "p", Version: "1"}},
		"a name not UTF-8":        {Kind: Discard, Ref: registry.Ref{Repo: "r", Package: notUTF8, Version: "1"}},
	} {
		if _, err := c.Commit(t.Context(), &Group{Packs: []Pack{{ID: packfile.ID{1}}}, Transitions: []Transition{tr}}); err == nil || errors.Is(err, errLost) {
			t.Errorf("%s: %v", name, err)
		}
		if heard := f.taken(); len(heard) > 0 {
			t.Errorf("%s went on to the service: %q", name, heard)
		}
	}
}

func TestHostileBytesCostNoMoreThanTheirAnswer(t *testing.T) {
	s := serveFake(t, &fake{})
	c := s.dial(t)
	conn := greeted(t, s.addr)
	for name, b := range map[string][]byte{
		"nothing":               {},
		"not CBOR":              {0xff},
		"a length of 2^63":      {0x5b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		"2^32 elements":         {0x9a, 0xff, 0xff, 0xff, 0xff},
		"an endless list":       {0x9f, 1, 2},
		"nested deeply":         bytes.Repeat([]byte{0x81}, 1<<16),
		"another type":          cborOf(t, "text"),
		"bytes for a number":    cborOf(t, map[string]any{"Size": "x"}),
		"two messages":          append(cborOf(t, &none{}), cborOf(t, &none{})...),
		"a number out of range": cborOf(t, map[string]any{"From": uint64(1) << 40, "Size": 1.5}),
	} {
		for call := range calls {
			err := invoke(t, conn, call, b)
			if name == "bytes for a number" || name == "a number out of range" {
				continue // unknown to most messages
			}
			if drpcerr.Code(err) != codeRefused {
				t.Errorf("%s to %s: %v", name, call, err)
			}
		}
		still(t, c)
	}
	if err := invoke(t, conn, "no such call", cborOf(t, &none{})); drpcerr.Code(err) != codeRefused || !strings.Contains(err.Error(), "no such call") {
		t.Errorf("an unknown call: %v", err)
	}
	if err := invoke(t, conn, callGet, cborOf(t, &getQuery{[]byte("k")})); err != nil {
		t.Errorf("the connection is of no more use: %v", err)
	}
	if err := invoke(t, conn, callGet, make([]byte, messageMax+1)); err == nil || errors.Is(err, io.EOF) && drpcerr.Code(err) != 0 {
		t.Errorf("a message of %d bytes: %v", messageMax+1, err)
	}
	still(t, c)
}

func TestNothingIsSaidBeforeHello(t *testing.T) {
	f := &fake{}
	s := serveFake(t, f)
	conn := rawConn(t, s.addr)
	for call := range calls {
		if err := invoke(t, conn, call, cborOf(t, &none{})); drpcerr.Code(err) != codeRefused {
			t.Errorf("%s: %v", call, err)
		}
	}
	for _, q := range []hello{{Protocol, "x/1", "another store"}, {Protocol + 1, "x/2", storeID}} {
		if err := invoke(t, conn, callHello, cborOf(t, &q)); err != nil {
			t.Errorf("%+v is not told who is here: %v", q, err)
		}
		if err := invoke(t, conn, callState, cborOf(t, &none{})); drpcerr.Code(err) != codeRefused {
			t.Errorf("%+v: %v", q, err)
		}
	}
	if heard := f.taken(); len(heard) > 0 {
		t.Errorf("the service was asked %q", heard)
	}
}

func TestAnOwnerOfAnotherStoreIsNotAsked(t *testing.T) {
	s := serveFake(t, &fake{})
	says := serving()
	says.Store = "another"
	if _, err := dial(t.Context(), s.addr, says); !errors.Is(err, ErrSilent) {
		t.Fatal(err)
	}
}

func TestAPeerIsTrustedIfItMayDoWhatThisProcessMay(t *testing.T) {
	me := uint32(os.Geteuid())
	for _, c := range []struct {
		uid  uint32
		want bool
	}{{me, true}, {0, true}, {me + 1, false}, {65534, me == 65534}} {
		if got := (peer{1, c.uid}).trusted(); got != c.want {
			t.Errorf("user %d, asked by %d: %t", c.uid, me, got)
		}
	}
	s := serveFake(t, &fake{})
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	if err := s.admit(a, peer{1, me + 1}); err == nil {
		t.Error("another user is admitted")
	}
	if err := s.admit(a, peer{1, 0}); err != nil {
		t.Error(err)
	}
}
