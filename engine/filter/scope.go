package filter

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
)

// Scope is a Filter as it applies in one directory, for walkers: from Root,
// which is the tree's root, Enter leads to a directory below. A nil Scope takes
// everything. A Scope may be used by one goroutine at a time, together with
// those entered from it.
type Scope struct {
	filter *Filter
	path   []string // of the directory
	levels []level  // ignore files from the root down to here
	taken  bool     // the include patterns take what is here unless they say otherwise
}

// level is what one directory's ignore files say.
type level struct {
	depth    int // of the directory: its patterns see paths without that many segments
	patterns []*pattern
}

// Root is the scope of the tree's root. open reads ignore files in it; with a
// nil open there are none. If one cannot be read the scope is still good, and
// the error says which.
func (f *Filter) Root(open OpenFunc) (*Scope, error) {
	if f == nil {
		return nil, nil
	}
	s := &Scope{filter: f, taken: len(f.include) == 0}
	return s, s.readIgnoreFiles(open)
}

// Enter is the scope of the directory name of s, which Match did not skip.
// For open and the error see Root.
func (s *Scope) Enter(name string, open OpenFunc) (*Scope, error) {
	if s == nil {
		return nil, nil
	}
	child := &Scope{
		filter: s.filter,
		path:   append(slices.Clip(s.path), name),
		levels: slices.Clip(s.levels),
		taken:  s.includes(append(s.path, name), true),
	}
	return child, child.readIgnoreFiles(open)
}

// Match judges a name of the directory.
func (s *Scope) Match(name string, isDir bool) Verdict {
	if s == nil {
		return Take
	}
	path := append(s.path, name)
	switch {
	case s.excludes(path, isDir):
		return Skip
	case s.includes(path, isDir):
		return Take
	case isDir && s.leadsToIncluded(path):
		return Below
	}
	return Skip
}

// excludes asks the strongest list first: the first that says anything decides.
func (s *Scope) excludes(path []string, isDir bool) bool {
	if p := lastMatch(s.filter.exclude, path, isDir); p != nil {
		return !p.negated
	}
	for _, l := range slices.Backward(s.levels) {
		if p := lastMatch(l.patterns, path[l.depth:], isDir); p != nil {
			return !p.negated
		}
	}
	if p := lastMatch(s.filter.files, path, isDir); p != nil {
		return !p.negated
	}
	return false
}

func (s *Scope) includes(path []string, isDir bool) bool {
	if p := lastMatch(s.filter.include, path, isDir); p != nil {
		return !p.negated
	}
	return s.taken
}

// leadsToIncluded spares walking directories below which no include pattern
// can match.
func (s *Scope) leadsToIncluded(dir []string) bool {
	return slices.ContainsFunc(s.filter.include, func(p *pattern) bool {
		return !p.negated && p.mayMatchBelow(dir)
	})
}

func lastMatch(ps []*pattern, path []string, isDir bool) *pattern {
	for _, p := range slices.Backward(ps) {
		if p.match(path, isDir) {
			return p
		}
	}
	return nil
}

func (s *Scope) readIgnoreFiles(open OpenFunc) error {
	if open == nil {
		return nil
	}
	var errs []error
	for _, name := range s.filter.ignoreFiles {
		ps, err := readIgnoreFile(open, name)
		if err != nil {
			errs = append(errs, fmt.Errorf("read ignore file %s: %w", name, err))
		}
		if len(ps) > 0 {
			s.levels = append(s.levels, level{len(s.path), ps})
		}
	}
	return errors.Join(errs...)
}

func readIgnoreFile(open OpenFunc, name string) ([]*pattern, error) {
	r, err := open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return parse(r, false)
}
