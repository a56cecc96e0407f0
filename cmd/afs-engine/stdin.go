package main

import (
	"context"
	"io"
)

const stdinBuffer = 256 << 10 // bytes

// untilDone reads r until ctx ends. A read of a pipe or a terminal waits for
// whoever writes and knows of no context, so it happens in a goroutine, which
// may be left behind in its last read when the process is about to end.
func untilDone(ctx context.Context, r io.Reader) io.Reader {
	pr, pw := io.Pipe()
	stop := context.AfterFunc(ctx, func() { pw.CloseWithError(context.Cause(ctx)) })
	go func() {
		defer stop()
		// The struct hides other methods of r, so that the buffer is used.
		_, err := io.CopyBuffer(pw, struct{ io.Reader }{r}, make([]byte, stdinBuffer))
		pw.CloseWithError(err)
	}()
	return pr
}
