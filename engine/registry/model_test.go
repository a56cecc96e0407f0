package registry

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/artifortress/afs-engine/chunker"
)

// model is the registry as a map: names to what they mean.
type model struct {
	names  map[string]modelName // "r/p@v"
	events map[string][]string  // by package, newest last
}

type modelName struct {
	tag     string // version it points at; "" is a version
	state   State
	content byte
	holes   bool
}

var (
	modelPackages = []string{"r/a", "r/a/b", "r/a-b", "r/ab", "r/@s/a", "q/a", "@q/a/b/c"}
	modelVersions = []string{"1", "1.0", "2", "t", "u", "latest"}
)

func (m *model) event(ref, kind string) {
	pkg, v, _ := cutVersion(ref)
	m.events[pkg] = append(m.events[pkg], kind+" "+v)
}

func cutVersion(ref string) (pkg, version string, ok bool) {
	at := strings.LastIndexByte(ref, '@')
	return ref[:at], ref[at+1:], at > 0
}

func (m *model) publish(ref string, content byte, tags []string, fromDraft bool) error {
	pkg, v, _ := cutVersion(ref)
	old, ok := m.names[ref]
	again := false
	switch {
	case v == "latest":
		return ErrBadRef
	case ok && old.tag != "":
		return ErrConflict
	case ok && old.state == Published && old.content == content:
		again = true
	case ok && old.state == Published:
		return ErrConflict
	case ok && !fromDraft && !old.holes:
		return ErrOpenDraft
	}
	for _, tag := range tags {
		if at, ok := m.names[pkg+"@"+tag]; tag == v || ok && at.tag == "" {
			if again && tag == "latest" {
				continue
			}
			return ErrConflict
		}
	}
	if !again {
		m.names[ref] = modelName{state: Published, content: content}
		m.event(ref, "publish")
	}
	for _, tag := range tags {
		if !again || tag != "latest" {
			m.setTag(pkg, tag, v)
		}
	}
	return nil
}

func (m *model) setTag(pkg, tag, v string) {
	if m.names[pkg+"@"+tag].tag != v {
		m.names[pkg+"@"+tag] = modelName{tag: v}
		m.event(pkg+"@"+tag, "tag")
	}
}

func (m *model) draft(ref string, content byte, holes bool) error {
	_, v, _ := cutVersion(ref)
	old, ok := m.names[ref]
	switch {
	case v == "latest":
		return ErrBadRef
	case ok && (old.tag != "" || old.state != Draft):
		return ErrConflict
	}
	m.names[ref] = modelName{state: Draft, content: content, holes: holes}
	m.event(ref, "draft")
	return nil
}

// find follows a tag.
func (m *model) find(ref string) (string, modelName, bool) {
	n, ok := m.names[ref]
	if ok && n.tag != "" {
		pkg, _, _ := cutVersion(ref)
		ref = pkg + "@" + n.tag
		n, ok = m.names[ref]
	}
	return ref, n, ok
}

func (m *model) discard(ref string) error {
	ref, n, ok := m.find(ref)
	if !ok || n.state != Draft {
		return ErrNotFound
	}
	delete(m.names, ref)
	m.event(ref, "discard")
	return nil
}

func (m *model) tag(ref, tag string) error {
	ref, n, ok := m.find(ref)
	if !ok || n.state != Published {
		return ErrNotFound
	}
	pkg, v, _ := cutVersion(ref)
	if at, ok := m.names[pkg+"@"+tag]; tag == v || ok && at.tag == "" {
		return ErrConflict
	}
	m.setTag(pkg, tag, v)
	return nil
}

// visible is what ListNames should say of a path.
func (m *model) visible(path string) []string {
	prefix := ""
	if path != "" {
		prefix = path + "/"
	}
	type key struct {
		segment string
		rank    int
		version string
	}
	found := map[key]string{}
	for ref, n := range m.names {
		rest, ok := strings.CutPrefix(ref, prefix)
		if !ok {
			continue
		}
		target, v, ok := m.find(ref)
		if !ok || v.state != Published {
			continue
		}
		if segment, _, deeper := strings.Cut(rest, "/"); deeper {
			if n.tag == "" {
				found[key{segment, 0, ""}] = prefix + segment + "/"
			}
			continue
		}
		segment, version, _ := cutVersion(rest)
		text := ref
		if n.tag != "" {
			_, to, _ := cutVersion(target)
			text += "→" + to
		}
		found[key{segment, 1, version}] = text
	}
	keys := slices.SortedFunc(maps.Keys(found), func(a, b key) int {
		if c := strings.Compare(a.segment, b.segment); c != 0 {
			return c
		}
		if a.rank != b.rank {
			return a.rank - b.rank
		}
		return strings.Compare(a.version, b.version)
	})
	var all []string
	for _, k := range keys {
		all = append(all, found[k])
	}
	return all
}

func (m *model) compare(t *testing.T, s *store) {
	t.Helper()
	refs := map[chunker.ID]int64{}
	byState := map[State][]string{}
	for _, pkg := range modelPackages {
		for _, v := range append(slices.Clone(modelVersions), "none") {
			ref := pkg + "@" + v
			target, want, ok := m.find(ref)
			got, err := Find(s, mustRef(t, ref))
			if !ok {
				wantIs(t, ref, err, ErrNotFound)
				continue
			}
			if err != nil || got.Ref.String() != target || got.State != want.state || got.Root.Content[0] != want.content || (len(got.Incomplete) > 0) != want.holes {
				t.Fatalf("%s is %+v, %v, want %+v", ref, got, err, want)
			}
			name, err := FindName(s, ref)
			if (err == nil) != (want.state == Published) || err == nil && name.Version.Ref.String() != target {
				t.Fatalf("the name %s is %+v, %v", ref, name, err)
			}
			if m.names[ref].tag == "" {
				refs[got.Root.Content]++
				refs[got.Root.Attrs]++
				byState[want.state] = append(byState[want.state], ref)
			}
		}
	}
	if !maps.Equal(refs, s.refs) {
		t.Fatalf("references %v, want %v", s.refs, refs)
	}
	for _, state := range []State{Draft, Published} {
		var got []string
		check(t, ListVersions(s, "", state, func(v *Version) error { got = append(got, v.Ref.String()); return nil }))
		slices.Sort(got)
		slices.Sort(byState[state])
		if !slices.Equal(got, byState[state]) {
			t.Fatalf("%s versions: %q, want %q", state, got, byState[state])
		}
	}
	for _, path := range []string{"", "r", "q", "@q", "@q/a", "@q/a/b", "r/a", "r/@s", "r/@s/a", "none"} {
		if got, want := names(t, s, path), m.visible(path); !slices.Equal(got, want) {
			t.Fatalf("under %q: %q, want %q", path, got, want)
		}
	}
	for _, pkg := range modelPackages {
		var got []string
		ref, err := ParsePackage(pkg)
		check(t, err)
		last := ^uint64(0)
		check(t, History(s, ref, func(e Event) error {
			if e.Sequence > last {
				t.Errorf("group %d after %d", e.Sequence, last)
			}
			last = e.Sequence
			got = append(got, fmt.Sprint(e.Kind, " ", e.Ref.Version))
			return nil
		}))
		slices.Reverse(got)
		if !slices.Equal(got, m.events[pkg]) {
			t.Fatalf("history of %s: %q, want %q", pkg, got, m.events[pkg])
		}
	}
}

func TestRandomTransitionsAgreeWithAModel(t *testing.T) {
	for seed := range uint64(12) {
		r := rand.New(rand.NewPCG(seed, 7))
		s, m := newStore(), &model{names: map[string]modelName{}, events: map[string][]string{}}
		for step := range 150 {
			pkg := modelPackages[r.IntN(len(modelPackages))]
			pick := func() string { return modelVersions[r.IntN(len(modelVersions))] }
			ref := pkg + "@" + pick()
			content := byte(1 + r.IntN(3))
			var got, want error
			switch r.IntN(6) {
			case 0, 1:
				var tags []string
				for range r.IntN(3) {
					tags = append(tags, pick())
				}
				slices.Sort(tags)
				tags = slices.Compact(tags)
				fromDraft := r.IntN(4) == 0
				want = m.publish(ref, content, tags, fromDraft)
				got = s.apply(PlanPublish(s, version(t, ref, content), tags, fromDraft))
			case 2:
				v := version(t, ref, content)
				if r.IntN(2) == 0 {
					v.Incomplete = []string{"a path", "another"}
				}
				want = m.draft(ref, content, v.Incomplete != nil)
				got = s.apply(PlanDraft(s, v))
			case 3:
				want = m.discard(ref)
				got = s.apply(PlanDiscard(s, mustRef(t, ref), "", ""))
			default:
				tag := pick()
				want = m.tag(ref, tag)
				got = s.apply(PlanTag(s, mustRef(t, ref), tag, "", ""))
			}
			if (got == nil) != (want == nil) || !errors.Is(got, want) {
				t.Fatalf("seed %d, step %d, %s: %v, want %v", seed, step, ref, got, want)
			}
			if step%10 == 9 {
				m.compare(t, s)
			}
		}
	}
}
