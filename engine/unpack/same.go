package unpack

import (
	"context"
	"errors"
	"io"
	"os"

	"golang.org/x/sync/errgroup"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine/dirfd"
	"github.com/artifortress/afs-engine/engine/manifest"
)

// comparedBytes is about how much of a file one goroutine compares at a time.
const comparedBytes = 4 << 20

var errDifferent = errors.New("different")

// sameBytes reads a file that is there and checks it against its chunk ids,
// parts of a large one side by side.
func (u *unpacker) sameBytes(p *place, e manifest.Entry) (bool, error) {
	f, err := p.dir.OpenFile(e.Name, os.O_RDONLY, 0)
	if err != nil {
		return false, err
	}
	defer f.Close()
	g, ctx := errgroup.WithContext(u.ctx)
	g.SetLimit(u.o.Workers)
	err = u.compare(ctx, g, f, e)
	if gerr := g.Wait(); gerr != nil {
		err = gerr // the first, of which the other may be a consequence
	}
	if err == errDifferent {
		return false, nil
	}
	return err == nil, err
}

func (u *unpacker) compare(ctx context.Context, g *errgroup.Group, f *dirfd.File, e manifest.Entry) error {
	var part []manifest.Extent
	size := int64(0)
	for x, err := range manifest.Segments(ctx, u.src, e.Content, 0) {
		if err != nil {
			return err
		}
		part, size = append(part, x), size+x.Length
		if size >= comparedBytes {
			batch := part
			g.Go(func() error { return samePart(ctx, f, batch) })
			part, size = nil, 0
		}
	}
	return samePart(ctx, f, part)
}

func samePart(ctx context.Context, f *dirfd.File, part []manifest.Extent) error {
	var buf []byte
	for _, x := range part {
		limit := int64(chunker.MaxSize)
		if x.Zero() {
			limit = zeroRead
		}
		for done := int64(0); done < x.Length; done += int64(len(buf)) {
			if n := min(x.Length-done, limit); int64(cap(buf)) < n {
				buf = make([]byte, n)
			} else {
				buf = buf[:n]
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			if _, err := f.ReadAt(buf, x.Offset+done); err == io.EOF {
				return errDifferent
			} else if err != nil {
				return err
			}
			if x.Zero() && !allZero(buf) || !x.Zero() && chunker.Sum(buf) != x.ID {
				return errDifferent
			}
		}
	}
	return nil
}

// zeroRead is how much of a run of zeros is read at once, in bytes.
const zeroRead = 256 << 10

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
