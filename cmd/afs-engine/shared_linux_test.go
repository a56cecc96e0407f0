package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/artifortress/afs-engine/packfile"
)

// crowd is processes that use one store at once, each of which may be killed at
// any moment and is started again.
type crowd struct {
	t     *testing.T
	store string
	work  string // for sources and destinations
	end   time.Time

	mu        sync.Mutex
	published map[string]uint64 // reference → seed of its content, of those that were acknowledged
	runs      map[string]int    // by verb
	killed    map[string]int
	failures  []string
}

// hangs is how long no process takes, on however slow a machine.
const hangs = 5 * time.Minute

// A mount, two ingests, a batch, a restore, a verify and rebuilds share a store
// and die at random. What was published stays, whole, and whoever is not killed
// succeeds.
func TestProcessesShareAStore(t *testing.T) {
	if !canMount(t) {
		t.Skip("FUSE does not work here")
	}
	span := time.Minute
	if soaking() {
		span = 10 * time.Minute
	}
	c := &crowd{
		t: t, store: filepath.Join(t.TempDir(), "store"), work: t.TempDir(), end: time.Now().Add(span),
		published: map[string]uint64{}, runs: map[string]int{}, killed: map[string]int{},
	}
	afs(t, c.store, 0, "init", "--deltas", "all")
	c.ingest("first", 0)
	var all sync.WaitGroup
	for _, job := range []func(){
		func() { c.ingests("a") }, func() { c.ingests("b") }, c.batches, c.restores, c.verifies, c.rebuilds, c.mounts,
	} {
		all.Go(func() {
			for time.Now().Before(c.end) && !c.failed() {
				job()
			}
		})
	}
	all.Wait()
	for verb, n := range c.runs {
		t.Logf("%-8s %4d processes, %4d of them killed", verb, n, c.killed[verb])
	}
	for _, f := range c.failures {
		t.Error(f)
	}
	afs(t, c.store, 0, "verify", "--read-data")
	for ref, seed := range c.published {
		src := c.source(seed)
		afs(t, c.store, 0, "diff", "--no-attrs", "--exit-code", ref, src)
		_ = os.RemoveAll(src)
	}
	deltas := deltaFrames(t, c.store)
	t.Logf("%d versions are whole, %d frames are deltas", len(c.published), deltas)
	if deltas == 0 {
		t.Error("nothing is a delta")
	}
	for _, verb := range []string{"ingest", "batch", "restore", "verify", "rebuild", "mount"} {
		if c.runs[verb] == 0 || c.killed[verb] == 0 && soaking() {
			t.Errorf("%s: %d runs, %d killed", verb, c.runs[verb], c.killed[verb])
		}
	}
}

func (c *crowd) fail(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failures = append(c.failures, fmt.Sprintf(format, args...))
}

func (c *crowd) failed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.failures) > 0
}

func (c *crowd) acknowledge(ref string, seed uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.published[ref] = seed
}

// some is a version that has been acknowledged.
func (c *crowd) some() (ref string, seed uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := rand.IntN(len(c.published))
	for ref, seed = range c.published {
		if n--; n < 0 {
			break
		}
	}
	return ref, seed
}

// run runs a process, which counts as verb, and kills two of three. It returns whether it ended by
// itself; if it ended badly, the test has failed.
func (c *crowd) run(verb string, args ...string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), hangs)
	defer cancel()
	cmd := exec.CommandContext(ctx, "afs-engine", append([]string{"--store", c.store, "--quiet"}, args...)...)
	var says bytes.Buffer
	cmd.Stdout, cmd.Stderr = io.Discard, &says
	if err := cmd.Start(); err != nil {
		c.fail("%v: %v", args, err)
		return false
	}
	if rand.IntN(3) > 0 {
		timer := time.AfterFunc(rand.N(1500*time.Millisecond), func() { _ = cmd.Process.Kill() })
		defer timer.Stop()
	}
	_ = cmd.Wait()
	c.mu.Lock()
	c.runs[verb]++
	code := cmd.ProcessState.ExitCode()
	if code == -1 {
		c.killed[verb]++
	}
	c.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		c.fail("%v hangs: %s", args, &says)
	case code > 0:
		c.fail("%v: exit %d: %s", args, code, &says)
	}
	return code == 0
}

// source makes the tree that seed stands for: files that many seeds share, some
// of its own, now and then more than fit into a pack, and some that differ from
// those of other seeds here and there.
func (c *crowd) source(seed uint64) string {
	dir, err := os.MkdirTemp(c.work, "src-")
	if err != nil {
		panic(err)
	}
	for i := range 40 {
		s, size := seed, 100_000
		if i%2 == 0 {
			s = seed % 5 // shared
		}
		if i == 1 && seed%8 == 1 {
			size = 40 << 20
		}
		b := make([]byte, size)
		if i%4 == 3 {
			s = 1 << 31
		}
		_, _ = rand.NewChaCha8([32]byte{byte(i), byte(s), byte(s >> 8), byte(s >> 16), byte(s >> 24)}).Read(b)
		if i%4 == 3 {
			for n := range uint64(10) {
				b[(seed*31+n*9973)%uint64(size)] ^= byte(1 + n)
			}
		}
		sub := filepath.Join(dir, fmt.Sprintf("d%d", i%7))
		err := os.MkdirAll(sub, 0o755)
		if err == nil {
			err = os.WriteFile(filepath.Join(sub, fmt.Sprintf("f%d", i)), b, 0o644)
		}
		if err != nil {
			panic(err) // not this test's goroutine
		}
	}
	return dir
}

// deltaFrames counts the delta frames of a store.
func deltaFrames(t *testing.T, dir string) (n int) {
	t.Helper()
	eachPack(t, dir, func(x *packfile.Index) {
		for _, f := range x.Frames {
			if f.Codec == packfile.CodecDelta {
				n++
			}
		}
	})
	return n
}

// ingest publishes a version, if need be in several attempts.
func (c *crowd) ingest(pkg string, seed uint64) {
	ref, src := fmt.Sprintf("go/%s@%d", pkg, seed), c.source(seed)
	defer os.RemoveAll(src)
	for !c.failed() {
		if c.run("ingest", "ingest", src, ref) {
			c.acknowledge(ref, seed)
			return
		}
	}
}

func (c *crowd) ingests(pkg string) { c.ingest(pkg, rand.Uint64N(1<<32)) }

func (c *crowd) batches() {
	var lines bytes.Buffer
	seeds := map[string]uint64{}
	for range 3 {
		seed := rand.Uint64N(1 << 32)
		ref, src := fmt.Sprintf("go/batch@%d", seed), c.source(seed)
		defer os.RemoveAll(src)
		seeds[ref] = seed
		if err := json.NewEncoder(&lines).Encode(map[string]string{"source": src, "ref": ref}); err != nil {
			panic(err)
		}
	}
	file := filepath.Join(c.work, "batch.jsonl")
	if err := os.WriteFile(file, lines.Bytes(), 0o644); err != nil {
		panic(err)
	}
	for !c.run("batch", "ingest", "--jobs", "2", "--batch", file) {
		if c.failed() {
			return
		}
	}
	for ref, seed := range seeds {
		c.acknowledge(ref, seed)
	}
}

func (c *crowd) restores() {
	ref, seed := c.some()
	src, dest := c.source(seed), filepath.Join(c.work, "dest")
	defer os.RemoveAll(src)
	defer os.RemoveAll(dest)
	for resume := []string{"restore"}; !c.failed(); resume = []string{"restore", "--resume"} {
		if c.run("restore", append(resume, ref, dest)...) {
			break
		}
	}
	if !c.failed() {
		c.compare(src, dest, ref)
	}
}

// compare makes sure that the tree at got is that at want.
func (c *crowd) compare(want, got, ref string) {
	if out, err := exec.Command("diff", "-r", want, got).CombinedOutput(); err != nil {
		c.fail("%s is not what was published: %v: %s", ref, err, out)
	}
}

func (c *crowd) verifies() {
	if rand.IntN(2) == 0 {
		c.run("verify", "verify", "--read-data")
	} else {
		c.run("verify", "verify")
	}
}

func (c *crowd) rebuilds() {
	c.run("rebuild", "index", "rebuild")
	time.Sleep(rand.N(2 * time.Second)) // others want to get on, too
}

// mounts mounts the store, reads what is published, what has been before and
// what is published meanwhile, and kills the mount.
func (c *crowd) mounts() {
	dir, err := os.MkdirTemp(c.work, "mnt-")
	if err != nil {
		panic(err)
	}
	cmd := exec.Command("afs-engine", "--store", c.store, "--quiet", "mount", dir)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		panic(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = exec.Command("fusermount3", "-uz", dir).Run()
		_ = os.Remove(dir)
	}()
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		c.fail("the mount said nothing: %v", err)
		return
	}
	for range 1 + rand.IntN(4) {
		ref, seed := c.some()
		src := c.source(seed)
		c.compare(src, filepath.Join(dir, ref), ref)
		_ = os.RemoveAll(src)
		if c.failed() {
			break
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.runs["mount"]++
	c.killed["mount"]++
}
