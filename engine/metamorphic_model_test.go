package engine_test

import (
	"maps"
	"slices"
	"strings"

	"github.com/artifortress/afs-engine/engine"
)

// metaModel is what a store is to its users: names and what they stand for.
type metaModel struct {
	versions map[string]metaVersion
	tags     map[string]string // REPO/PACKAGE@TAG → REPO/PACKAGE@VERSION
}

type metaVersion struct {
	files     files // never changed in place
	published bool
}

func newMetaModel() *metaModel {
	return &metaModel{map[string]metaVersion{}, map[string]string{}}
}

func (m *metaModel) clone() *metaModel {
	return &metaModel{maps.Clone(m.versions), maps.Clone(m.tags)}
}

// apply does what op does, and returns what kind of error it gives.
func (m *metaModel) apply(op metaOp) engine.Kind {
	v, there := m.versions[op.ref]
	switch op.what {
	case "ingest", "dry run":
		switch {
		case there && v.published && !maps.Equal(v.files, op.tree), there && !v.published:
			return engine.KindConflict
		case !there:
			m.publish(op.ref, op.tree)
		}
	case "draft":
		if there && v.published {
			return engine.KindConflict
		}
		m.versions[op.ref] = metaVersion{files: overlayTree(v.files, op.path, op.tree)}
	case "publish":
		if !there {
			return engine.KindNotFound
		}
		if !v.published {
			m.publish(op.ref, v.files)
		}
	case "discard":
		if !there || v.published {
			return engine.KindNotFound
		}
		delete(m.versions, op.ref)
	case "tag":
		if !there || !v.published {
			return engine.KindNotFound
		}
		m.tags[tagRef(op.ref, op.tag)] = op.ref
	}
	return engine.KindOK
}

func (m *metaModel) publish(ref string, f files) {
	m.versions[ref] = metaVersion{f, true}
	m.tags[tagRef(ref, "latest")] = ref
}

// published lists versions in a fixed order.
func (m *metaModel) published() (refs []string) {
	for ref, v := range m.versions {
		if v.published {
			refs = append(refs, ref)
		}
	}
	slices.Sort(refs)
	return refs
}

func (m *metaModel) drafts() (refs []string) {
	for ref, v := range m.versions {
		if !v.published {
			refs = append(refs, ref)
		}
	}
	slices.Sort(refs)
	return refs
}

func tagRef(ref, tag string) string { return ref[:strings.LastIndexByte(ref, '@')+1] + tag }

// overlayTree is base with tree laid over it at dest.
func overlayTree(base files, dest string, tree files) files {
	f := maps.Clone(base)
	if f == nil {
		f = files{}
	}
	for p, content := range tree {
		if dest != "" {
			p = dest + "/" + p
		}
		overlayFile(f, p, content)
	}
	return f
}

// diffOf lists the paths of files that differ.
func diffOf(a, b files) (paths []string) {
	for p, content := range a {
		if other, ok := b[p]; !ok || other != content {
			paths = append(paths, p)
		}
	}
	for p := range b {
		if _, ok := a[p]; !ok {
			paths = append(paths, p)
		}
	}
	slices.Sort(paths)
	return paths
}
