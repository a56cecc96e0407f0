package manifest

import (
	"fmt"
	"testing"
)

// ladder is directories inside each other, each with files before and behind
// the way down and, on some levels, enough of them for several pages.
func (f *files) ladder(levels int) *tree {
	d := newDir(f.attr())
	for n := range levels {
		up := newDir(f.attr())
		few := 3
		if n%10 == 0 {
			few = 300
		}
		for i := range few {
			up.names[fmt.Sprintf("a%03d", i)] = f.file(1)
			up.names[fmt.Sprintf("z%03d", i)] = f.file(1)
		}
		up.names["down"] = d
		d = up
	}
	return d
}

// editLadder changes files, attributes and names on every level.
func (f *files) editLadder(d *tree) {
	for ; d != nil; d = d.names["down"] {
		d.names["a001"] = f.file(2)
		d.names["b"+f.name()] = f.file(1)
		d.names["y"+f.name()] = f.symlink("t")
		if d.names["z001"] != nil {
			d.names["z001"].entry.Attr = f.attr()
			delete(d.names, "z002")
		}
	}
}

func TestWalksAndDiffsOfManyLevelsHoldPagesOfFew(t *testing.T) {
	store := newMemStore()
	f := newFiles(t, store, 50)
	a := f.ladder(3 * readingMax)
	_, ae := a.build(t, store)
	b := a.clone()
	f.editLadder(b)
	_, be := b.build(t, store)
	checkSame(t, store, be, b)
	checkDiff(t, a, b, store, ae, be)

	levels := 0
	w := walker{src: store}
	w.fn = func(path string, _ Entry) error {
		reading := 0
		for _, l := range w.open {
			if l.content != nil || l.attrs != nil {
				reading++
			}
		}
		if levels = max(levels, len(w.open)); reading > readingMax {
			t.Fatalf("%q: the walk reads %d directories at once", path, reading)
		}
		return nil
	}
	check(t, w.visit(t.Context(), "", ae, 0))
	d := &differ{ctx: t.Context(), a: store, b: store}
	d.yield = func(c Change, err error) bool {
		check(t, err)
		reading := 0
		for _, l := range d.open {
			if l.content.a != nil || l.attrs.a != nil || l.contentOf != nil || l.attrsOf != nil {
				reading++
			}
		}
		if levels = max(levels, len(d.open)); reading > readingMax {
			t.Fatalf("%q: the diff reads %d directories at once", c.Path, reading)
		}
		return true
	}
	check(t, d.entries("", &ae, &be, 0))
	if levels <= readingMax {
		t.Errorf("only %d levels", levels)
	}
}

func TestADirectoryThatIsReadKeepsNoLargeAttributes(t *testing.T) {
	e := Entry{Kind: Dir, Attr: Attr{Xattrs: []Xattr{{"user.x", "y"}}}}
	d := must[*Directory](t)(OpenDir(nil, e))
	if d.e.Attr.Xattrs != nil || e.Attr.Xattrs == nil {
		t.Errorf("kept %v of %v", d.e.Attr.Xattrs, e.Attr.Xattrs)
	}
}
