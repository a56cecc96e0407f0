package packfile

import (
	"testing"

	"github.com/artifortress/afs-engine/chunker"
)

func TestClassesKeepDataAndNodesApart(t *testing.T) {
	for _, c := range []struct {
		class Class
		kind  chunker.Kind
		holds bool
	}{
		{ClassData, chunker.Data, true}, {ClassData, chunker.DirNode, false},
		{ClassMeta, chunker.Data, false}, {ClassMeta, chunker.DirNode, true}, {ClassMeta, chunker.ListNode, true}, {ClassMeta, chunker.AttrsNode, true},
		{0, chunker.Data, false}, {3, chunker.Data, false},
	} {
		if c.class.Holds(c.kind) != c.holds {
			t.Errorf("%v holds %v: %v", c.class, c.kind, !c.holds)
		}
	}
	if ClassData.String() != "data" || ClassMeta.String() != "meta" || Class(0).String() != "unknown" {
		t.Error("names of classes")
	}
}
