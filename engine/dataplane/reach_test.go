package dataplane

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"storj.io/drpc"
	"storj.io/drpc/drpcserver"

	"github.com/artifortress/afs-engine/index"
)

func TestWhatDeadOwnersLeaveBlocksNobody(t *testing.T) {
	for name, leave := range map[string]func(t *testing.T, dir string){
		"an address where nothing is": func(t *testing.T, dir string) { write(t, dir, `{"pid":1,"socket":"`+dir+`/gone.sock"}`) },
		"an address that is none":     func(t *testing.T, dir string) { write(t, dir, `{"pid":`) },
		"an address of another kind":  func(t *testing.T, dir string) { write(t, dir, `{"pid":1,"socket":"`+dir+`"}`) },
		"half a new address": func(t *testing.T, dir string) {
			write(t, dir, "")
			_ = os.WriteFile(filepath.Join(dir, index.OwnerFile+".new"), []byte("{"), 0o600)
		},
		"a socket that nobody has": func(t *testing.T, dir string) {
			addr := filepath.Join(dir, storeID+"-999999999-0000.sock")
			lis, err := net.ListenUnix("unix", &net.UnixAddr{Name: addr, Net: "unix"})
			if err != nil {
				t.Fatal(err)
			}
			lis.SetUnlinkOnClose(false)
			_ = lis.Close()
			write(t, dir, `{"pid":999999999,"socket":"`+addr+`"}`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLock(t)
			leave(t, l.dir)
			owner, client := l.share(), l.share()
			still(t, owner)
			still(t, client)
			if !owner.owns() || client.owns() {
				t.Error("the first is not the owner")
			}
			socks, err := filepath.Glob(filepath.Join(l.dir, "*.sock"))
			if err != nil || len(socks) != 1 {
				t.Errorf("sockets %q, %v", socks, err)
			}
		})
	}
}

func write(t *testing.T, dir, owner string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, index.OwnerFile), []byte(owner), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAHolderThatDoesNotAnswerMakesTheStoreBusy(t *testing.T) {
	deaf := shortDir(t)
	addr := filepath.Join(deaf, "s")
	lis, err := net.Listen("unix", addr) // accepts, since the kernel does, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer lis.Close()
	write(t, deaf, `{"pid":1,"socket":"`+addr+`"}`)
	for _, dir := range []string{shortDir(t), deaf} {
		_, err := Share(t.Context(), Sharing{Own: busy, IndexDir: dir, Serving: serving(), Patience: 20 * time.Millisecond})
		if !errors.Is(err, index.ErrBusy) {
			t.Errorf("%v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := Share(ctx, Sharing{Own: busy, IndexDir: dir, Serving: serving()}); !errors.Is(err, context.Canceled) {
			t.Errorf("canceled: %v", err)
		}
	}
}

// another answers hello as a version to come would.
type another struct{}

func (another) HandleRPC(stream drpc.Stream, _ string) error {
	c, err := newCodec()
	if err != nil {
		return err
	}
	var q map[string]any
	if err := stream.MsgRecv(&q, c); err != nil {
		return err
	}
	return stream.MsgSend(map[string]any{"Protocol": Protocol + 1, "Program": "later/9", "Store": storeID, "New": []int{1}}, c)
}

func TestAnOwnerOfAnotherVersionIsNamed(t *testing.T) {
	dir := shortDir(t)
	lis, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer lis.Close()
	go func() { _ = drpcserver.New(another{}).Serve(t.Context(), lis) }()
	write(t, dir, `{"pid":1,"socket":"`+lis.Addr().String()+`"}`)
	_, err = Share(t.Context(), Sharing{Own: busy, IndexDir: dir, Serving: serving()})
	if !errors.Is(err, ErrSkew) || !strings.Contains(err.Error(), "later/9") || !strings.Contains(err.Error(), "test/1") {
		t.Fatal(err)
	}
}
