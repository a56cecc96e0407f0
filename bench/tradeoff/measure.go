package tradeoff

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sort"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/artifortress/afs-engine/backends/localfs"
	"github.com/artifortress/afs-engine/bench"
	"github.com/artifortress/afs-engine/engine"
	"github.com/artifortress/afs-engine/engine/registry"
	"github.com/artifortress/afs-engine/engine/source"
)

// block is how much a cold read asks for.
const block = 4 << 10

// Options say what is measured, and where.
type Options struct {
	Corpus  bench.Corpus // its releases go into each store in their order
	Choices []Choice     // a store each
	Reads   int          // cold reads of each store
	Seed    uint64       // decides on their places, the same in each store
	Work    string       // the stores are made in a directory of their own below it
	Now     func() time.Time
	Log     func(string) // a line for a person, after each point; nil: none
}

// Measure measures one choice after the other. When ctx ends, or a choice
// cannot be had, it returns what it has and the error.
func Measure(ctx context.Context, o Options) (r *Result, err error) {
	if o.Reads < 1 || len(o.Choices) == 0 || len(o.Corpus.Releases) == 0 {
		return nil, fmt.Errorf("%w: at least one choice, one release and one read", bench.ErrOptions)
	}
	if o.Log == nil {
		o.Log = func(string) {}
	}
	work, err := os.MkdirTemp(o.Work, "tradeoff-")
	if err != nil {
		return nil, fmt.Errorf("make the work directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	start := o.Now()
	r = &Result{Schema: Schema, Started: start.UTC().Truncate(time.Second), Host: bench.DescribeHost(work), Reads: o.Reads,
		Corpus: bench.CorpusInfo{Name: o.Corpus.Name, About: o.Corpus.About}}
	for i, c := range o.Choices {
		p, err := o.point(ctx, filepath.Join(work, "store"), c, r)
		if err != nil {
			return r, fmt.Errorf("%s: %w", c, err)
		}
		r.Points = append(r.Points, p)
		r.Seconds = o.Now().Sub(start).Seconds()
		o.Log(fmt.Sprintf("%d of %d: %s: %.1f MB, %.0f µs a cold read", i+1, len(o.Choices), c, float64(p.Bytes())/1e6, p.ReadSeconds*1e6))
	}
	return r, nil
}

// point makes a store, measures it, and removes it.
func (o *Options) point(ctx context.Context, dir string, c Choice, r *Result) (p Point, err error) {
	p.Choice = c
	create, err := c.options(o.Now)
	if err != nil {
		return p, err
	}
	if err := localfs.Create(dir); err != nil {
		return p, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	store, err := localfs.Open(dir, localfs.Options{})
	if err != nil {
		return p, err
	}
	if _, err := engine.Create(ctx, store, create); err != nil {
		return p, err
	}
	parts := engine.Components{Store: store, IndexDir: filepath.Join(dir, "index"), Now: o.Now}
	last, err := o.fill(ctx, parts, &p, r)
	if err != nil {
		return p, err
	}
	if p.IndexBytes, _, err = bench.DiskUsage(parts.IndexDir, nil); err != nil {
		return p, err
	}
	p.ReadSeconds, err = o.coldReads(ctx, parts, dir, last)
	return p, err
}

// fill takes all releases in and counts. It returns the last one's name.
func (o *Options) fill(ctx context.Context, parts engine.Components, p *Point, r *Result) (ref registry.Ref, err error) {
	e, err := engine.Open(ctx, parts, engine.Settings{})
	if err != nil {
		return ref, err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	var releases []bench.ReleaseInfo
	for _, release := range o.Corpus.Releases {
		if ref, err = registry.ParseRef("bench/data@" + release.Name); err != nil {
			return ref, err
		}
		before := cpuSeconds()
		res, err := e.Ingest(ctx, engine.IngestRequest{Source: source.Dir(release.Dir, source.Options{}), Ref: ref})
		if err != nil {
			return ref, err
		}
		p.CPUSeconds += cpuSeconds() - before
		releases = append(releases, bench.ReleaseInfo{Name: release.Name, Files: res.Files, Bytes: res.Bytes})
	}
	r.Corpus.Releases = releases
	stats, err := e.Stats(ctx)
	p.StoredBytes, p.Chunks = stats.StoredBytes, stats.Chunks
	return ref, err
}

// cacheFew is a cache for what one read needs: two chunks of a frame decode it
// once. Of a release of some hundred MB, hardly a frame is left for the next.
const cacheFew = 4 << 20

// coldReads reads at places that are spread evenly over all files of a version,
// in random order, so that hardly one finds what an earlier one has fetched or
// decoded. The index is warm, as it is in a mount that has run for a while.
func (o *Options) coldReads(ctx context.Context, parts engine.Components, dir string, ref registry.Ref) (mean float64, err error) {
	e, err := engine.Open(ctx, parts, engine.Settings{CacheBytes: cacheFew})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	v, err := e.Version(ctx, ref)
	if err != nil {
		return 0, err
	}
	files, total, err := regular(v.FS(ctx))
	if err != nil {
		return 0, err
	}
	rnd, buf := rand.New(rand.NewPCG(o.Seed, 1)), make([]byte, block)
	var took time.Duration
	for _, part := range rnd.Perm(o.Reads) {
		at := int64((float64(part) + rnd.Float64()) / float64(o.Reads) * float64(total))
		f := files[sort.Search(len(files)-1, func(i int) bool { return files[i].end > at })]
		opened, err := v.FS(ctx).Open(f.name)
		if err != nil {
			return 0, err
		}
		if err := dropPages(dir); err != nil {
			return 0, errors.Join(err, opened.Close())
		}
		within := min(at-(f.end-f.size), max(f.size-block, 0))
		start := time.Now()
		_, err = opened.(io.ReaderAt).ReadAt(buf[:min(block, f.size)], within)
		took += time.Since(start)
		if err := errors.Join(err, opened.Close()); err != nil {
			return 0, err
		}
	}
	return took.Seconds() / float64(o.Reads), nil
}

type file struct {
	name      string
	size, end int64 // end: of all files up to this one
}

// regular are the files that have something to read, and all their bytes.
func regular(fsys fs.FS) (files []file, total int64, err error) {
	err = fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Size() > 0 {
			total += info.Size()
			files = append(files, file{name, info.Size(), total})
		}
		return err
	})
	if err == nil && total == 0 {
		err = fmt.Errorf("%w: the newest release has no bytes to read", bench.ErrCorpus)
	}
	return files, total, err
}

// dropPages has the kernel forget what it holds of the objects below dir, which
// are synced already.
func dropPages(dir string) error {
	return filepath.WalkDir(filepath.Join(dir, "packs"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		return unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
	})
}

// cpuSeconds is what this process has used so far.
func cpuSeconds() float64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}
