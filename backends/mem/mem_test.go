package mem_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/artifortress/afs-engine/backends"
	"github.com/artifortress/afs-engine/backends/backendtest"
	"github.com/artifortress/afs-engine/backends/mem"
)

func TestContract(t *testing.T) {
	backendtest.TestStore(t, func(*testing.T) backends.Store { return mem.New() })
}

func TestObjectsBitByBit(t *testing.T) {
	backendtest.TestAppender(t, func(*testing.T) backends.Store { return mem.New() })
}

func TestDeletedObjectStaysReadableToItsReaders(t *testing.T) {
	s, ctx := mem.New(), t.Context()
	if err := s.Put(ctx, "a", strings.NewReader("content")); err != nil {
		t.Fatal(err)
	}
	r, err := s.Get(ctx, "a", 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := s.Delete(ctx, "a"); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(r); err != nil || string(b) != "content" {
		t.Errorf("read after delete: %q, %v", b, err)
	}
}

func TestTimesComeFromTheClock(t *testing.T) {
	at := time.Unix(1e9, 5)
	s, ctx := mem.NewAt(func() time.Time { return at }), t.Context()
	if err := s.Put(ctx, "a", strings.NewReader("")); err != nil {
		t.Fatal(err)
	}
	info, err := s.Stat(ctx, "a")
	if err != nil || !info.ModTime.Equal(at) {
		t.Errorf("Stat gives the time %v, %v, want %v", info.ModTime, err, at)
	}
}

func Example() {
	ctx := context.Background()
	s := mem.New()
	for _, text := range []string{"first", "second"} {
		err := s.Put(ctx, "log/1", strings.NewReader(text))
		fmt.Println(text, errors.Is(err, backends.ErrExist))
	}
	r, err := s.Get(ctx, "log/1", 1, 3)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	fmt.Println(string(b), err)
	// Output:
	// first false
	// second true
	// irs <nil>
}
