package chunker_test

import (
	"testing"

	"github.com/artifortress/afs-engine/chunker"
)

func TestParamsAreCheckedBeforeUse(t *testing.T) {
	for _, c := range []struct {
		p  chunker.Params
		ok bool
	}{
		{chunker.DefaultParams, true},
		{chunker.Params{Min: chunker.MinSize, Avg: chunker.MinSize, Max: chunker.MinSize + 1}, true},
		{chunker.Params{Min: 1 << 20, Avg: 4 << 20, Max: chunker.MaxSize}, true},
		{chunker.Params{}, false},
		{chunker.Params{Min: chunker.MinSize - 1, Avg: 256, Max: 1024}, false},
		{chunker.Params{Min: 64, Avg: 256, Max: chunker.MaxSize + 1}, false},
		{chunker.Params{Min: 256, Avg: 255, Max: 1024}, false},
		{chunker.Params{Min: 256, Avg: 1025, Max: 1024}, false},
		{chunker.Params{Min: 256, Avg: 256, Max: 256}, false},
		{chunker.Params{Min: -1, Avg: -1, Max: -1}, false},
	} {
		if err := c.p.Validate(); (err == nil) != c.ok {
			t.Errorf("%+v: %v", c.p, err)
		}
		if _, err := chunker.NewSplitter(c.p); (err == nil) != c.ok {
			t.Errorf("splitter of %+v: %v", c.p, err)
		}
	}
}
