package manifest

import (
	"encoding/hex"
	"testing"

	"github.com/artifortress/afs-engine/chunker"
)

func TestLinkGroupIsFixed(t *testing.T) {
	g := LinkGroup("usr/bin/perl")
	if got := hex.EncodeToString(g[:]); got != "c380241171ac7acedadf2ab971514294" {
		t.Errorf("got %s", got)
	}
	if LinkGroup("a") == LinkGroup("b") {
		t.Error("two paths have the same group")
	}
}

// TestLinkKeysTellFilesApart: what two names of one file share decides, their
// own names do not.
func TestLinkKeysTellFilesApart(t *testing.T) {
	base := Entry{Name: "a", Kind: File, Size: 3, Content: Content{Segments: []Segment{{chunker.ID{1}, 3}}}, Attr: Attr{Mode: 0o644, Links: Links{LinkGroup("a"), 2}}}
	key, ok := base.LinkKey()
	if !ok {
		t.Fatal("no key")
	}
	other := base
	other.Name = "another name"
	if k, ok := other.LinkKey(); !ok || k != key {
		t.Error("two names of one file have different keys")
	}
	for what, change := range map[string]func(e *Entry){
		"group":   func(e *Entry) { e.Attr.Links.Group = LinkGroup("b") },
		"content": func(e *Entry) { e.Content.Segments = []Segment{{chunker.ID{2}, 3}} },
		"list":    func(e *Entry) { e.Size, e.Content = 40, Content{List: chunker.ID{1}, Count: 17} },
		"exec":    func(e *Entry) { e.Exec = true },
		"mode":    func(e *Entry) { e.Attr.Mode = 0o600 },
		"owner":   func(e *Entry) { e.Attr.Owner = Owner{true, 0, 0} },
		"xattrs":  func(e *Entry) { e.Attr.Xattrs = []Xattr{{"user.a", ""}} },
	} {
		e := base
		change(&e)
		if k, ok := e.LinkKey(); !ok || k == key {
			t.Errorf("another %s has the same key", what)
		}
	}
	base.Attr.Links = Links{}
	if _, ok := base.LinkKey(); ok {
		t.Error("a file with one name has a key")
	}
}
