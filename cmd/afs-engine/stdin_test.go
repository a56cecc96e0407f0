package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"
)

func TestStdinIsReadUntilTheContextEnds(t *testing.T) {
	text := strings.Repeat("x", 3*stdinBuffer)
	b, err := io.ReadAll(untilDone(context.Background(), strings.NewReader(text)))
	if err != nil || string(b) != text {
		t.Errorf("got %d bytes, %v, want %d", len(b), err, len(text))
	}

	broken := errors.New("broken")
	_, err = io.ReadAll(untilDone(context.Background(), io.MultiReader(bytes.NewReader(b), failing{broken})))
	if !errors.Is(err, broken) {
		t.Errorf("a read that fails: got %v", err)
	}

	never, w := io.Pipe()
	defer w.Close()
	ctx, cancel := context.WithCancelCause(context.Background())
	r := untilDone(ctx, never)
	cancel(&signalError{syscall.SIGINT})
	if _, err := io.ReadAll(r); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped while waiting: got %v", err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
