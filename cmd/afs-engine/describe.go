package main

import (
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/engine/registry"
)

// versionLine is a version in JSON; every verb that shows one uses it.
type versionLine struct {
	Ref        string            `json:"ref"`
	State      string            `json:"state"`
	Root       chunker.ID        `json:"root"` // content id
	Attrs      chunker.ID        `json:"attrs"`
	Files      int64             `json:"files"`
	Bytes      int64             `json:"bytes"`
	Time       time.Time         `json:"time"`
	Labels     map[string]string `json:"labels,omitempty"`
	Actor      string            `json:"actor,omitempty"`
	Client     string            `json:"client,omitempty"`
	Incomplete []string          `json:"incomplete,omitempty"`
	IncompB64  [][]byte          `json:"incomplete_b64,omitempty"` // if one of them is not UTF-8, all of them
	Sequence   uint64            `json:"sequence"`
}

func describeVersion(v *registry.Version) versionLine {
	l := versionLine{
		Ref:        v.Ref.String(),
		State:      v.State.String(),
		Root:       v.Root.Content,
		Attrs:      v.Root.Attrs,
		Files:      v.Summary.Files,
		Bytes:      v.Summary.Bytes,
		Time:       v.Time.UTC(),
		Labels:     v.Labels,
		Actor:      v.Actor,
		Client:     v.Client,
		Incomplete: v.Incomplete,
		Sequence:   v.Sequence,
	}
	if slices.ContainsFunc(v.Incomplete, func(p string) bool { return b64(p) != nil }) {
		for _, p := range v.Incomplete {
			l.IncompB64 = append(l.IncompB64, []byte(p))
		}
	}
	return l
}

// entryLine is a path of a version in JSON.
type entryLine struct {
	Path      string    `json:"path"` // from the version's root
	PathB64   []byte    `json:"path_b64,omitempty"`
	Kind      string    `json:"kind"`
	Mode      string    `json:"mode"` // octal
	MTime     time.Time `json:"mtime"`
	Size      int64     `json:"size"`
	Exec      bool      `json:"exec,omitempty"`
	Target    string    `json:"target,omitempty"`
	TargetB64 []byte    `json:"target_b64,omitempty"`

	// As far as the version has them.
	UID       *uint32     `json:"uid,omitempty"`
	GID       *uint32     `json:"gid,omitempty"`
	Xattrs    []xattrLine `json:"xattrs,omitempty"`
	Links     uint32      `json:"links,omitempty"`      // names of the file, where it was ingested
	LinkGroup string      `json:"link_group,omitempty"` // the same for all of them

	// Directories.
	Root  *chunker.ID `json:"root,omitempty"`
	Files *int64      `json:"files,omitempty"`
	Bytes *int64      `json:"bytes,omitempty"`
}

type xattrLine struct {
	Name    string `json:"name"`
	NameB64 []byte `json:"name_b64,omitempty"`
	Value   []byte `json:"value_b64"`
}

func describeEntry(path string, e manifest.Entry) entryLine {
	l := entryLine{
		Path:      path,
		PathB64:   b64(path),
		Kind:      e.Kind.String(),
		Mode:      fmt.Sprintf("%04o", e.Attr.Mode),
		MTime:     e.Attr.MTime.UTC(),
		Size:      e.Size,
		Exec:      e.Exec,
		Target:    e.Target,
		TargetB64: b64(e.Target),
	}
	if o := e.Attr.Owner; o.Known {
		l.UID, l.GID = &o.UID, &o.GID
	}
	for _, x := range e.Attr.Xattrs {
		l.Xattrs = append(l.Xattrs, xattrLine{x.Name, b64(x.Name), []byte(x.Value)})
	}
	if links := e.Attr.Links; !links.IsZero() {
		l.Links, l.LinkGroup = links.Count, hex.EncodeToString(links.Group[:])
	}
	if e.Kind == manifest.Dir {
		l.Root, l.Files, l.Bytes = &e.Tree, &e.Summary.Files, &e.Summary.Bytes
	}
	return l
}

// modeText is kind and permissions as ls prints them.
func modeText(e manifest.Entry) string {
	const rwx = "rwxrwxrwx"
	b := []byte("----------")
	switch e.Kind {
	case manifest.Dir:
		b[0] = 'd'
	case manifest.Symlink:
		b[0] = 'l'
	}
	for i := range rwx {
		if e.Attr.Mode&(1<<(8-i)) != 0 {
			b[1+i] = rwx[i]
		}
	}
	for i, bit := range []uint32{0o4000, 0o2000, 0o1000} { // setuid, setgid, sticky
		if e.Attr.Mode&bit == 0 {
			continue
		}
		at, set := 3+3*i, "sst"[i]
		if b[at] == '-' {
			set -= 'a' - 'A'
		}
		b[at] = set
	}
	return string(b)
}

// joinPath is name below dir, inside a version.
func joinPath(dir, name string) string {
	if dir == "" || name == "" {
		return dir + name
	}
	return dir + "/" + name
}
