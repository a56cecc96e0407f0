package scrub

import (
	"strconv"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/engine/registry"
	"github.com/artifortress/afs-engine/index/scratch"
)

// attribute finds the versions and paths that need something lost. It walks
// only where something is lost below, which it learns on the way: subtrees
// that were found whole are not walked again for the next version.
func (r *run) attribute() error {
	if len(r.problems) == 0 {
		return nil
	}
	whole, err := scratch.Open(r.s.Scratch)
	if err != nil {
		return err
	}
	defer whole.Close()
	return registry.ListVersions(r.s.Index, "", registry.Published, func(v *registry.Version) error {
		a := &attribution{run: r, whole: whole, ref: v.Ref.String(), hit: map[int]bool{}}
		if err := a.version(v); err != nil {
			return err
		}
		for p := range a.hit {
			r.problems[p].Versions++
		}
		return nil
	})
}

// attribution is the walk over one version.
type attribution struct {
	*run
	whole *scratch.Map // directories (content id, attributes id) with nothing lost below
	ref   string
	hit   map[int]bool // problems met
}

func (a *attribution) version(v *registry.Version) error {
	root := manifest.Entry{Kind: manifest.Dir, Tree: v.Root.Content, Attr: manifest.Attr{Tree: v.Root.Attrs}}
	e, err := manifest.RootEntry(a.ctx, a.s.Chunks, v.Root)
	if err == nil {
		root = e
	}
	_, err = a.dir("", root)
	return err
}

// dir reports whether something below is lost.
func (a *attribution) dir(path string, e manifest.Entry) (lost bool, err error) {
	key := append(append([]byte(nil), e.Tree[:]...), e.Attr.Tree[:]...)
	if e.Attr.InlineNode() != nil {
		key = append(key, 1) // another directory may have the same attributes in a node that is lost
	}
	if known, err := a.whole.Has(key); known || err != nil {
		return false, err
	}
	d, err := manifest.OpenDir(a.s.Chunks, e)
	if err != nil {
		return true, err
	}
	for child, err := range d.List(a.ctx, "") {
		if err != nil {
			if ctxErr := a.ctx.Err(); ctxErr != nil {
				return true, ctxErr
			}
			return true, a.nodes(path+"/", e)
		}
		below := child.Name
		if path != "" {
			below = path + "/" + child.Name
		}
		bad := false
		switch child.Kind {
		case manifest.Dir:
			bad, err = a.dir(below, child)
		case manifest.File:
			bad, err = a.file(below, child)
		}
		if err != nil {
			return true, err
		}
		lost = lost || bad
	}
	if !lost {
		err = a.whole.Put(key, nil)
	}
	return lost, err
}

func (a *attribution) file(path string, e manifest.Entry) (lost bool, err error) {
	for x, err := range manifest.Segments(a.ctx, a.s.Chunks, e.Content, 0) {
		if err != nil {
			if ctxErr := a.ctx.Err(); ctxErr != nil {
				return true, ctxErr
			}
			return true, a.below(path, e.Content.List)
		}
		bad, err := a.check(path, x.ID)
		if err != nil {
			return true, err
		}
		lost = lost || bad
	}
	return lost, nil
}

// nodes attributes a directory that cannot be read to whichever of its nodes
// are lost.
func (a *attribution) nodes(path string, e manifest.Entry) error {
	if err := a.below(path, e.Tree); err != nil {
		return err
	}
	if node := e.Attr.InlineNode(); node != nil {
		return a.leaf(path, node)
	}
	return a.below(path, e.Attr.Tree)
}

// leaf attributes to path what is lost of what an attributes leaf refers to
// that stands in the directory's entry.
func (a *attribution) leaf(path string, node []byte) error {
	nodes, _, err := manifest.Deps(node)
	for _, n := range nodes {
		if _, err := a.check(path, n); err != nil {
			return err
		}
	}
	return err
}

// below attributes to path all that is lost in the pages of one tree, and in
// what its leaves refer to.
func (a *attribution) below(path string, id chunker.ID) error {
	return a.pages(path, id, manifest.DepthMax)
}

// pages is below for a page that must be on a level under above, which bounds
// the descent whatever the nodes say.
func (a *attribution) pages(path string, id chunker.ID, above int) error {
	if bad, err := a.check(path, id); bad || err != nil {
		return err
	}
	loc, ok, err := a.s.Index.Lookup(id)
	if err != nil || !ok {
		return err
	}
	b, err := a.s.Chunks.Chunk(a.ctx, loc.Kind, id)
	if err != nil {
		return a.ctx.Err()
	}
	nodes, _, err := manifest.Deps(b)
	if err != nil || int(b[levelOffset]) >= above {
		return nil
	}
	for _, n := range nodes {
		if level := int(b[levelOffset]); level > 0 {
			err = a.pages(path, n, level)
		} else {
			_, err = a.check(path, n) // another tree's topmost page
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// levelOffset is where a node says how far it is from its tree's leaves; see
// format.go of package manifest.
const levelOffset = 2

// check reports whether id is lost and if so names path.
func (a *attribution) check(path string, id chunker.ID) (bool, error) {
	v, ok, err := a.lost.Get(id[:])
	if err != nil || !ok {
		return false, err
	}
	n, err := strconv.Atoi(string(v))
	if err != nil {
		return true, err
	}
	a.hit[n] = true
	a.affects(a.problems[n], path)
	return true, nil
}

// affects names path as one that p affects, if there is room for it.
func (a *attribution) affects(p *Problem, path string) {
	x := Affected{a.ref, path}
	if len(p.Affected) == affectedMax || a.named+len(path)+affectedSize > affectedBytesMax {
		return
	}
	if last := len(p.Affected) - 1; last >= 0 && p.Affected[last] == x {
		return
	}
	a.named += len(path) + affectedSize
	p.Affected = append(p.Affected, x)
}

// affectedSize is what an Affected takes besides its path, in bytes.
const affectedSize = 64
