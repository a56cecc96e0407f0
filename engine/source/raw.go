package source

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/artifortress/afs-engine/engine/manifest"
)

// Raw is one file called name, with the bytes of r. It has no time of its own
// and gets o.Epoch.
func Raw(r io.Reader, name string, o Options) Source { return &rawSource{r, name, o} }

type rawSource struct {
	r    io.Reader
	name string
	o    Options
}

func (s *rawSource) Walk(ctx context.Context, v Visitor) error {
	if s.name == "" || s.name == "." || s.name == ".." || strings.ContainsAny(s.name, "/\x00") || nameProblem(s.name) != "" {
		return fmt.Errorf("read stream: %q cannot be a file's name", s.name)
	}
	if err := v.Enter(s.o.entry("", manifest.Dir, dirMode, s.o.epoch())); err != nil {
		return err
	}
	e := s.o.entry(s.name, manifest.File, fileMode, s.o.epoch())
	var err error
	if e.Content, e.Size, err = v.Content(s.name, contextReader{ctx, s.r}); err != nil {
		return fmt.Errorf("read stream: %w", err)
	}
	if err := v.Stored(e); err != nil {
		return err
	}
	return v.Leave()
}

// Measure cannot know what a stream will bring.
func (s *rawSource) Measure(context.Context, func(files, bytes int64)) {}

// contextReader stops reading between two reads.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(b []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(b)
}
