package registry

import (
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine/commitlog"
	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/packfile/wire"
)

// samples are bodies of every kind of record.
func samples() map[string]*change {
	ref := Ref{Repo: "npm", Package: "@scope/pkg", Version: "1.0.0"}
	root := manifest.Root{Content: chunker.Sum([]byte("content")), Attrs: chunker.Sum([]byte("attributes"))}
	return map[string]*change{
		"publish": {
			ref: ref, root: root, summary: manifest.Summary{Entries: 3, Subdirs: 1, Files: 300, Bytes: 1 << 40},
			labels: map[string]string{"commit": "0123abcd", "": "no key", "empty": ""}, actor: "me@here", client: "afs-engine/1.0",
		},
		"draft":       {ref: ref, root: root, incomplete: []string{"a/b", "not UTF-8 \xff"}, actor: "me@here", client: "afs-engine/1.0"},
		"discard":     {ref: ref, actor: "me@here"},
		"tag":         {ref: ref, actor: "me@here", client: "afs-engine/1.0", tag: "latest"},
		"publish min": {ref: ref, root: root},
	}
}

// Records stand in logs for ever.
func TestRecordBodiesAreWhatTheyHaveAlwaysBeen(t *testing.T) {
	var out strings.Builder
	all := samples()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&out, "%s: %x\n", name, all[name].encode())
	}
	stored := fixture(t, "v1-records.txt", out.String())
	if stored != out.String() {
		t.Errorf("the encoder's bytes differ:\n%s", out.String())
	}
	for line := range strings.Lines(stored) {
		name, text, _ := strings.Cut(strings.TrimSpace(line), ": ")
		body, err := hex.DecodeString(text)
		check(t, err)
		if got, err := decodeChange(body); err != nil || !reflect.DeepEqual(got, all[name]) {
			t.Errorf("%s reads as %+v, %v", name, got, err)
		}
	}
}

func TestFieldsToComeAreSkipped(t *testing.T) {
	c := samples()["publish"]
	got, err := decodeChange(commitlog.AppendField(c.encode(), 1000, "a field to come"))
	if err != nil || !reflect.DeepEqual(got, c) {
		t.Fatalf("%+v, %v", got, err)
	}
}

func TestBadRecordsAreErrors(t *testing.T) {
	body := func(c change) []byte { return c.encode() }
	for name, b := range map[string][]byte{
		"nothing":             nil,
		"no version":          body(change{ref: Ref{Repo: "a", Package: "b"}}),
		"no package":          body(change{ref: Ref{Repo: "a", Version: "1"}}),
		"a path for a repo":   body(change{ref: Ref{Repo: "a/b@1:x", Package: "y", Version: "1"}}),
		"parts that only fit": body(change{ref: Ref{Repo: "a", Package: "b@1:c", Version: "1"}}),
		"repo of two":         body(change{ref: Ref{Repo: "a/b", Package: "c", Version: "1"}}),
		"key bytes":           body(change{ref: Ref{Repo: "a", Package: "b\x01c", Version: "1"}}),
		"a bad tag":           body(change{ref: Ref{Repo: "a", Package: "b", Version: "1"}, tag: "x/y"}),
		"a short id":          commitlog.AppendField(body(change{ref: Ref{Repo: "a", Package: "b", Version: "1"}}), fieldContent, "short"),
		"a short summary":     commitlog.AppendField(body(change{ref: Ref{Repo: "a", Package: "b", Version: "1"}}), fieldSummary, "\x01\x02"),
		"a torn label":        commitlog.AppendField(body(change{ref: Ref{Repo: "a", Package: "b", Version: "1"}}), fieldLabel, "\x05abc"),
		"not fields":          {0xff},
	} {
		c, err := decodeChange(b)
		if !errors.Is(err, wire.ErrMalformed) || errors.Is(err, ErrBadRef) {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
		if err := Apply(newStore(), commitlog.Record{Kind: commitlog.KindPublish, Body: b}, 1, 0, testTime); err == nil {
			t.Errorf("%s was applied", name)
		}
	}
}

func FuzzDecodeChange(f *testing.F) {
	for _, c := range samples() {
		f.Add(c.encode())
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, body []byte) {
		c, err := decodeChange(body)
		if err != nil {
			return
		}
		if r, err := ParseRef(c.ref.String()); err != nil || r != c.ref {
			t.Fatalf("%+v, %v", c.ref, err)
		}
		again, err := decodeChange(c.encode())
		if c.root == (manifest.Root{}) {
			c.summary = manifest.Summary{} // goes with a root
		}
		if err != nil || !reflect.DeepEqual(again, c) {
			t.Fatalf("%+v is read back as %+v, %v", c, again, err)
		}
	})
}
