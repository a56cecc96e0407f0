// Package corpus has the data that a benchmark runs on, by name. All of it can
// be had by anybody: Go modules from the module proxy and a package from the npm
// registry, at pinned versions with pinned checksums, and a generator with a
// seed.
//
// What was made once is kept below the cache directory, which may be removed at
// any time. A corpus is built beside its place and renamed into it: what stands
// there is whole. Modules carry neither times nor execute bits; a release's
// files get one time, a day after those of the release before, and what begins
// like a program or a script is executable.
package corpus

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/artifortress/afs-engine/bench"
)

// Spec is a corpus that can be made.
type Spec struct {
	Name          string
	About         string
	Mounts        bool       // see bench.Corpus
	Part          bench.Part // what a run of everything does of it
	DownloadBytes int64      // at most, about
	CacheBytes    int64      // what stays in the cache, about
	build         func(ctx context.Context, c *cache, dir string) error
}

// Errors of this package.
var (
	ErrUnknown  = errors.New("no such corpus")
	ErrChecksum = errors.New("checksum is not the one that is pinned")
	ErrFetch    = errors.New("cannot be fetched")
)

// All are all corpora.
func All() []Spec {
	return []Spec{toolchains(), text(), typescript(), binaries(), zips(), syntheticFull()}
}

// Quick are the corpora of a short run: no downloads.
func Quick() []Spec { return []Spec{synthetic("synthetic-small", smallModel)} }

// Named finds corpora by their names.
func Named(names []string) ([]Spec, error) {
	all := append(All(), Quick()...)
	var chosen []Spec
	for _, name := range names {
		i := slices.IndexFunc(all, func(s Spec) bool { return s.Name == name })
		if i < 0 {
			var known []string
			for _, s := range all {
				known = append(known, s.Name)
			}
			return nil, fmt.Errorf("%w: %s (there are %s)", ErrUnknown, name, strings.Join(known, ", "))
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

// storing are the workloads of a corpus that is there for what becomes of its
// bytes: one way of restoring is enough to check them.
func storing() []string {
	return []string{bench.IngestFirst, bench.IngestNext, bench.IngestReread, bench.IngestAgain, bench.RestoreTmpfs}
}

// Options say where corpora are kept.
type Options struct {
	Dir string       // cache directory, absolute
	Log func(string) // a line for people; nil: silence
}

// Fetch returns a corpus, from the cache if it is there. The error is
// ErrFetch, ErrChecksum, or about the disk; the corpus has its name in any case.
func Fetch(ctx context.Context, s Spec, o Options) (bench.Corpus, error) {
	c := bench.Corpus{Name: s.Name, About: s.About, Mounts: s.Mounts, Part: s.Part}
	dir := filepath.Join(o.Dir, "corpora", s.Name)
	if _, err := os.Stat(dir); err != nil {
		if o.Log != nil {
			o.Log(fmt.Sprintf("%s: made once, in %s: about %d MB, of which at most %d MB are downloaded", s.Name, o.Dir, s.CacheBytes/1e6, s.DownloadBytes/1e6))
		}
		if err := build(ctx, s, &cache{o.Dir}, dir); err != nil {
			return c, fmt.Errorf("corpus %s: %w", s.Name, err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return c, fmt.Errorf("corpus %s: %w", s.Name, err)
	}
	for _, e := range entries {
		_, name, _ := strings.Cut(e.Name(), "-") // its place in the row stands before
		c.Releases = append(c.Releases, bench.Release{Name: name, Dir: filepath.Join(dir, e.Name())})
	}
	return c, nil
}

func build(ctx context.Context, s Spec, c *cache, dir string) error {
	tmp := dir + ".part"
	if err := errors.Join(os.RemoveAll(tmp), os.MkdirAll(tmp, 0o755)); err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	if err := s.build(ctx, c, tmp); err != nil {
		return err
	}
	return os.Rename(tmp, dir)
}

// releaseDir is where release i, called name, is made.
func releaseDir(dir string, i int, name string) string {
	return filepath.Join(dir, fmt.Sprintf("%02d-%s", i+1, name))
}

// releaseTime is the time of all files of release i.
func releaseTime(i int) time.Time {
	return time.Date(2026, time.January, 1+i, 0, 0, 0, 0, time.UTC)
}

// executable reports whether a file that begins with head is run.
func executable(head []byte) bool {
	return isELF(head) || strings.HasPrefix(string(head), "#!")
}

func isELF(head []byte) bool { return strings.HasPrefix(string(head), "\x7fELF") }
