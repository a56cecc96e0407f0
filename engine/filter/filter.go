// Package filter decides which paths of a tree are taken, by patterns in the
// syntax of gitignore(5). Single patterns are matched by git-lfs/wildmatch; which
// pattern decides is settled here, and tests hold the whole to
// `git check-ignore`. The library differs from git in corners that people
// hardly write: "]" or "-" at the edge of a bracket, "**/*" and "**/**". It tries
// every way to share a name between stars, so more than a few are refused.
//
// Two lists of patterns work together:
//
//   - What the exclude patterns match is left out, a directory with all that is
//     below it, so a later "!pattern" cannot bring back a file out of a
//     directory that is left out. Weakest first: patterns from files
//     (ExcludeFrom), ignore files of the tree (outer directories before inner
//     ones), Exclude. Within the list the last pattern that matches decides.
//   - If there are include patterns, only what they match is taken, or stands
//     below a directory that they match. A directory that leads to such a path
//     is kept; one that turns out to hold nothing that is taken is not.
//
// Paths are slices of segments relative to the tree's root.
package filter

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

// ErrBadPattern is wrapped by every error about a pattern.
var ErrBadPattern = errors.New("bad pattern")

// Options are the patterns. The zero value takes everything.
type Options struct {
	Exclude     []string
	Include     []string
	ExcludeFrom []string // files with a pattern on each line, as gitignore files have them
	IgnoreFiles []string // names, such as ".gitignore", of files in the tree that add patterns for their directory
}

// Verdict is what a filter says of a path.
type Verdict uint8

// The verdicts.
const (
	Skip  Verdict = iota // not taken, and nothing below it
	Below                // a directory that is kept only if something below it is taken
	Take
)

// Filter is a set of patterns. It is immutable and safe for concurrent use;
// a nil Filter takes everything.
type Filter struct {
	files       []*pattern // ExcludeFrom
	exclude     []*pattern
	include     []*pattern
	ignoreFiles []string
}

// New compiles o. Files that cannot be read and patterns that can never match
// because of their form are errors.
func New(o Options) (*Filter, error) {
	f := &Filter{ignoreFiles: o.IgnoreFiles}
	for _, name := range o.ExcludeFrom {
		ps, err := readPatternFile(name)
		if err != nil {
			return nil, err
		}
		f.files = append(f.files, ps...)
	}
	var err error
	if f.exclude, err = compileAll(o.Exclude); err != nil {
		return nil, err
	}
	if f.include, err = compileAll(o.Include); err != nil {
		return nil, err
	}
	return f, nil
}

// Without is a filter that leaves out what the patterns match, too. They come
// last in the list of exclude patterns.
func (f *Filter) Without(exclude ...string) (*Filter, error) {
	if len(exclude) == 0 {
		return f, nil
	}
	ps, err := compileAll(exclude)
	if err != nil {
		return nil, err
	}
	var less Filter
	if f != nil {
		less = *f
	}
	less.exclude = slices.Concat(less.exclude, ps)
	return &less, nil
}

func compileAll(list []string) (ps []*pattern, err error) {
	for _, s := range list {
		p, err := compile(s)
		if err != nil {
			return nil, err
		}
		ps = append(ps, p)
	}
	return ps, nil
}

func readPatternFile(name string) ([]*pattern, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read patterns: %w", err)
	}
	defer file.Close()
	ps, err := parse(file, true)
	if err != nil {
		return nil, fmt.Errorf("read patterns from %s: %w", name, err)
	}
	return ps, nil
}

// Match judges a path by itself, looking at the directories above it as well.
// It knows nothing of ignore files in the tree; a Scope does.
func (f *Filter) Match(path []string, isDir bool) Verdict {
	scope, err := f.Root(nil)
	if err != nil {
		return Skip // cannot be: there are no ignore files to read
	}
	for i, name := range path {
		last := i == len(path)-1
		v := scope.Match(name, isDir || !last)
		if last || v == Skip {
			return v
		}
		if scope, err = scope.Enter(name, nil); err != nil {
			return Skip // without ignore files there is nothing that could fail
		}
	}
	return Take
}

// OpenFunc opens a file of the directory that is entered; an error that is
// fs.ErrNotExist says that there is none.
type OpenFunc func(name string) (io.ReadCloser, error)
