package dataplane

import (
	"github.com/artifortress/afs-engine/engine/registry"
)

// check refuses what no client of good will sends.
func (t *Transition) check() error {
	if again, err := registry.ParseRef(t.Ref.String()); err != nil || again != t.Ref || t.Ref.Path != "" {
		return badMessage("the reference %q", t.Ref)
	}
	content := t.Kind == Publish || t.Kind == Draft
	switch {
	case t.Kind < Publish || t.Kind > Tag:
		return badMessage("a transition of kind %d", t.Kind)
	case content != (t.Version != nil):
		return badMessage("a transition of kind %d, content: %t", t.Kind, t.Version != nil)
	case content && t.Version.Ref != t.Ref:
		return badMessage("a version called %s, to become %s", t.Version.Ref, t.Ref)
	case t.Kind == Tag && len(t.Tags) != 1:
		return badMessage("%d tags", len(t.Tags))
	}
	for _, tag := range t.Tags {
		if err := registry.CheckVersion(tag); err != nil {
			return err
		}
	}
	return nil
}
