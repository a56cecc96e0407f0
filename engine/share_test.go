package engine_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/artifortress/afs-engine/backends/mem"
	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine"
	"github.com/artifortress/afs-engine/engine/source"
)

// held is a source whose walk says that it has begun, and waits.
type held struct {
	files
	begun chan<- struct{}
	until <-chan struct{}
}

func (h held) Walk(ctx context.Context, v source.Visitor) error {
	h.begun <- struct{}{}
	<-h.until
	return h.files.Walk(ctx, v)
}

// Each ingest has blocks of its own, so only as many run at once as have room
// for theirs. The others wait, no longer than their context, and all get done.
func TestOnlySoManyIngestsRunAtOnce(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	for _, c := range []struct {
		memory int64
		want   int
	}{{engine.MemoryMin, 2}, {engine.MemoryDefault, 5}} {
		w := worldOn(t, mem.New(), engine.Settings{MemoryBytes: c.memory})
		const all = 8
		begun, until, done := make(chan struct{}, all), make(chan struct{}), make(chan error, all)
		for i := range all {
			src := held{files{"a": fmt.Sprint(i)}, begun, until}
			go func() {
				_, err := w.Ingest(t.Context(), engine.IngestRequest{Source: src, Ref: mustRef(t, fmt.Sprintf("x/y%d@1", i))})
				done <- err
			}()
		}
		for range c.want {
			<-begun
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		_, err := w.Ingest(ctx, engine.IngestRequest{Source: files{"late": ""}, Ref: mustRef(t, "x/late@1")})
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%d MiB: one more ingest: %v", c.memory>>20, err)
		}
		if n := len(begun); n > 0 {
			t.Errorf("%d MiB: %d more than %d ingests run at once", c.memory>>20, n, c.want)
		}
		close(until)
		for range all {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	}
}

// The blocks of large chunks are few and not much longer than a chunk. They are
// cut as a stream is all the same.
func TestLargeChunksAreCutAlikeInFewBlocks(t *testing.T) {
	p := chunker.Params{Min: 64 << 10, Avg: 1 << 20, Max: 4 << 20}
	body := randomBytes(3, 24<<20) + strings.Repeat("x", 9<<20) + randomBytes(4, 5<<20)
	w := worldMadeWith(t, p, engine.MemoryMin)
	res := w.ingest("x/y@1", files{"big": body})
	w.expect("x/y@1", files{"big": body})
	want := int64(0)
	for rest := []byte(body); len(rest) > 0; want++ {
		rest = rest[p.Cut(rest, true):]
	}
	if res.Chunks != want {
		t.Errorf("%d chunks, want %d", res.Chunks, want)
	}
}

// What the memory cannot hold is refused before anything is read, in a line that
// says how much would do; reading needs no more than otherwise.
func TestChunksTooLargeForTheMemoryAreRefused(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	p := chunker.Params{Min: 1 << 20, Avg: 4 << 20, Max: 16 << 20}
	w := worldMadeWith(t, p, engine.MemoryMin)
	_, err := w.Ingest(t.Context(), engine.IngestRequest{Source: files{"a": unreadable}, Ref: mustRef(t, "x/y@1")})
	if engine.KindOf(err) != engine.KindUsage || !strings.Contains(err.Error(), "215 MiB") {
		t.Errorf("error %v", err)
	}
	enough := worldMadeWith(t, p, 215<<20)
	enough.ingest("x/y@1", files{"a": "a"})
}
