package bench

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Corpus is what is stored: releases of one thing, in order.
type Corpus struct {
	Name     string
	About    string
	Releases []Release
	Mounts   bool // the workloads of mounts are worth their time on it
	Part     Part
}

// Part is what of a corpus a run does, so that it ends in time. The zero value
// is all of it.
type Part struct {
	Reps      int      // repetitions, at most; 0: as many as the run has
	Workloads []string // nil: all
	Without   []string // contenders
}

// String says in words what is done, or is "" if that is all.
func (p Part) String() string {
	var says []string
	switch {
	case p.Reps == 1:
		says = append(says, "one repetition")
	case p.Reps > 1:
		says = append(says, fmt.Sprintf("at most %d repetitions", p.Reps))
	}
	if p.Workloads != nil {
		says = append(says, "only "+strings.Join(p.Workloads, ", "))
	}
	if len(p.Without) > 0 {
		says = append(says, "without "+strings.Join(p.Without, ", "))
	}
	return strings.Join(says, "; ")
}

// Release is one release of a corpus.
type Release struct {
	Name string // letters, digits and . _ -
	Dir  string // absolute
}

// ErrCorpus means that a corpus cannot be used as it is.
var ErrCorpus = errors.New("corpus cannot be used")

// Own makes a corpus of a user's directories, a release each.
func Own(name string, dirs []string) (Corpus, error) {
	c := Corpus{Name: name, About: "directories named on the command line, one release each", Mounts: true}
	for i, dir := range dirs {
		abs, err := filepath.Abs(dir)
		if err != nil {
			return c, fmt.Errorf("%w: %s: %w", ErrCorpus, dir, err)
		}
		info, err := os.Stat(abs)
		if err != nil {
			return c, fmt.Errorf("%w: %w", ErrCorpus, err)
		}
		if !info.IsDir() {
			return c, fmt.Errorf("%w: %s is not a directory", ErrCorpus, dir)
		}
		c.Releases = append(c.Releases, Release{"r" + strconv.Itoa(i+1), abs})
	}
	return c, nil
}

// bases are the releases' {base}.
func (c Corpus) bases() []string {
	var bases []string
	seen := map[string]int{}
	for _, r := range c.Releases {
		base := filepath.Base(r.Dir)
		n := seen[base]
		seen[base]++
		if n > 0 {
			base += "_" + strconv.Itoa(n)
		}
		bases = append(bases, base)
	}
	return bases
}

// file is a regular file of a release.
type file struct {
	path string // relative
	size int64
}

// survey lists the regular files of a release and counts all that is not a
// directory.
func survey(r Release) (ReleaseInfo, []file, error) {
	info := ReleaseInfo{Name: r.Name}
	var files []file
	err := filepath.WalkDir(r.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info.Files++
		if !d.Type().IsRegular() {
			return nil
		}
		i, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(r.Dir, path)
		if err != nil {
			return err
		}
		info.Bytes += i.Size()
		files = append(files, file{rel, i.Size()})
		return nil
	})
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("%s has no files", r.Dir)
	}
	if err != nil {
		return info, nil, fmt.Errorf("%w: %w", ErrCorpus, err)
	}
	return info, files, nil
}

// largest are the largest of files, at most n of them and, but for the first,
// at most total bytes together.
func largest(files []file, n int, total int64) []file {
	files = slices.SortedFunc(slices.Values(files), func(a, b file) int {
		return cmp.Or(cmp.Compare(b.size, a.size), cmp.Compare(a.path, b.path))
	})
	var chosen []file
	for _, f := range files {
		if len(chosen) == n {
			break
		}
		if len(chosen) > 0 && f.size > total {
			continue
		}
		total -= f.size
		chosen = append(chosen, f)
	}
	return chosen
}
