package engine

import (
	"context"
	"maps"

	"github.com/artifortress/afs-engine/engine/dataplane"
	"github.com/artifortress/afs-engine/engine/registry"
)

// Publish implements Writer.
func (e *Local) Publish(ctx context.Context, ref registry.Ref, opts PublishOptions) (*IngestResult, error) {
	if err := e.gate.enter(ctx); err != nil {
		return nil, err
	}
	defer e.gate.leave()
	start := e.c.Now()
	out, err := e.commits.do(ctx, &commitRequest{transition: &dataplane.Transition{
		Kind: dataplane.PublishDraft, Ref: ref.WithVersion(ref.Version), Labels: opts.Labels, Tags: tagsOf(opts.Tags, opts.NoLatest),
	}})
	if err != nil {
		return nil, err
	}
	v := out.Version
	return &IngestResult{
		Ref: v.Ref, Root: v.Root.Content, State: out.State, Files: v.Summary.Files, Bytes: v.Summary.Bytes,
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
	if err := e.gate.enter(ctx); err != nil {
		return err
	}
	defer e.gate.leave()
	_, err := e.commits.do(ctx, &commitRequest{transition: &dataplane.Transition{Kind: dataplane.Discard, Ref: ref.WithVersion(ref.Version)}})
	return err
}

// Tag implements Writer.
func (e *Local) Tag(ctx context.Context, ref registry.Ref, name string) error {
	if err := e.gate.enter(ctx); err != nil {
		return err
	}
	defer e.gate.leave()
	_, err := e.commits.do(ctx, &commitRequest{transition: &dataplane.Transition{
		Kind: dataplane.Tag, Ref: ref.WithVersion(ref.Version), Tags: []string{name},
	}})
	return err
}
