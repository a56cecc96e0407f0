package manifest

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/artifortress/afs-engine/chunker"
)

// checkName returns ErrName, wrapped with the reason, for what no directory
// can hold.
func checkName(name string) error {
	switch {
	case len(name) > NameMax:
		return fmt.Errorf("%w: %d bytes, want at most %d", ErrName, len(name), NameMax)
	case !validName(name):
		return fmt.Errorf("%w: %q", ErrName, name)
	}
	return nil
}

func validName[T ~string | ~[]byte](name T) bool {
	switch string(name) {
	case "", ".", "..":
		return false
	}
	for i := range len(name) {
		if name[i] == 0 || name[i] == '/' {
			return false
		}
	}
	return len(name) <= NameMax
}

func validTarget(t []byte) bool {
	return len(t) > 0 && len(t) <= TargetMax && bytes.IndexByte(t, 0) < 0
}

// checkEntry returns ErrEntry, wrapped with the reason, for what a decoder
// would refuse. The name is not looked at. Trees of a directory are checked
// only if subtrees is set: while it is being written, it has none.
func checkEntry(e *Entry, subtrees bool) error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: %q: %s", ErrEntry, e.Name, fmt.Sprintf(format, args...))
	}
	c := &e.Content
	noContent := len(c.Segments) == 0 && c.List.IsZero() && c.Count == 0
	noTree := e.Tree.IsZero() && e.Attr.Tree.IsZero() && e.Summary == Summary{}
	switch {
	case e.Attr.Mode > 07777:
		return bad("mode %o", e.Attr.Mode)
	case e.Attr.Owner.UID > OwnerMax || e.Attr.Owner.GID > OwnerMax || !e.Attr.Owner.Known && e.Attr.Owner != Owner{}:
		return bad("owner %v", e.Attr.Owner)
	case !e.Attr.Links.IsZero() && e.Kind != File:
		return bad("a %s with hard links", e.Kind)
	case !e.Attr.Links.IsZero() && e.Attr.Links.check() != "":
		return bad("%s", e.Attr.Links.check())
	case e.Exec && e.Kind != File:
		return bad("a %s that is executable", e.Kind)
	case e.Target != "" && e.Kind != Symlink:
		return bad("a %s with a link target", e.Kind)
	case !noContent && e.Kind != File:
		return bad("a %s with content", e.Kind)
	case !noTree && e.Kind != Dir:
		return bad("a %s with a subtree", e.Kind)
	}
	if err := CheckXattrs(e.Attr.Xattrs); err != nil {
		return fmt.Errorf("%q: %w", e.Name, err)
	}
	switch e.Kind {
	case File:
		if why := c.check(e.Size); why != "" {
			return bad("%s", why)
		}
	case Symlink:
		if len(e.Target) == 0 || len(e.Target) > TargetMax || strings.IndexByte(e.Target, 0) >= 0 {
			return bad("a link target of %d bytes, want 1 to %d without NUL", len(e.Target), TargetMax)
		}
	case Dir:
		if subtrees && (e.root || e.Tree.IsZero() || e.Attr.Tree.IsZero() || !e.Summary.valid()) {
			return bad("a directory that is a root or has no subtrees")
		}
	default:
		return bad("unknown kind %d", e.Kind)
	}
	return nil
}

// check says what is wrong with the content of a file of size bytes, or "".
func (c *Content) check(size int64) string {
	if !c.List.IsZero() {
		if len(c.Segments) > 0 || c.Count <= InlineSegments || c.Count > size {
			return fmt.Sprintf("a chunk list of %d segments for %d bytes, with %d more segments", c.Count, size, len(c.Segments))
		}
		return ""
	}
	if c.Count != 0 || len(c.Segments) > InlineSegments {
		return fmt.Sprintf("%d segments without a chunk list, want at most %d", len(c.Segments), InlineSegments)
	}
	left, zeros := size, false
	for _, s := range c.Segments {
		if why := s.check(); why != "" {
			return why
		}
		if zeros && s.Zero() {
			return "two runs of zeros in a row"
		}
		if zeros = s.Zero(); s.Length > left {
			return "segments longer than the file"
		}
		left -= s.Length
	}
	if left != 0 {
		return fmt.Sprintf("segments that miss its size by %d bytes", left)
	}
	return ""
}

func (s Segment) check() string {
	if s.Length <= 0 || !s.Zero() && s.Length > chunker.MaxSize {
		return fmt.Sprintf("a segment of %d bytes", s.Length)
	}
	return ""
}
