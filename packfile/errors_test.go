package packfile

import (
	"errors"
	"fmt"
	"testing"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/packfile/wire"
)

func TestCorruptErrorSaysWhereAndWhat(t *testing.T) {
	cause := fmt.Errorf("%w: short", wire.ErrMalformed)
	id := chunker.Sum([]byte("x"))
	for want, err := range map[string]*CorruptError{
		"object packs/ab/abc is corrupt at byte 64: frame: malformed: short":           {Object: "packs/ab/abc", Offset: 64, Reason: "frame", Err: cause},
		"object packs/ab/abc is corrupt: cut":                                          {Object: "packs/ab/abc", Offset: -1, Reason: "cut"},
		"object packs/ab/abc is corrupt at byte 0: chunk " + id.String() + ": differs": {Object: "packs/ab/abc", Chunk: id, Reason: "differs"},
	} {
		if err.Error() != want {
			t.Errorf("message is %q, want %q", err, want)
		}
		if !errors.Is(fmt.Errorf("read: %w", err), ErrCorrupt) || errors.Is(err, ErrUnknown) {
			t.Errorf("%v: not ErrCorrupt, or ErrUnknown", err)
		}
		if (err.Err != nil) != errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%v: cause is hidden", err)
		}
	}
}
