package registry

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine/commitlog"
	"github.com/artifortress/afs-engine/engine/manifest"
)

var update = flag.Bool("update", false, "write the fixtures in testdata anew")

var testTime = time.Date(2026, 11, 21, 12, 0, 0, 123456789, time.UTC)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func mustRef(t testing.TB, s string) Ref {
	t.Helper()
	r, err := ParseRef(s)
	check(t, err)
	return r
}

// store is rows in memory, and the refcounts that were asked for.
type store struct {
	rows map[string][]byte
	refs map[chunker.ID]int64
	seq  uint64
}

var _ Writer = (*store)(nil)

func newStore() *store {
	return &store{rows: map[string][]byte{}, refs: map[chunker.ID]int64{}}
}

func (s *store) Get(key []byte) ([]byte, bool, error) {
	v, ok := s.rows[string(key)]
	return v, ok, nil
}

func (s *store) Scan(prefix, from []byte, fn func(key, value []byte) error) error {
	for _, k := range slices.Sorted(maps.Keys(s.rows)) {
		if !strings.HasPrefix(k, string(prefix)) || k < string(from) {
			continue
		}
		// As an index does: slices that are worth nothing after fn.
		key, value := []byte(k), bytes.Clone(s.rows[k])
		err := fn(key, value)
		clear(key)
		clear(value)
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *store) Set(key, value []byte) error {
	s.rows[string(key)] = bytes.Clone(value)
	return nil
}

func (s *store) Delete(key []byte) error {
	delete(s.rows, string(key))
	return nil
}

func (s *store) AddRef(id chunker.ID, delta int64) {
	if s.refs[id] += delta; s.refs[id] == 0 {
		delete(s.refs, id)
	}
}

// apply takes the records of a plan as the next group, a second apart.
func (s *store) apply(records []commitlog.Record, err error) error {
	if err != nil || len(records) == 0 {
		return err
	}
	s.seq++
	for i, rec := range records {
		if err := Apply(s, rec, s.seq, i, testTime.Add(time.Duration(s.seq)*time.Second)); err != nil {
			return err
		}
	}
	return nil
}

// version is one whose content is told by a number.
func version(t testing.TB, ref string, content byte) *Version {
	t.Helper()
	return &Version{
		Ref:     mustRef(t, ref),
		Root:    manifest.Root{Content: chunker.ID{0: content, 31: 1}, Attrs: chunker.ID{0: content, 31: 2}},
		Summary: manifest.Summary{Entries: 1, Files: 1, Bytes: int64(content)},
		Actor:   "tester@here", Client: "test/1",
	}
}

func (s *store) publish(t testing.TB, ref string, content byte, tags ...string) {
	t.Helper()
	check(t, s.apply(PlanPublish(s, version(t, ref, content), tags, false)))
}

func (s *store) draft(t testing.TB, ref string, content byte) {
	t.Helper()
	check(t, s.apply(PlanDraft(s, version(t, ref, content))))
}

func (s *store) tag(t testing.TB, ref, tag string) {
	t.Helper()
	check(t, s.apply(PlanTag(s, mustRef(t, ref), tag, "tagger@here", "test/1")))
}

// names lists what stands under a path: "group/", "pkg@1", "pkg@tag→1".
func names(t testing.TB, r Reader, path string) (all []string) {
	t.Helper()
	check(t, ListNames(r, path, func(n Name) error {
		all = append(all, nameText(n))
		return nil
	}))
	return all
}

func nameText(n Name) string {
	switch n.Kind {
	case Group:
		return n.Path + "/"
	case TagName:
		return n.Path + "→" + n.Version.Ref.Version
	case VersionName:
		if n.Path != n.Version.Ref.String() {
			return "a version under another's name: " + n.Path
		}
		return n.Path
	}
	return fmt.Sprintf("kind %d", n.Kind)
}

func wantIs(t testing.TB, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

// fixture returns a file of testdata, with -update after writing it.
func fixture(t testing.TB, name, text string) string {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		check(t, os.WriteFile(file, []byte(text), 0o666))
	}
	b, err := os.ReadFile(file)
	check(t, err)
	return string(b)
}
