package engine_test

import (
	"errors"
	"math"
	"testing"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine"
	"github.com/artifortress/afs-engine/engine/dataplane"
	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/packfile"
)

func TestAClientThatLiesIsRefusedAndHarmsNobody(t *testing.T) {
	secret := files{"a": "what nobody else has", "b": randomBytes(77, 100_000)}
	all, v := pieces(t, secret)
	var data, nodes []piece
	for _, p := range all {
		if p.kind.IsNode() {
			nodes = append(nodes, p)
		} else {
			data = append(data, p)
		}
	}
	// changed is nodes with the first that refers to anything changed by f.
	changed := func(f func(*piece)) (some []piece) {
		done := false
		for _, p := range nodes {
			if !done && len(p.deps) > 0 {
				f(&p)
				done = true
			}
			some = append(some, p)
		}
		return some
	}
	published := func(root manifest.Root) []dataplane.Transition {
		lie := *v
		lie.Ref, lie.Root = mustRef(t, "lie/p@1"), root
		return []dataplane.Transition{{Kind: dataplane.Publish, Ref: lie.Ref, Version: &lie, Tags: []string{"latest"}}}
	}
	for name, lie := range map[string]func(w *sharedWorld) dataplane.Group{
		"about a chunk's id": func(w *sharedWorld) dataplane.Group {
			return dataplane.Group{Packs: []dataplane.Pack{w.pack(piece{id: data[0].id, data: []byte("other bytes")})}}
		},
		"about a node's id": func(w *sharedWorld) dataplane.Group {
			other := changed(func(p *piece) { p.id[5] ^= 1 })
			return dataplane.Group{Packs: []dataplane.Pack{w.pack(data...), w.pack(other...)}}
		},
		"about what a node refers to, leaving out": func(w *sharedWorld) dataplane.Group {
			other := changed(func(p *piece) { p.deps = p.deps[1:] })
			return dataplane.Group{Packs: []dataplane.Pack{w.pack(data...), w.pack(other...)}}
		},
		"about what a node refers to, adding": func(w *sharedWorld) dataplane.Group {
			other := changed(func(p *piece) { p.deps = append(p.deps[:len(p.deps):len(p.deps)], data[0].id) })
			return dataplane.Group{Packs: []dataplane.Pack{w.pack(data...), w.pack(other...)}}
		},
		"a node that is none": func(w *sharedWorld) dataplane.Group {
			b := []byte("no node")
			return dataplane.Group{Packs: []dataplane.Pack{w.pack(piece{kind: chunker.DirNode, id: chunker.DirNode.Sum(b), data: b})}}
		},
		"nodes of which nothing is there": func(w *sharedWorld) dataplane.Group {
			return dataplane.Group{Packs: []dataplane.Pack{w.pack(nodes...)}, Transitions: published(v.Root)}
		},
		"about a pack's size, one more": func(w *sharedWorld) dataplane.Group {
			p := w.pack(data...)
			p.Size++
			return dataplane.Group{Packs: []dataplane.Pack{p}}
		},
		"about a pack's size, far less": func(w *sharedWorld) dataplane.Group {
			p := w.pack(data...)
			p.Size = 1
			return dataplane.Group{Packs: []dataplane.Pack{p}}
		},
		"about a pack's size, far more": func(w *sharedWorld) dataplane.Group {
			p := w.pack(data...)
			p.Size = math.MaxInt64
			return dataplane.Group{Packs: []dataplane.Pack{p}}
		},
		"a pack that is not in the store": func(w *sharedWorld) dataplane.Group {
			return dataplane.Group{Packs: []dataplane.Pack{w.pack(data...), {ID: packfile.ID{1}, Size: 1000}}, Transitions: published(v.Root)}
		},
		"a root that is nowhere": func(*sharedWorld) dataplane.Group { return dataplane.Group{Transitions: published(v.Root)} },
		"a root that is no directory": func(w *sharedWorld) dataplane.Group {
			root := manifest.Root{Content: data[0].id, Attrs: data[0].id}
			return dataplane.Group{Packs: []dataplane.Pack{w.pack(data...)}, Transitions: published(root)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newSharedWorld(t)
			g := lie(w)
			outcomes, err := w.plane().Commit(t.Context(), &g)
			for _, o := range outcomes {
				err = errors.Join(err, o.Err)
			}
			if err == nil {
				t.Error("it is believed")
			}
			if _, err := w.client.Version(t.Context(), mustRef(t, "lie/p@1")); engine.KindOf(err) != engine.KindNotFound {
				t.Errorf("it is visible: %v", err)
			}
			// Its packs are in the store all the same, where those of dead clients are
			// looked for.
			if _, err := w.plane().Rebuild(t.Context()); err != nil {
				t.Error(err)
			}
			if _, err := w.client.Ingest(t.Context(), engine.IngestRequest{Source: secret, Ref: mustRef(t, "r/p@1")}); err != nil {
				t.Error(err)
			}
			w.expect("r/p@1", secret)
			w.sound("r/q@1")
		})
	}
}
