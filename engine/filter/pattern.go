package filter

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

// patternFileMax bounds a file of patterns, in bytes: it is held whole.
const patternFileMax = 4 << 20

// pattern is one compiled line:
//
//	[!] [/] segment { / segment } [/]
//
// A segment "**" stands for any number of directories. A pattern without a
// slash, but for one at its end, matches at any depth.
type pattern struct {
	negated  bool
	dirOnly  bool
	anyDepth bool
	segments []string
}

// compile reads a pattern. A pattern that could never match is an error.
func compile(s string) (*pattern, error) {
	p := &pattern{}
	rest := trimSpaces(s)
	rest, p.negated = strings.CutPrefix(rest, "!")
	rest, p.dirOnly = strings.CutSuffix(rest, "/")
	p.anyDepth = !strings.Contains(rest, "/")
	rest = strings.TrimPrefix(rest, "/")
	p.segments = strings.Split(rest, "/")
	for _, seg := range p.segments {
		if err := checkSegment(seg); err != nil {
			return nil, fmt.Errorf("%w %q: %w", ErrBadPattern, s, err)
		}
	}
	return p, nil
}

// trimSpaces takes spaces off the end, up to one that a backslash quotes.
func trimSpaces(s string) string {
	end := 0
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' {
			i++
		} else if s[i] == ' ' {
			continue
		}
		end = min(i+1, len(s))
	}
	return s[:end]
}

// parse reads a file of patterns: one a line, "#" begins a comment. Bad ones
// are errors if strict, and otherwise, as git has it, match nothing.
func parse(r io.Reader, strict bool) (ps []*pattern, err error) {
	text, err := io.ReadAll(io.LimitReader(r, patternFileMax+1))
	if err != nil {
		return nil, err
	}
	if len(text) > patternFileMax {
		return nil, fmt.Errorf("larger than %d bytes", patternFileMax)
	}
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	number := 0
	for line := range strings.SplitSeq(string(text), "\n") {
		number++
		line = strings.TrimSuffix(line, "\r")
		if line == "" || line[0] == '#' || trimSpaces(line) == "" {
			continue
		}
		p, err := compile(line)
		switch {
		case err == nil:
			ps = append(ps, p)
		case strict:
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
	}
	return ps, nil
}

// match reports whether the pattern matches exactly this path, which is not
// empty.
func (p *pattern) match(path []string, isDir bool) bool {
	if p.dirOnly && !isDir {
		return false
	}
	if p.anyDepth {
		return matchSegment(p.segments[0], path[len(path)-1])
	}
	return matchPath(p.segments, path)
}

// matchPath is a glob over segments, in which "**" is the star: on a mismatch
// it goes back to the last one and has it take one segment more. At the end of
// the pattern "**" takes at least one: "a/**" is all that is below a, not a.
func matchPath(segments, path []string) bool {
	star, taken := -1, 0
	i, j := 0, 0
	for j < len(path) {
		switch {
		case i < len(segments) && segments[i] == "**":
			star, taken = i, j
			i++
		case i < len(segments) && matchSegment(segments[i], path[j]):
			i++
			j++
		case star >= 0:
			taken++
			i, j = star+1, taken
		default:
			return false
		}
	}
	return i == len(segments)
}

// mayMatchBelow reports whether the pattern could match something below dir.
// It errs on the side of yes.
func (p *pattern) mayMatchBelow(dir []string) bool {
	if p.anyDepth {
		return true
	}
	for i, name := range dir {
		if i == len(p.segments) {
			return false
		}
		if p.segments[i] == "**" {
			return true
		}
		if !matchSegment(p.segments[i], name) {
			return false
		}
	}
	return len(p.segments) > len(dir)
}
