package registry

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/artifortress/afs-engine/engine/commitlog"
	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/packfile/wire"
)

// Fields of the registry's log records. The record of a publish carries the
// event that subscribers will be told and what an audit asks for: who, with
// which program; when is the group's time, and the event's id is its place in
// the log.
const (
	fieldRepo       = 1
	fieldPackage    = 2
	fieldVersion    = 3 // in a tag record: the version it points at
	fieldContent    = 4 // id of the content root (32)
	fieldAttrs      = 5 // id of the attributes root (32)
	fieldSummary    = 6 // four varints: entries, subdirs, files, bytes
	fieldLabel      = 7 // repeated, by key: counted key, counted value
	fieldActor      = 8
	fieldIncomplete = 9 // repeated: a path that could not be read
	fieldClient     = 10
	fieldTag        = 11
)

// change is the body of every registry record; a kind uses the fields it needs.
type change struct {
	ref        Ref // Version: the version
	root       manifest.Root
	summary    manifest.Summary
	labels     map[string]string
	incomplete []string
	actor      string
	client     string
	tag        string
}

func (c *change) encode() []byte {
	var b []byte
	text := func(tag uint64, s string) {
		if s != "" {
			b = commitlog.AppendField(b, tag, s)
		}
	}
	text(fieldRepo, c.ref.Repo)
	text(fieldPackage, c.ref.Package)
	text(fieldVersion, c.ref.Version)
	if c.root != (manifest.Root{}) {
		b = commitlog.AppendField(b, fieldContent, c.root.Content[:])
		b = commitlog.AppendField(b, fieldAttrs, c.root.Attrs[:])
		var s []byte
		for _, n := range [...]int64{c.summary.Entries, c.summary.Subdirs, c.summary.Files, c.summary.Bytes} {
			s = binary.AppendUvarint(s, uint64(n))
		}
		b = commitlog.AppendField(b, fieldSummary, s)
	}
	for _, k := range slices.Sorted(maps.Keys(c.labels)) {
		b = commitlog.AppendField(b, fieldLabel, wire.AppendCounted(wire.AppendCounted(nil, k), c.labels[k]))
	}
	text(fieldActor, c.actor)
	for _, p := range c.incomplete {
		b = commitlog.AppendField(b, fieldIncomplete, p)
	}
	text(fieldClient, c.client)
	text(fieldTag, c.tag)
	return b
}

func decodeChange(body []byte) (*change, error) {
	c := &change{}
	err := commitlog.ReadFields(body, func(tag uint64, r *wire.Reader) {
		text := func() string { return string(r.Bytes(r.Len())) }
		switch tag {
		case fieldRepo:
			c.ref.Repo = text()
		case fieldPackage:
			c.ref.Package = text()
		case fieldVersion:
			c.ref.Version = text()
		case fieldContent:
			c.root.Content = r.ID()
		case fieldAttrs:
			c.root.Attrs = r.ID()
		case fieldSummary:
			n := func() int64 { return int64(r.Uvarint(1<<63 - 1)) }
			c.summary = manifest.Summary{Entries: n(), Subdirs: n(), Files: n(), Bytes: n()}
		case fieldLabel:
			if c.labels == nil {
				c.labels = map[string]string{}
			}
			k := string(r.Counted(r.Len()))
			c.labels[k] = string(r.Counted(r.Len()))
		case fieldActor:
			c.actor = text()
		case fieldIncomplete:
			c.incomplete = append(c.incomplete, text())
		case fieldClient:
			c.client = text()
		case fieldTag:
			c.tag = text()
		}
	})
	if err != nil {
		return nil, err
	}
	ref, err := ParseRef(c.ref.String())
	if err == nil && ref != c.ref {
		err = fmt.Errorf("%w: %q", ErrBadRef, c.ref)
	}
	if err != nil {
		return nil, errInvalidRecord(err)
	}
	if c.tag != "" {
		if err := CheckVersion(c.tag); err != nil {
			return nil, errInvalidRecord(err)
		}
	}
	return c, nil
}

func errInvalidRecord(err error) error {
	return fmt.Errorf("%w: registry record: %v", wire.ErrMalformed, err)
}

func (c *change) version(state State, seq uint64, t time.Time) Version {
	return Version{
		Ref: c.ref, State: state, Root: c.root, Summary: c.summary, Time: t, Labels: c.labels,
		Actor: c.actor, Client: c.client, Incomplete: c.incomplete, Sequence: seq,
	}
}

func changeOf(v *Version) *change {
	return &change{
		ref: v.Ref, root: v.Root, summary: v.Summary, labels: v.Labels,
		incomplete: v.Incomplete, actor: v.Actor, client: v.Client,
	}
}
