package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"os"

	"github.com/artifortress/afs-engine/engine"
)

// Limits of a batch's lines.
const (
	batchLineMax  = 1 << 20 // bytes of one line
	batchLinesMax = 1 << 20 // lines
	batchBuffer   = 64 << 10
)

// batchLines are the lines of a batch, which are read twice so that none has to
// be kept: each is for checking all of them, again for running them. What can
// be read only once, stdin or a named pipe, is copied to a temporary file on
// the way.
type batchLines struct {
	name  string
	input *os.File     // what was named; nil: stdin
	first io.Reader    // what each reads
	kept  *os.File     // what again reads: the input, or its copy
	size  int64        // bytes that each has read
	hash  maphash.Hash // of these
}

// openBatchLines opens a file, or stdin as "-". Close it.
func (a *app) openBatchLines(ctx context.Context, path string) (l *batchLines, err error) {
	if path == "-" {
		l = &batchLines{name: "stdin", first: untilDone(ctx, a.stdin)}
		return l, l.keepCopy()
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, argError(fmt.Errorf("read batch: %w", err), "check the path of --batch")
	}
	l = &batchLines{name: path, input: file, first: untilDone(ctx, file), kept: file}
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	if info, err := file.Stat(); err != nil || info.Mode().IsRegular() {
		return l, err
	}
	return l, l.keepCopy()
}

// keepCopy has each copy what it reads to a file without a name.
func (l *batchLines) keepCopy() error {
	file, err := os.CreateTemp("", "afs-batch-")
	if err == nil {
		l.kept, err = file, os.Remove(file.Name())
	}
	if err != nil {
		return fmt.Errorf("keep the batch: %w", err)
	}
	l.first = io.TeeReader(l.first, file)
	return nil
}

func (l *batchLines) close() {
	for _, file := range []*os.File{l.input, l.kept} {
		if file != nil {
			file.Close() // of a file that was only read, or that nobody will see
		}
	}
}

// each calls f with every line that is not blank, and its number. The line is
// f's until it returns.
func (l *batchLines) each(f func(n int, line []byte) error) error {
	return l.scan(io.TeeReader(l.first, hashed{l}), f)
}

// again is each once more. It fails if the bytes are no longer those that each
// has read; what was added to the file since is not looked at.
func (l *batchLines) again(f func(n int, line []byte) error) error {
	now := batchLines{name: l.name}
	now.hash.SetSeed(l.hash.Seed())
	from := io.TeeReader(io.NewSectionReader(l.kept, 0, l.size), hashed{&now})
	if err := l.scan(from, f); errors.Is(err, engine.ErrUsage) {
		return l.changed(err.Error()) // each has found nothing wrong
	} else if err != nil {
		return err
	}
	if now.size != l.size || now.hash.Sum64() != l.hash.Sum64() {
		return l.changed("not all lines that ran are those that were checked")
	}
	return nil
}

// changed is the error about lines that are others than before.
func (l *batchLines) changed(how string) error {
	err := fmt.Errorf("%w: %s has changed while the batch ran: %s", engine.ErrIncomplete, l.name, how)
	return engine.WithHint(err, "run the batch again: what is published already is skipped")
}

func (l *batchLines) scan(in io.Reader, f func(n int, line []byte) error) error {
	n := 0
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 0, batchBuffer), batchLineMax)
	for lines.Scan() {
		if n++; n > batchLinesMax {
			return usagef("%s: more than %d lines", l.name, batchLinesMax)
		}
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		if err := f(n, lines.Bytes()); err != nil {
			return err
		}
	}
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		return usagef("%s:%d: a line over %s", l.name, n+1, size(batchLineMax))
	} else if err != nil {
		return fmt.Errorf("read batch: %w", err)
	}
	return nil
}

// hashed counts and hashes what is read.
type hashed struct{ l *batchLines }

func (h hashed) Write(b []byte) (int, error) {
	h.l.size += int64(len(b))
	return h.l.hash.Write(b)
}
