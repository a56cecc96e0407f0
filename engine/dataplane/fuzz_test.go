package dataplane

import (
	"context"
	"log/slog"
	"net"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"storj.io/drpc/drpcconn"
	"storj.io/drpc/drpcerr"

	"github.com/artifortress/afs-engine/engine/source"
)

// complaints fails a test when an error is logged: a panic is a defect although
// the owner survives it.
type complaints struct {
	slog.Handler
	t *testing.T
}

func (c complaints) Enabled(context.Context, slog.Level) bool { return true }

func (c complaints) Handle(_ context.Context, r slog.Record) error {
	if r.Level >= slog.LevelError {
		r.Attrs(func(a slog.Attr) bool { c.t.Error(r.Message, a); return true })
	}
	return nil
}

// pipe is a connection to a server of a fake, and what waits for its end.
func pipe(t *testing.T, idle time.Duration) (end net.Conn, wait func()) {
	says := serving()
	says.Logger = slog.New(complaints{slog.DiscardHandler, t})
	v, err := newServer(&fake{}, says)
	if err != nil {
		t.Fatal(err)
	}
	v.idle = idle
	here, there := net.Pipe()
	var wg sync.WaitGroup
	wg.Go(func() { v.serve(t.Context(), there, peer{pid: 1}) })
	return here, func() { _ = here.Close(); wg.Wait() }
}

// Whatever a client sends as a call, it gets an answer, and the next call one,
// too.
func FuzzHandler(f *testing.F) {
	for name := range calls {
		f.Add(name, cborOf(f, &none{}))
	}
	r := ref("r/p@1")
	f.Add("", []byte{})
	f.Add(callHello, cborOf(f, &hello{Protocol + 1, "x", "y"}))
	f.Add(callHas, cborOf(f, &idsQuery{packIDs(idsOf(3))}))
	f.Add(callFrames, cborOf(f, &framesQuery{manyFrames(3)}))
	f.Add(callPage, cborOf(f, &pageQuery{[]byte("a"), []byte("b"), -1}))
	f.Add(callKnown, cborOf(f, &knownQuery{Files: packIdentities([]source.Identity{someFile, {}})}))
	f.Add(callLearn, cborOf(f, &learnQuery{packLearnt(someLearnt)}))
	f.Add(callCommit, cborOf(f, someGroup()))
	f.Add(callCommit, cborOf(f, &Group{Transitions: []Transition{{Kind: Publish, Ref: r, Version: someVersion(r)}}}))
	f.Fuzz(func(t *testing.T, name string, message []byte) {
		if len(message) > messageMax || len(name) > messageMax {
			return
		}
		end, wait := pipe(t, idleMax)
		defer wait()
		conn := drpcconn.NewWithOptions(end, drpcconn.Options{Manager: managerOptions()})
		defer conn.Close()
		if err := invoke(t, conn, callHello, cborOf(t, &hello{Protocol, "raw/1", storeID})); err != nil {
			t.Fatal(err)
		}
		if err := invoke(t, conn, name, message); err != nil && drpcerr.Code(err) != codeRefused {
			t.Fatalf("%q is answered by %v", name, err)
		}
		if name == callHello {
			return // it may have said that it is another
		}
		if err := invoke(t, conn, callGet, cborOf(t, &getQuery{[]byte("k")})); err != nil {
			t.Fatalf("after %q: %v", name, err)
		}
	})
}

// Whatever bytes come, and end somewhere, the connection ends.
func FuzzConnection(f *testing.F) {
	hi := wireCall(1, callHello, cborOf(f, &hello{Protocol, "raw/1", storeID}))
	call := wireCall(2, callGet, cborOf(f, &getQuery{[]byte("k")}))
	f.Add(hi)
	f.Add(append(hi, call...))
	f.Add(append(hi, call[:len(call)/2]...))
	f.Add(append(call, call...))
	f.Add(call[len(call)-4:]) // the end of a call without its beginning
	f.Fuzz(func(t *testing.T, b []byte) {
		end, wait := pipe(t, 20*time.Millisecond)
		go func() {
			for buf := make([]byte, 1<<10); ; {
				if _, err := end.Read(buf); err != nil {
					return
				}
			}
		}()
		_, _ = end.Write(b)
		wait()
	})
}

// again decodes b, which may have several forms of the same, and what came of
// that once it is encoded, and once more: both are the same.
func again[T any](t *testing.T, c codec, b []byte) {
	var all [3]T
	for i := range all {
		if err := c.Unmarshal(b, &all[i]); err != nil {
			if i > 0 && !strings.Contains(err.Error(), "for time.Time") { // a year that only a number can say
				t.Fatalf("%+v cannot be read back: %v", all[i-1], err)
			}
			return
		}
		var err error
		if b, err = c.Marshal(&all[i]); err != nil {
			return // such as a time that only a number can say
		}
	}
	if !reflect.DeepEqual(all[1], all[2]) {
		t.Fatalf("%+v was read back as %+v", all[1], all[2])
	}
}

func FuzzCodec(f *testing.F) {
	r := ref("r/p@1")
	for _, m := range []any{
		&hello{Protocol, notUTF8, storeID}, &idsQuery{packIDs(idsOf(2))}, &framesQuery{manyFrames(2)}, &pageQuery{[]byte("a"), nil, 3},
		&knownQuery{Files: packIdentities([]source.Identity{someFile, {}})}, &learnQuery{packLearnt(someLearnt)}, someGroup(),
		&reply[commitReply]{commitReply{[]outcome{{Outcome{State: "x", Version: someVersion(r)}, &failure{"t", []string{"n"}, "h"}}}}, nil},
		&reply[pageReply]{pageReply{[]Row{{[]byte("k"), nil}}, true}, &failure{Text: notUTF8}},
	} {
		f.Add(cborOf(f, m))
	}
	c, err := newCodec()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		again[hello](t, c, b)
		again[idsQuery](t, c, b)
		again[framesQuery](t, c, b)
		again[getQuery](t, c, b)
		again[pageQuery](t, c, b)
		again[knownQuery](t, c, b)
		again[learnQuery](t, c, b)
		again[sessionQuery](t, c, b)
		again[packsQuery](t, c, b)
		again[Group](t, c, b)
		again[reply[none]](t, c, b)
		again[reply[hasReply]](t, c, b)
		again[reply[getReply]](t, c, b)
		again[reply[pageReply]](t, c, b)
		again[reply[knownReply]](t, c, b)
		again[reply[commitReply]](t, c, b)
		again[reply[packsReply]](t, c, b)
		again[reply[State]](t, c, b)
		again[reply[Rebuilt]](t, c, b)
	})
}

// The lists that are bytes, not CBOR, come out as they went in, and only if
// their length is the one asked for.
func FuzzPlaces(f *testing.F) {
	f.Add(packPlaces(make([]Place, 2)), packFramePlaces(make([]FramePlace, 2)), packIDs(idsOf(2)))
	f.Fuzz(func(t *testing.T, b, frames, ids []byte) {
		places, framePlaces := make([]Place, len(b)/placeLen), make([]FramePlace, len(frames)/framePlaceLen)
		if err := unpackPlaces(b, places); (err == nil) != (len(b)%placeLen == 0) {
			t.Fatal(err)
		}
		same := make([]Place, len(places))
		if err := unpackPlaces(packPlaces(places), same); err != nil || !reflect.DeepEqual(places, same) {
			t.Fatal(err, places, same)
		}
		if err := unpackFramePlaces(frames, framePlaces); (err == nil) != (len(frames)%framePlaceLen == 0) {
			t.Fatal(err)
		}
		if err := unpackFramePlaces(packFramePlaces(framePlaces), make([]FramePlace, len(framePlaces))); err != nil {
			t.Fatal(err)
		}
		list, err := unpackIDs(ids)
		if err == nil && string(packIDs(list)) != string(ids) {
			t.Fatal("ids were read back as others")
		}
	})
}

// Files are packed by hand: what can be read is what was written, and nothing
// else is.
func FuzzFiles(f *testing.F) {
	f.Add(packIdentities([]source.Identity{someFile, {}}))
	f.Add(packLearnt(someLearnt))
	f.Add(packKnown([]KnownFile{{Found: true, File: someLearnt[0].File}, {}, {Found: true, File: someLearnt[1].File}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if ids, err := unpackIdentities(b); err == nil {
			if len(ids) > FilesMax {
				t.Fatalf("%d identities", len(ids))
			}
			same(t, ids, unpackIdentities, packIdentities)
		}
		if files, err := unpackLearnt(b); err == nil {
			if len(files) > FilesMax {
				t.Fatalf("%d files", len(files))
			}
			same(t, files, unpackLearnt, packLearnt)
		}
		for n := range 4 {
			files := make([]KnownFile, n)
			if unpackKnown(b, files) != nil {
				continue
			}
			same(t, files, func(b []byte) ([]KnownFile, error) {
				again := make([]KnownFile, n)
				return again, unpackKnown(b, again)
			}, packKnown)
		}
	})
}

func same[T any](t *testing.T, v []T, unpack func([]byte) ([]T, error), pack func([]T) []byte) {
	t.Helper()
	again, err := unpack(pack(v))
	if err != nil || !reflect.DeepEqual(again, v) {
		t.Fatalf("%+v was read back as %+v (%v)", v, again, err)
	}
}
