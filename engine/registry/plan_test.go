package registry

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/artifortress/afs-engine/engine/commitlog"
)

func TestOnlyTheTransitionsOfALifeAreAllowed(t *testing.T) {
	s := newStore()
	s.draft(t, "r/p@draft", 1)
	s.draft(t, "r/p@holes", 2)
	holes := version(t, "r/p@holes", 2)
	holes.Incomplete = []string{"a/b"}
	check(t, s.apply(PlanDraft(s, holes)))
	s.publish(t, "r/p@pub", 3, "latest", "tag")
	tomb := version(t, "r/p@tomb", 4)
	tomb.State = Tombstoned
	check(t, s.Set(nameKey(tomb.Ref), encodeVersion(tomb)))
	before := maps.Clone(s.rows)

	plan := func(ref string, content byte, fromDraft bool, tags ...string) func() ([]commitlog.Record, error) {
		return func() ([]commitlog.Record, error) { return PlanPublish(s, version(t, ref, content), tags, fromDraft) }
	}
	draft := func(ref string) func() ([]commitlog.Record, error) {
		return func() ([]commitlog.Record, error) { return PlanDraft(s, version(t, ref, 9)) }
	}
	discard := func(ref string) func() ([]commitlog.Record, error) {
		return func() ([]commitlog.Record, error) { return PlanDiscard(s, mustRef(t, ref), "", "") }
	}
	tag := func(ref, name string) func() ([]commitlog.Record, error) {
		return func() ([]commitlog.Record, error) { return PlanTag(s, mustRef(t, ref), name, "", "") }
	}
	for name, c := range map[string]struct {
		plan    func() ([]commitlog.Record, error)
		records int
		want    error
	}{
		"publish something new":              {plan("r/p@new", 5, false), 1, nil},
		"publish with tags":                  {plan("r/p@new", 5, false, "latest", "tag", "other"), 4, nil},
		"publish the same again":             {plan("r/p@pub", 3, false, "latest", "tag"), 0, nil},
		"publish the same with a new tag":    {plan("r/p@pub", 3, false, "latest", "other"), 1, nil},
		"publish other content":              {plan("r/p@pub", 5, false), 0, ErrConflict},
		"publish over an open draft":         {plan("r/p@draft", 1, false), 0, ErrOpenDraft},
		"publish the draft itself":           {plan("r/p@draft", 1, true), 1, nil},
		"publish over a draft with holes":    {plan("r/p@holes", 5, false), 1, nil},
		"publish over a tag":                 {plan("r/p@tag", 3, false), 0, ErrConflict},
		"publish over a tombstone":           {plan("r/p@tomb", 4, false), 0, ErrConflict},
		"publish as latest":                  {plan("r/p@latest", 5, false), 0, ErrBadRef},
		"publish as a root":                  {plan("r/p@root-1", 5, false), 0, ErrBadRef},
		"publish with a tag that is taken":   {plan("r/p@new", 5, false, "pub"), 0, ErrConflict},
		"publish with its own name as tag":   {plan("r/p@new", 5, false, "new"), 0, ErrConflict},
		"publish with a tag of a root":       {plan("r/p@new", 5, false, "root-1"), 0, ErrBadRef},
		"publish with a bad tag":             {plan("r/p@new", 5, false, "a b"), 0, ErrBadRef},
		"publish in another package":         {plan("r/q@pub", 5, false), 1, nil},
		"draft something new":                {draft("r/p@new"), 1, nil},
		"draft over a draft":                 {draft("r/p@draft"), 1, nil},
		"draft over what is published":       {draft("r/p@pub"), 0, ErrConflict},
		"draft over a tombstone":             {draft("r/p@tomb"), 0, ErrConflict},
		"draft over a tag":                   {draft("r/p@tag"), 0, ErrConflict},
		"draft as latest":                    {draft("r/p@latest"), 0, ErrBadRef},
		"discard a draft":                    {discard("r/p@draft"), 1, nil},
		"discard what is published":          {discard("r/p@pub"), 0, ErrNotFound},
		"discard through a tag":              {discard("r/p@tag"), 0, ErrNotFound},
		"discard nothing":                    {discard("r/p@none"), 0, ErrNotFound},
		"tag a version":                      {tag("r/p@pub", "other"), 1, nil},
		"tag it as it is tagged":             {tag("r/p@pub", "tag"), 0, nil},
		"tag through a tag":                  {tag("r/p@tag", "other"), 1, nil},
		"tag a draft":                        {tag("r/p@draft", "other"), 0, ErrNotFound},
		"tag a tombstone":                    {tag("r/p@tomb", "other"), 0, ErrNotFound},
		"tag nothing":                        {tag("r/p@none", "other"), 0, ErrNotFound},
		"tag with a draft's name":            {tag("r/p@pub", "draft"), 0, ErrConflict},
		"tag with its own name":              {tag("r/p@pub", "pub"), 0, ErrConflict},
		"tag with a tombstone's name":        {tag("r/p@pub", "tomb"), 0, ErrConflict},
		"tag with a root's name":             {tag("r/p@pub", "root-"), 0, ErrBadRef},
		"tag with a name that cannot be one": {tag("r/p@pub", "a@b"), 0, ErrBadRef},
	} {
		records, err := c.plan()
		if !errors.Is(err, c.want) || len(records) != c.records {
			t.Errorf("%s: %d records, %v; want %d, %v", name, len(records), err, c.records, c.want)
		}
		if !maps.EqualFunc(before, s.rows, slices.Equal) {
			t.Fatalf("%s: the plan changed rows", name)
		}
	}
}

func TestAPublishMovesTagsAndATagMovesOne(t *testing.T) {
	s := newStore()
	s.publish(t, "r/p@1", 1, "latest", "stable")
	s.publish(t, "r/p@2", 2, "latest")
	for ref, want := range map[string]string{"r/p@latest": "2", "r/p@stable": "1", "r/p@1": "1"} {
		if v, err := Find(s, mustRef(t, ref)); err != nil || v.Ref.Version != want {
			t.Errorf("%s is %+v, %v", ref, v, err)
		}
	}
	s.tag(t, "r/p@latest", "stable")
	s.tag(t, "r/p@1", "latest")
	for ref, want := range map[string]string{"r/p@latest": "1", "r/p@stable": "2"} {
		if v, err := Find(s, mustRef(t, ref)); err != nil || v.Ref.Version != want {
			t.Errorf("%s is %+v, %v", ref, v, err)
		}
	}
	// What was published again does not move latest.
	s.publish(t, "r/p@2", 2, "latest")
	if v, _ := Find(s, mustRef(t, "r/p@latest")); v.Ref.Version != "1" {
		t.Errorf("latest is %s", v.Ref)
	}
}
