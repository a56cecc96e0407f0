package engine

import (
	"context"
	"fmt"
	"maps"

	"github.com/artifortress/afs-engine/engine/commitlog"
	"github.com/artifortress/afs-engine/engine/registry"
	"github.com/artifortress/afs-engine/index"
)

// Publish implements Writer.
func (e *Local) Publish(ctx context.Context, ref registry.Ref, opts PublishOptions) (*IngestResult, error) {
	if err := e.gate.enter(); err != nil {
		return nil, err
	}
	defer e.gate.leave()
	start := e.c.Now()
	if err := e.checkWritable(); err != nil {
		return nil, err
	}
	var v *registry.Version
	state := StateUnchanged
	err := e.commits.do(ctx, &commitRequest{decide: func(b *index.Batch) (recs []commitlog.Record, err error) {
		if v, err = registry.Find(b, ref); err != nil {
			return nil, err
		}
		switch {
		case v.Ref.Version != ref.Version:
			return nil, fmt.Errorf("%w: %s is a tag", registry.ErrConflict, ref)
		case v.State == registry.Draft && len(v.Incomplete) > 0:
			return nil, WithHint(fmt.Errorf("%w: %d paths of %s could not be read", registry.ErrDraftIncomplete, len(v.Incomplete), v.Ref),
				"ingest it again, or discard it")
		}
		v.Actor, v.Client = e.c.Actor, e.c.Client
		if v.State == registry.Draft {
			state = registry.Published.String()
			v.Labels = merged(v.Labels, opts.Labels)
		}
		return registry.PlanPublish(b, v, tagsOf(opts.Tags, opts.NoLatest), true)
	}})
	if err != nil {
		return nil, err
	}
	return &IngestResult{
		Ref: v.Ref, Root: v.Root.Content, State: state, Files: v.Summary.Files, Bytes: v.Summary.Bytes,
		Seconds: e.c.Now().Sub(start).Seconds(),
	}, nil
}

func merged(a, b map[string]string) map[string]string {
	if len(b) == 0 {
		return a
	}
	m := maps.Clone(b)
	for k, v := range a {
		if _, ok := m[k]; !ok {
			m[k] = v
		}
	}
	return m
}

// Discard implements Writer.
func (e *Local) Discard(ctx context.Context, ref registry.Ref) error {
	if err := e.gate.enter(); err != nil {
		return err
	}
	defer e.gate.leave()
	if err := e.checkWritable(); err != nil {
		return err
	}
	return e.commits.do(ctx, &commitRequest{decide: func(b *index.Batch) ([]commitlog.Record, error) {
		return registry.PlanDiscard(b, ref, e.c.Actor, e.c.Client)
	}})
}

// Tag implements Writer.
func (e *Local) Tag(ctx context.Context, ref registry.Ref, name string) error {
	if err := e.gate.enter(); err != nil {
		return err
	}
	defer e.gate.leave()
	if err := e.checkWritable(); err != nil {
		return err
	}
	return e.commits.do(ctx, &commitRequest{decide: func(b *index.Batch) ([]commitlog.Record, error) {
		return registry.PlanTag(b, ref, name, e.c.Actor, e.c.Client)
	}})
}
