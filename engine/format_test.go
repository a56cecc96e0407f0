package engine_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/zeebo/blake3"

	"github.com/artifortress/afs-engine/backends"
	"github.com/artifortress/afs-engine/backends/mem"
	"github.com/artifortress/afs-engine/engine"
	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/engine/scrub"
	"github.com/artifortress/afs-engine/packfile"
)

var update = flag.Bool("update", false, "write testdata anew")

// fixtureTree has one of everything that version 1 can hold and is small.
var fixtureTree = files{
	"README":     "a store of format version 1\n",
	"bin/tool":   randomBytes(42, 90_000),
	"bin/twice":  randomBytes(42, 90_000),
	"doc/empty":  "",
	"doc/zeros":  strings.Repeat("\x00", 200_000) + "end",
	"doc/long":   strings.Repeat("line after line\n", 40_000),
	"a/b/c/deep": "deep\n",
	"\xff\xfe":   "a name that is not UTF-8",
}

// A store that version 1 wrote opens for ever.
func TestAStoreOfFormatVersion1Opens(t *testing.T) {
	dir := filepath.Join("testdata", "store-v1")
	if *update {
		writeFixture(t, dir)
	}
	s := mem.New()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		key, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		return s.Put(t.Context(), filepath.ToSlash(key), bytes.NewReader(b))
	})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, store: s, dir: t.TempDir()}
	w.open()
	defer w.close()
	for _, ref := range []string{"old/store@1", "old/store@stable"} {
		v, err := w.Version(t.Context(), mustRef(t, ref))
		if err != nil {
			t.Fatal(err)
		}
		for path, want := range fixtureTree {
			if got, err := readFile(t, v, path); err != nil || got != want {
				t.Errorf("%s:%q: %v, or other bytes", ref, path, err)
			}
		}
	}
	res, err := w.Verify(t.Context(), scrub.Options{ReadData: true}, func(p scrub.Problem) { t.Errorf("%+v", p) })
	if err != nil || res.Versions != 2 {
		t.Fatalf("verify: %+v, %v", res, err)
	}
	if rebuilt, err := w.RebuildIndex(t.Context()); err != nil || rebuilt.Checkpoint == 0 {
		t.Fatalf("its checkpoint was not used: %+v, %v", rebuilt, err)
	}
	w.ingest("old/store@3", files{"new": "a later version writes to it"})
	w.ingest("old/store@4", fixtureTree)
	old, again := versionOf(t, w, "old/store@1"), versionOf(t, w, "old/store@4")
	for c, err := range manifest.Diff(t.Context(), old.Source(), old.Root(), again.Source(), again.Root()) {
		t.Errorf("ingested anew, %+v differs, %v", c, err)
	}
	res, err = w.Verify(t.Context(), scrub.Options{}, func(p scrub.Problem) { t.Errorf("%+v", p) })
	if err != nil || res.Versions != 4 {
		t.Errorf("verify: %+v, %v", res, err)
	}
}

func writeFixture(t *testing.T, dir string) {
	w := worldOn(t, mem.New(), engine.Settings{CheckpointRecords: 1})
	w.ingest("old/store@1", fixtureTree)
	if err := w.Tag(t.Context(), mustRef(t, "old/store@1"), "stable"); err != nil {
		t.Fatal(err)
	}
	w.reopen() // a checkpoint
	w.ingest("old/store@2", files{"README": "after the checkpoint\n"})
	if _, err := w.Ingest(t.Context(), engine.IngestRequest{Source: files{"draft": "d"}, Ref: mustRef(t, "old/store@3-draft"), Draft: true}); err != nil {
		t.Fatal(err)
	}
	all := objects(t, w.store)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	for key, b := range all {
		path := filepath.Join(dir, filepath.FromSlash(key))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, b, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
}

// What a program does not know it must not touch, or not open.
func TestUnknownFeaturesAreRefused(t *testing.T) {
	s := mem.New()
	if _, err := engine.Create(t.Context(), s, engine.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	sound := string(objects(t, s)["config"])
	line, _, _ := strings.Cut(sound, "\n")
	open := func(old, new string) (*engine.Local, error) {
		t.Helper()
		changed := strings.Replace(line, old, new, 1) + "\n"
		if changed == line+"\n" {
			t.Fatalf("config has no %s", old)
		}
		sum := blake3.Sum256([]byte(changed))
		s := storeOf(t, map[string][]byte{"config": []byte(changed + "blake3 " + hex.EncodeToString(sum[:]) + "\n")})
		return engine.Open(t.Context(), engine.Components{Store: s, IndexDir: t.TempDir()}, engine.Settings{})
	}
	for old, new := range map[string]string{
		`"min_reader":1`:     `"min_reader":2`,
		`"incompatible":[]`:  `"incompatible":["encryption"]`,
		`"ids":"blake3-256"`: `"ids":"sha256"`,
		`fastcdc-jotfs`:      `rabin`,
	} {
		if _, err := open(old, new); !errors.Is(err, engine.ErrFeature) || engine.KindOf(err) != engine.KindRefused {
			t.Errorf("%s: %v", new, err)
		}
	}
	for old, new := range map[string]string{
		`"min_writer":1`:            `"min_writer":2`,
		`"read_only_compatible":[]`: `"read_only_compatible":["future"]`,
	} {
		e, err := open(old, new)
		if err != nil {
			t.Errorf("%s: it should open for reading: %v", new, err)
			continue
		}
		_, err = e.Ingest(t.Context(), engine.IngestRequest{Source: sample, Ref: mustRef(t, "x/y@1")})
		if engine.KindOf(err) != engine.KindRefused {
			t.Errorf("%s: it was written to: %v", new, err)
		}
		e.Close()
	}
	if e, err := open(`"compatible":[]`, `"compatible":["whatever"]`); err != nil {
		t.Error(err)
	} else {
		e.Close()
	}
}

// countingStore adds up what is read from packs.
type countingStore struct {
	backends.Store
	packBytes atomic.Int64
}

func (c *countingStore) Get(ctx context.Context, key string, off, n int64) (io.ReadCloser, error) {
	if strings.HasPrefix(key, packfile.Prefix) {
		if n < 0 {
			n = 1 << 40
		}
		c.packBytes.Add(n)
	}
	return c.Store.Get(ctx, key, off, n)
}

// A rebuild reads checkpoints and the packs' index blocks, not what is in them.
func TestARebuildReadsIndexBlocksOnly(t *testing.T) {
	s := &countingStore{Store: mem.New()}
	w := worldOn(t, s, engine.Settings{})
	f := files{}
	for i := range 40 {
		f[randomName(uint64(i))] = randomBytes(uint64(i), 500_000)
	}
	w.ingest("x/y@1", f)
	stats, err := w.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.packBytes.Store(0)
	res, err := w.RebuildIndex(t.Context())
	if err != nil || res.Versions != 1 || res.Packs != stats.Packs {
		t.Fatalf("%+v, %v", res, err)
	}
	// Of each pack its header and the end, which holds the index block.
	if got, most := s.packBytes.Load(), stats.Packs*(256<<10+64); got > most || most > stats.PackBytes/10 {
		t.Fatalf("the rebuild read %d bytes of packs of %d, want at most %d", got, stats.PackBytes, most)
	}
	w.expect("x/y@1", f)
	// With a checkpoint that covers them, nothing of them.
	w.settings.CheckpointRecords = 1
	w.reopen()
	w.close()
	w.open()
	s.packBytes.Store(0)
	if res, err = w.RebuildIndex(t.Context()); err != nil || res.Checkpoint == 0 || s.packBytes.Load() != 0 {
		t.Fatalf("with a checkpoint: %+v, %d bytes of packs, %v", res, s.packBytes.Load(), err)
	}
}
