package registry

import (
	"errors"
	"slices"
	"testing"

	"github.com/artifortress/afs-engine/chunker"
)

func TestGroupsComeBeforeVersionsAndPrefixesStayApart(t *testing.T) {
	s := newStore()
	for i, ref := range []string{"r/a@1", "r/a/b@1", "r/a/b@2", "r/a/b/c@1", "r/a-b@1", "r/ab@1", "ra/a@1", "r/a@0"} {
		s.publish(t, ref, byte(i), "latest")
	}
	for path, want := range map[string][]string{
		"":        {"r/", "ra/"},
		"r":       {"r/a/", "r/a@0", "r/a@1", "r/a@latest→0", "r/a-b@1", "r/a-b@latest→1", "r/ab@1", "r/ab@latest→1"},
		"r/a":     {"r/a/b/", "r/a/b@1", "r/a/b@2", "r/a/b@latest→2"},
		"r/a/b":   {"r/a/b/c@1", "r/a/b/c@latest→1"},
		"r/a/b/c": nil,
		"r/ab":    nil,
		"none":    nil,
	} {
		if got := names(t, s, path); !slices.Equal(got, want) {
			t.Errorf("under %q: %q, want %q", path, got, want)
		}
	}
	for path, want := range map[string]Name{
		"":        {Kind: Group},
		"r":       {Path: "r", Kind: Group},
		"r/a":     {Path: "r/a", Kind: Group, Package: true},
		"r/a/b/c": {Path: "r/a/b/c", Kind: Group, Package: true},
	} {
		if got, err := FindName(s, path); err != nil || got != want {
			t.Errorf("%q is %+v, %v", path, got, err)
		}
	}
}

func TestNamesOfNothingAreNotFound(t *testing.T) {
	s := newStore()
	s.publish(t, "r/@s/p@1", 1, "latest")
	s.publish(t, "q/p@1", 1)
	for _, ok := range []string{"r", "r/@s", "r/@s/p", "r/@s/p@1", "r/@s/p@latest"} {
		if _, err := FindName(s, ok); err != nil {
			t.Errorf("%q: %v", ok, err)
		}
	}
	for _, path := range []string{
		"x", "r/x", "r/@", "r/@s/p@2", "r/@s/p@1/x", "r@1", "@", "r/@s/p@1:", "r/@s/p@1:path", "r/@s/p@1:path/x@1", "r/", "/r", "r//@s",
		"r/@s/", "r\x00@s", "q\x00p", "r/@s\x01", "r/@s/p\x011", "r/@s/p@1\x00", "r/.", "r/..", "r/@s/p@", "r/@s/p@.",
	} {
		if n, err := FindName(s, path); !errors.Is(err, ErrNotFound) {
			t.Errorf("%q is %+v, %v", path, n, err)
		}
	}
	for _, path := range []string{"r/", "r\x00@s", "r/@s/p\x011", ".."} {
		if got := names(t, s, path); got != nil {
			t.Errorf("under %q: %q", path, got)
		}
		check(t, ListVersions(s, path, Published, func(v *Version) error {
			t.Errorf("a version under %q: %s", path, v.Ref)
			return nil
		}))
	}
}

func TestDraftsAreSeenByTheirWritersOnly(t *testing.T) {
	s := newStore()
	s.draft(t, "new/p@1", 1)
	s.publish(t, "r/p@1", 2)
	s.draft(t, "r/p@2", 3)
	s.draft(t, "r/q/sub@1", 4)
	if got := append(names(t, s, ""), names(t, s, "r")...); !slices.Equal(got, []string{"r/", "r/p@1"}) {
		t.Errorf("readers see %q", got)
	}
	for _, path := range []string{"new", "new/p", "new/p@1", "r/p@2", "r/q", "r/q/sub"} {
		if n, err := FindName(s, path); !errors.Is(err, ErrNotFound) {
			t.Errorf("%q is %+v, %v", path, n, err)
		}
	}
	if v, err := FindDraft(s, mustRef(t, "r/p@2")); err != nil || v.State != Draft {
		t.Errorf("%+v, %v", v, err)
	}
	_, err := FindDraft(s, mustRef(t, "r/p@1"))
	wantIs(t, "a draft that is published", err, ErrNotFound)
	for path, want := range map[string][]string{"": {"new/p@1", "r/p@2", "r/q/sub@1"}, "r": {"r/p@2", "r/q/sub@1"}, "r/p": {"r/p@2"}, "r/q": {"r/q/sub@1"}, "x": nil} {
		var got []string
		check(t, ListVersions(s, path, Draft, func(v *Version) error { got = append(got, v.Ref.String()); return nil }))
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("drafts under %q: %q, want %q", path, got, want)
		}
	}
}

func TestListingsStopWhenTheCallerDoes(t *testing.T) {
	s := newStore()
	s.publish(t, "a/p@1", 1, "latest")
	s.publish(t, "b/p@1", 1, "latest")
	stop := errors.New("enough")
	for name, f := range map[string]func(fn func() error) error{
		"names of groups":   func(fn func() error) error { return ListNames(s, "", func(Name) error { return fn() }) },
		"names of versions": func(fn func() error) error { return ListNames(s, "a", func(Name) error { return fn() }) },
		"versions": func(fn func() error) error {
			return ListVersions(s, "", Published, func(*Version) error { return fn() })
		},
		"history": func(fn func() error) error {
			return History(s, Ref{Repo: "a", Package: "p"}, func(Event) error { return fn() })
		},
	} {
		n := 0
		if err := f(func() error { n++; return stop }); !errors.Is(err, stop) || n != 1 {
			t.Errorf("%s: %v after %d", name, err, n)
		}
	}
}

func TestContentFindsItsVersion(t *testing.T) {
	s := newStore()
	s.publish(t, "r/p@1", 1)
	s.publish(t, "r/p@2", 2)
	s.draft(t, "r/p@3", 3)
	s.publish(t, "r/q@4", 4)
	pkg := Ref{Repo: "r", Package: "p"}
	if v, err := FindRoot(s, pkg, version(t, "r/p@2", 2).Root.Content); err != nil || v.Ref.Version != "2" {
		t.Errorf("%+v, %v", v, err)
	}
	for _, content := range []byte{3, 4, 5} { // a draft's, another package's, nobody's
		_, err := FindRoot(s, pkg, chunker.ID{0: content, 31: 1})
		wantIs(t, "content", err, ErrNotFound)
	}
}

// A tag whose version was tombstoned is as invisible as that version.
func TestTombstonesAreNotListed(t *testing.T) {
	s := newStore()
	s.publish(t, "r/p@1", 1, "latest")
	v, err := Find(s, mustRef(t, "r/p@1"))
	check(t, err)
	v.State = Tombstoned
	check(t, s.Set(nameKey(v.Ref), encodeVersion(v)))
	if got := append(names(t, s, ""), names(t, s, "r")...); len(got) != 0 {
		t.Errorf("readers see %q", got)
	}
	for _, path := range []string{"r", "r/p", "r/p@1", "r/p@latest"} {
		_, err := FindName(s, path)
		wantIs(t, path, err, ErrNotFound)
	}
}
