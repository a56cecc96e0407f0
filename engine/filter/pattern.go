package filter

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/git-lfs/wildmatch/v2"
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
	whole    *wildmatch.Wildmatch
	segments []*wildmatch.Wildmatch // one by one; nil for "**"
}

// compile reads a pattern. A pattern that could never match is an error.
func compile(s string) (*pattern, error) {
	p := &pattern{}
	rest := trimSpaces(s)
	rest, p.negated = strings.CutPrefix(rest, "!")
	rest, p.dirOnly = strings.CutSuffix(rest, "/")
	p.anyDepth = !strings.Contains(rest, "/")
	rest = strings.TrimPrefix(rest, "/")
	var err error
	names := strings.Split(rest, "/")
	for i, seg := range names {
		var g *wildmatch.Wildmatch
		if seg == "" {
			err = errEmptySegment
		}
		if err == nil {
			names[i], err = oneStar(seg)
		}
		if seg != "**" && err == nil {
			err = glob(names[i], &g)
		}
		p.segments = append(p.segments, g)
	}
	if strings.Count("/"+rest+"/", "/**/") > starsMax {
		err = errStars
	}
	if err == nil {
		err = glob(strings.Join(names, "/"), &p.whole)
	}
	if err != nil {
		return nil, fmt.Errorf("%w %q: %w", ErrBadPattern, s, err)
	}
	return p, nil
}

// starsMax bounds the stars of a segment and the "**" of a pattern: the library
// tries every way to share a name between them.
const starsMax = 4

// oneStar makes a single star of several in a row, which mean the same, and
// refuses too many. "**" by itself is left alone.
func oneStar(seg string) (string, error) {
	if seg == "**" {
		return seg, nil
	}
	var b strings.Builder
	stars := 0
	for i := 0; i < len(seg); i++ {
		if seg[i] == '*' && i > 0 && seg[i-1] == '*' && (i < 2 || seg[i-2] != '\\') {
			continue
		}
		if seg[i] == '*' {
			stars++
		}
		b.WriteByte(seg[i])
	}
	if stars > starsMax {
		return "", errStars
	}
	return b.String(), nil
}

// closed finds the forms that git says never match and the library lets pass.
func closed(s string) error {
	inside := false // a bracket
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\':
			if i++; i == len(s) {
				return errBackslash
			}
		case !inside && s[i] == '[':
			inside = true
			if i+1 < len(s) && (s[i+1] == '!' || s[i+1] == '^') {
				i++
			}
			if i+1 < len(s) && s[i+1] == ']' {
				i++ // the first in a bracket is a member of it
			}
		case inside && strings.HasPrefix(s[i:], "[:"):
			if end := strings.Index(s[i:], ":]"); end > 0 {
				i += end + 1
			}
		case inside && s[i] == ']':
			inside = false
		}
	}
	if inside {
		return errOpenBracket
	}
	return nil
}

var (
	errEmptySegment = errors.New("an empty segment")
	errOpenBracket  = errors.New("a '[' without its ']'")
	errStars        = errors.New("more than 4 stars in a name, or more than 4 \"**\"")
	errBackslash    = errors.New("a backslash at the end")
)

// unquote takes away backslashes that quote what needs no quoting: the library
// would read them as slashes.
func unquote(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) && !strings.ContainsRune(`\[]*?#`, rune(s[i+1])) {
			continue
		}
		if b.WriteByte(s[i]); s[i] == '\\' && i+1 < len(s) {
			i++
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// glob compiles s. The library panics at what it cannot read.
func glob(s string, g **wildmatch.Wildmatch) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	if err := closed(s); err != nil {
		return err
	}
	*g = wildmatch.NewWildmatch(unquote(s))
	return nil
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
		return p.whole.Match(path[len(path)-1])
	}
	return p.whole.Match(strings.Join(path, "/"))
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
		if p.segments[i] == nil {
			return true
		}
		if !p.segments[i].Match(name) {
			return false
		}
	}
	return len(p.segments) > len(dir)
}
