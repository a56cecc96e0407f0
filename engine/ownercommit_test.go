package engine_test

import (
	"errors"
	"testing"

	"github.com/artifortress/afs-engine/engine/dataplane"
	"github.com/artifortress/afs-engine/engine/registry"
)

// While a group's packs are on their way into the store, others may commit: what
// was decided before that is decided again.
func TestAGroupIsDecidedOnWhatIsThereOnceItsPacksAre(t *testing.T) {
	w := newWorld(t)
	w.ingest("r/p@1", sample)
	w.ingest("r/q@1", files{"a": "other"})
	publish := func(root string, stored func() error) (dataplane.Outcome, error) {
		of, err := w.Version(t.Context(), mustRef(t, root))
		if err != nil {
			return dataplane.Outcome{}, err
		}
		v := *of
		v.Ref = mustRef(t, "r/x@1")
		g := dataplane.Group{Stored: stored, Transitions: []dataplane.Transition{{Kind: dataplane.Publish, Ref: v.Ref, Version: &v.Version}}}
		outcomes, err := w.Plane().Commit(t.Context(), &g)
		if err != nil {
			return dataplane.Outcome{}, err
		}
		return outcomes[0], nil
	}
	asked := 0
	late, err := publish("r/q@1", func() error {
		if asked++; asked > 1 {
			t.Error("it lets others go first once more")
			return nil
		}
		early, err := publish("r/p@1", nil)
		return errors.Join(early.Err, err)
	})
	if err != nil || !errors.Is(late.Err, registry.ErrConflict) {
		t.Errorf("the late one: %v, %v", late.Err, err)
	}
	w.expect("r/x@1", sample)

	failed := errors.New("the disk is full")
	if _, err := publish("r/p@1", func() error { return failed }); !errors.Is(err, failed) {
		t.Errorf("packs that could not be stored: %v", err)
	}
	w.ingest("r/y@1", sample)
	w.expect("r/y@1", sample)
}
