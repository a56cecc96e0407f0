package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/artifortress/afs-engine/engine"
)

// errPipeClosed means that nobody reads stdout any more.
var errPipeClosed = errors.New("nobody reads the output")

// pipeWriter tells a closed pipe on stdout from one anywhere else.
type pipeWriter struct{ w io.Writer }

func (p *pipeWriter) Write(b []byte) (int, error) {
	n, err := p.w.Write(b)
	if errors.Is(err, syscall.EPIPE) {
		err = errPipeClosed
	} else if err != nil {
		err = stdoutError(fmt.Errorf("write to stdout: %w", err))
	}
	return n, err
}

// stdoutError keeps a failing stdout, a terminal that is gone say, from being
// taken for a failing store.
func stdoutError(err error) error {
	switch engine.KindOf(err) {
	case engine.KindNoSpace:
		return engine.WithHint(err, "free some space where the output goes, and run it again")
	case engine.KindCorrupt:
		return &kindError{err, engine.KindUnavailable, "look where the output goes, and run it again"}
	}
	return err
}

// output is where results go: text for people, or JSON lines. Each method
// writes whole lines and is safe for concurrent use. It is buffered; verbs
// that take their time call flush after each result.
type output struct {
	mu    sync.Mutex
	w     *bufio.Writer
	json  bool
	color bool
}

func newOutput(w io.Writer) *output { return &output{w: bufio.NewWriterSize(w, 64<<10)} }

// emit writes v, a struct, as a JSON line with its type and version in front.
func (o *output) emit(kind string, v any) error {
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("encode %s: %w", kind, err)
	}
	sep := ","
	if body.Len() == len("{}\n") {
		sep = ""
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	_, err := fmt.Fprintf(o.w, `{"type":%q,"v":1%s%s`, kind, sep, body.Bytes()[1:])
	return err
}

// printf writes text.
func (o *output) printf(format string, args ...any) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, err := fmt.Fprintf(o.w, format, args...)
	return err
}

// Write makes an output a destination for text that is made elsewhere.
func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.w.Write(b)
}

func (o *output) flush() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.w.Flush()
}

// SGR colours.
const (
	red    = 31
	green  = 32
	yellow = 33
)

func (o *output) paint(color int, s string) string {
	if !o.color {
		return s
	}
	return fmt.Sprintf("\x1b[%dm%s\x1b[0m", color, s)
}

// b64 is the value of a name's _b64 field: the name's bytes if JSON cannot
// carry them, else nothing.
func b64(name string) []byte {
	if utf8.ValidString(name) {
		return nil
	}
	return []byte(name)
}

func isTerminal(w any) bool {
	if p, ok := w.(*pipeWriter); ok {
		w = p.w
	}
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
