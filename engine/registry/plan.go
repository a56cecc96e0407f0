package registry

import (
	"errors"
	"fmt"
	"strings"

	"github.com/artifortress/afs-engine/engine/commitlog"
)

// ErrOpenDraft is returned for an ingest over a draft that somebody is putting
// together, and ErrDraftIncomplete for publishing a draft with known holes.
var (
	ErrOpenDraft       = fmt.Errorf("%w: a draft of that name is being put together", ErrConflict)
	ErrDraftIncomplete = errors.New("the draft is incomplete")
)

// Plans decide, from the rows as they are, whether a transition is allowed,
// and give the records that make it. They change nothing. No records and no
// error means there is nothing to do.

// PlanPublish publishes v and points tags at it. fromDraft says that v is the
// draft of that name rather than content of its own.
func PlanPublish(r Reader, v *Version, tags []string, fromDraft bool) ([]commitlog.Record, error) {
	if err := CheckNew(v.Ref); err != nil {
		return nil, err
	}
	x, ok, err := getRow(r, v.Ref)
	if err != nil {
		return nil, err
	}
	var records []commitlog.Record
	unchanged := false
	switch {
	case !ok:
	case x.version == nil:
		return nil, fmt.Errorf("%w: %s is a tag", ErrConflict, v.Ref)
	case x.version.State == Tombstoned:
		return nil, fmt.Errorf("%w: %s was deleted, and its name stays taken", ErrConflict, v.Ref)
	case x.version.State == Published:
		if x.version.Root.Content != v.Root.Content {
			return nil, fmt.Errorf("%w: %s is published with other content", ErrConflict, v.Ref)
		}
		unchanged = true
	case !fromDraft && len(x.version.Incomplete) == 0:
		return nil, fmt.Errorf("%w: %s", ErrOpenDraft, v.Ref)
	}
	if !unchanged {
		records = append(records, commitlog.Record{Kind: commitlog.KindPublish, Body: changeOf(v).encode()})
	}
	for _, tag := range tags {
		if unchanged && tag == LatestTag {
			continue // latest follows publishes, and this is none
		}
		rec, err := planTag(r, v, tag)
		if err != nil {
			return nil, err
		}
		records = append(records, rec...)
	}
	return records, nil
}

// PlanDraft makes v the draft of its name, in place of one that is there.
func PlanDraft(r Reader, v *Version) ([]commitlog.Record, error) {
	if err := CheckNew(v.Ref); err != nil {
		return nil, err
	}
	x, ok, err := getRow(r, v.Ref)
	switch {
	case err != nil:
		return nil, err
	case ok && x.version == nil:
		return nil, fmt.Errorf("%w: %s is a tag", ErrConflict, v.Ref)
	case ok && x.version.State != Draft:
		return nil, fmt.Errorf("%w: %s is %s", ErrConflict, v.Ref, x.version.State)
	}
	return []commitlog.Record{{Kind: commitlog.KindDraft, Body: changeOf(v).encode()}}, nil
}

// PlanDiscard forgets the draft ref.
func PlanDiscard(r Reader, ref Ref, actor, client string) ([]commitlog.Record, error) {
	v, err := FindDraft(r, ref)
	if err != nil {
		return nil, err
	}
	c := &change{ref: v.Ref, actor: actor, client: client}
	return []commitlog.Record{{Kind: commitlog.KindDiscard, Body: c.encode()}}, nil
}

// PlanTag makes tag another name of the published version ref.
func PlanTag(r Reader, ref Ref, tag, actor, client string) ([]commitlog.Record, error) {
	v, err := Find(r, ref)
	if err != nil {
		return nil, err
	}
	if v.State != Published {
		return nil, fmt.Errorf("%w: %s is %s, and tags point at published versions", ErrNotFound, v.Ref, v.State)
	}
	v.Actor, v.Client = actor, client
	return planTag(r, v, tag)
}

func planTag(r Reader, v *Version, tag string) ([]commitlog.Record, error) {
	ref := v.Ref.WithVersion(tag)
	if err := CheckVersion(tag); err != nil {
		return nil, err
	}
	if strings.HasPrefix(tag, rootPrefix) {
		return nil, fmt.Errorf("%w: %q: names that begin with %s pin a content id", ErrBadRef, tag, rootPrefix)
	}
	x, ok, err := getRow(r, ref)
	switch {
	case err != nil:
		return nil, err
	case tag == v.Ref.Version, ok && x.version != nil:
		return nil, fmt.Errorf("%w: %s is a version", ErrConflict, ref)
	case ok && x.tag == v.Ref.Version:
		return nil, nil
	}
	c := &change{ref: v.Ref, actor: v.Actor, client: v.Client, tag: tag}
	return []commitlog.Record{{Kind: commitlog.KindTag, Body: c.encode()}}, nil
}

// CheckNew says whether ref may name a version that is still to come.
func CheckNew(ref Ref) error {
	switch {
	case ref.Version == LatestTag:
		return fmt.Errorf("%w: %q is a tag that publish moves; give a version", ErrBadRef, LatestTag)
	case ref.Version == "":
		return fmt.Errorf("%w: no version in %q", ErrBadRef, ref)
	case strings.HasPrefix(ref.Version, rootPrefix):
		return fmt.Errorf("%w: %q: names that begin with %s pin a content id", ErrBadRef, ref.Version, rootPrefix)
	}
	return nil
}

// FindDraft returns the draft ref, or ErrNotFound.
func FindDraft(r Reader, ref Ref) (*Version, error) {
	v, err := Find(r, ref)
	if err != nil {
		return nil, err
	}
	if v.State != Draft {
		return nil, fmt.Errorf("%w: %s is %s, not a draft", ErrNotFound, v.Ref, v.State)
	}
	return v, nil
}
