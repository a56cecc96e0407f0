package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/artifortress/afs-engine/engine"
	"github.com/artifortress/afs-engine/engine/registry"
)

// nameLister prints names of the registry.
type nameLister struct {
	app   *app
	eng   engine.Engine
	table *table
}

type groupLine struct {
	Path string `json:"path"`
}

type packageLine struct {
	Path     string    `json:"path"`
	Versions int64     `json:"versions"`
	Newest   string    `json:"newest,omitempty"` // the version published last
	Time     time.Time `json:"time,omitzero"`    // of that publish
}

// level lists what stands at one level: groups and packages under a group,
// versions and tags of a package. A name can be both.
func (l *nameLister) level(ctx context.Context, path string) error {
	name, err := l.eng.Name(ctx, path)
	isGroup := err == nil && name.Kind == registry.Group
	if err != nil && !errors.Is(err, registry.ErrNotFound) {
		return err
	}
	any := false
	if pkg, perr := registry.ParsePackage(path); perr == nil {
		for n, err := range l.eng.Versions(ctx, pkg) {
			if err != nil {
				return err
			}
			any = true
			if err := l.name(n); err != nil {
				return err
			}
		}
	}
	if isGroup {
		return l.group(ctx, path)
	}
	if !any && path != "" {
		return notFound(path)
	}
	return nil
}

func notFound(path string) error {
	return &missingName{path}
}

// missingName is registry.ErrNotFound for a path of the registry.
type missingName struct{ path string }

func (e *missingName) Error() string { return "nothing is published under " + e.path }
func (e *missingName) Unwrap() error { return registry.ErrNotFound }

// packageOf is the package that a version or a tag belongs to.
func packageOf(n registry.Name) string { return n.Path[:strings.LastIndexByte(n.Path, '@')] }

// group lists groups and packages. The versions of a package come one after
// the other, so that one package is held at a time.
func (l *nameLister) group(ctx context.Context, path string) error {
	var p packageLine
	done := func() error {
		if p.Path == "" {
			return nil
		}
		line := p
		p = packageLine{}
		if l.app.out.json {
			return l.app.out.emit("package", line)
		}
		return l.table.row(line.Path, when(line.Time), plural(line.Versions, "version", "versions"), "newest "+line.Newest)
	}
	for n, err := range l.eng.Names(ctx, path) {
		if err != nil {
			return err
		}
		if n.Kind == registry.Group {
			if err := done(); err != nil {
				return err
			}
			if err := l.name(n); err != nil {
				return err
			}
			continue
		}
		if pkg := packageOf(n); pkg != p.Path {
			if err := done(); err != nil {
				return err
			}
			p.Path = pkg
		}
		if n.Kind == registry.VersionName && n.Version != nil {
			p.Versions++
			if !n.Version.Time.Before(p.Time) {
				p.Time, p.Newest = n.Version.Time.UTC(), n.Version.Ref.Version
			}
		}
	}
	return done()
}

// all lists every version and tag under a path.
func (l *nameLister) all(ctx context.Context, path string) error {
	name, err := l.eng.Name(ctx, path)
	if errors.Is(err, registry.ErrNotFound) || err == nil && name.Kind != registry.Group {
		return l.level(ctx, path)
	}
	if err != nil {
		return err
	}
	if pkg, perr := registry.ParsePackage(path); perr == nil {
		for n, err := range l.eng.Versions(ctx, pkg) {
			if err != nil {
				return err
			}
			if err := l.name(n); err != nil {
				return err
			}
		}
	}
	return l.below(ctx, path)
}

func (l *nameLister) below(ctx context.Context, path string) error {
	for n, err := range l.eng.Names(ctx, path) {
		if err != nil {
			return err
		}
		if n.Kind == registry.Group {
			err = l.below(ctx, n.Path)
		} else {
			err = l.name(n)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *nameLister) drafts(ctx context.Context, path string) error {
	for v, err := range l.eng.Drafts(ctx, path) {
		if err != nil {
			return err
		}
		if err := l.version("draft", &v); err != nil {
			return err
		}
	}
	return nil
}

// name prints one name.
func (l *nameLister) name(n registry.Name) error {
	switch {
	case n.Kind == registry.Group && l.app.out.json:
		return l.app.out.emit("group", groupLine{n.Path})
	case n.Kind == registry.Group:
		return l.table.row(n.Path + "/")
	case n.Kind == registry.VersionName:
		return l.version("version", n.Version)
	case l.app.out.json:
		return l.app.out.emit("tag", tagLine{n.Path, n.Version.Ref.Version})
	}
	return l.table.row(n.Path, "-> "+n.Version.Ref.Version)
}

func (l *nameLister) version(kind string, v *registry.Version) error {
	if l.app.out.json {
		return l.app.out.emit(kind, describeVersion(v))
	}
	return l.table.row(v.Ref.String(), when(v.Time), files(v.Summary.Files), size(v.Summary.Bytes))
}
