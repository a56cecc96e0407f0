package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"storj.io/drpc/drpcwire"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine"
	"github.com/artifortress/afs-engine/engine/dataplane"
	"github.com/artifortress/afs-engine/index"
)

// raw is a connection to the owner that has said hello, and is read no more.
func (w *sharedWorld) raw() net.Conn {
	w.t.Helper()
	b, err := os.ReadFile(filepath.Join(w.dir, index.OwnerFile))
	if err != nil {
		w.t.Fatal(err)
	}
	var there struct{ Socket string }
	if err := json.Unmarshal(b, &there); err != nil {
		w.t.Fatal(err)
	}
	conn, err := net.Dial("unix", there.Socket)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = conn.Close() })
	hello := map[string]any{"Protocol": dataplane.Protocol, "Program": "raw/1", "Store": w.Info().ID}
	if _, err := conn.Write(wireCall(w.t, 1, "hello", hello)); err != nil {
		w.t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); err != nil { // the answer has begun: hello is over
		w.t.Fatal(err)
	}
	return conn
}

// wireCall is a call as it goes over a connection.
func wireCall(t *testing.T, stream uint64, name string, q any) (b []byte) {
	t.Helper()
	message, err := cbor.Marshal(q)
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range []drpcwire.Frame{
		{Kind: drpcwire.KindInvoke, Data: []byte(name)}, {Kind: drpcwire.KindMessage, Data: message}, {Kind: drpcwire.KindCloseSend},
	} {
		f.ID, f.Done = drpcwire.ID{Stream: stream, Message: uint64(i + 1)}, true
		b = drpcwire.AppendFrame(b, f)
	}
	return b
}

func send(t *testing.T, conn net.Conn, b []byte) {
	t.Helper()
	if _, err := conn.Write(b); err != nil {
		t.Fatal(err)
	}
}

// A client that stalls holds neither the index, so a rebuild goes on, nor the
// owner, who leaves at once, nor others.
func TestAClientThatStallsHoldsUpNobody(t *testing.T) {
	w := newSharedWorld(t)
	w.sound("r/p@1")
	get := map[string]any{"Key": make([]byte, 1<<20)}
	for range 4 {
		silent := wireCall(t, 2, "page", map[string]any{"Prefix": []byte{}, "Size": dataplane.PageMax})
		send(t, w.raw(), silent)                 // and never reads
		send(t, w.raw(), silent[:len(silent)-8]) // half a call
		long := wireCall(t, 2, "get", get)
		send(t, w.raw(), long[:len(long)/2]) // half a message
		w.raw()                              // nothing at all
	}
	if _, err := w.RebuildIndex(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.sound("r/p@2")
	if err := w.Local.Close(); err != nil {
		t.Fatal(err)
	}
	w.Local = w.join("next/1")
	w.sound("r/p@3")
}

// Thousands of calls, as many at once as a client gets, slow others down and no
// more.
func TestAClientThatFloodsDoesNotKeepOthersOut(t *testing.T) {
	w := newSharedWorld(t)
	bad := w.plane()
	ids := make([]chunker.ID, dataplane.IDsMax)
	for i := range ids {
		ids[i] = chunker.ID{byte(i), byte(i >> 8)}
	}
	ctx, stop := context.WithCancel(t.Context())
	var calls sync.WaitGroup
	began := make(chan struct{}, 1000)
	for range 48 {
		calls.Go(func() {
			for ctx.Err() == nil {
				_ = bad.Has(ctx, ids, make([]bool, len(ids)))
				_, _, _ = bad.Page(ctx, nil, nil, dataplane.PageMax)
				_, _ = bad.Commit(ctx, &dataplane.Group{Packs: []dataplane.Pack{{Size: 1}}})
				select {
				case began <- struct{}{}:
				default:
				}
			}
		})
	}
	for range 100 {
		<-began
	}
	for i := range 3 {
		ref := mustRef(t, fmt.Sprintf("r/p@%d", i))
		f := files{"f": randomBytes(uint64(i), 200_000)}
		if _, err := w.client.Ingest(t.Context(), engine.IngestRequest{Source: f, Ref: ref}); err != nil {
			t.Fatal(err)
		}
		w.expect(ref.String(), f)
	}
	stop()
	calls.Wait()
	w.sound("r/q@1")
}

// A client that has gone while its commit was being carried out has committed
// all of it or nothing.
func TestACommitOfAClientThatVanishesIsWholeOrAbsent(t *testing.T) {
	w := newSharedWorld(t)
	secret := files{"a": "what nobody else has", "b": randomBytes(77, 100_000)}
	all, v := pieces(t, secret)
	var packs [2]dataplane.Pack
	for i := range packs {
		var some []piece
		for _, p := range all {
			if p.kind.IsNode() == (i == 1) {
				some = append(some, p)
			}
		}
		packs[i] = w.pack(some...)
	}
	const commits = 16
	for i := range commits {
		lost := *v
		lost.Ref = mustRef(t, fmt.Sprintf("lost/p@%d", i))
		g := map[string]any{"Packs": packs[:], "Transitions": []dataplane.Transition{{Kind: dataplane.Publish, Ref: lost.Ref, Version: &lost}}}
		conn, b := w.raw(), wireCall(t, 2, "commit", g)
		send(t, conn, b[:len(b)-i%4])
		if i%2 == 0 { // it had begun, at the least
			_, _ = w.client.Stats(t.Context())
		}
		_ = conn.Close()
	}
	w.sound("r/p@1")
	for i := range commits {
		ref := mustRef(t, fmt.Sprintf("lost/p@%d", i))
		_, err := w.client.Version(t.Context(), ref)
		switch engine.KindOf(err) {
		case engine.KindOK:
			w.expect(ref.String(), secret)
		case engine.KindNotFound:
		default:
			t.Error(err)
		}
		if _, err := w.client.Ingest(t.Context(), engine.IngestRequest{Source: secret, Ref: ref}); err != nil {
			t.Error(err)
		}
	}
	w.sound("r/p@2")
}
