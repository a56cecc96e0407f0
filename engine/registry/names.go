package registry

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/artifortress/afs-engine/chunker"
)

// FindName returns what stands at path: a group, a published version or a tag.
func FindName(r Reader, path string) (Name, error) {
	if path == "" {
		return Name{Kind: Group}, nil
	}
	if base := path[strings.LastIndexByte(path, '/')+1:]; strings.LastIndexByte(base, '@') > 0 {
		ref, err := ParseRef(path)
		if err != nil || ref.String() != path || ref.Path != "" {
			return Name{}, fmt.Errorf("%w: %s", ErrNotFound, path)
		}
		x, ok, err := getRow(r, ref)
		if err != nil {
			return Name{}, err
		}
		if ok {
			if n, ok, err := visibleName(r, ref, x); ok || err != nil {
				return n, err
			}
		}
		return Name{}, fmt.Errorf("%w: %s", ErrNotFound, path)
	}
	if !isPath(path) {
		return Name{}, fmt.Errorf("%w: %q", ErrNotFound, path)
	}
	group, err := anyPublished(r, append(pathPrefix(tableName, path), sepSegment))
	if err != nil {
		return Name{}, err
	}
	pkg, err := anyPublished(r, append(pathPrefix(tableName, path), sepVersion))
	if err != nil {
		return Name{}, err
	}
	if group || pkg {
		return Name{Path: path, Kind: Group, Package: pkg}, nil
	}
	return Name{}, fmt.Errorf("%w: %s", ErrNotFound, path)
}

// visibleName is the Name of a row, unless it is one that readers do not see.
func visibleName(r Reader, ref Ref, x row) (Name, bool, error) {
	n := Name{Path: ref.PackageName() + "@" + ref.Version, Kind: VersionName, Version: x.version}
	if x.version == nil {
		n.Kind = TagName
		v, err := Find(r, ref)
		if err != nil {
			return Name{}, false, err
		}
		n.Version = v
	}
	return n, n.Version.State == Published, nil
}

func anyPublished(r Reader, prefix []byte) (found bool, err error) {
	err = r.Scan(prefix, nil, func(_, v []byte) error {
		if found = len(v) > 0 && State(v[0]) == Published; found {
			return errStop
		}
		return nil
	})
	return found, ignoreStop(err)
}

// ListNames calls fn for what stands directly under the group path: for each
// segment its group, if it has packages or groups of its own below, then its
// versions and tags. What only drafts would show is left out. fn may use r.
func ListNames(r Reader, path string, fn func(Name) error) error {
	prefix := []byte{tableName}
	if path != "" {
		if !isPath(path) {
			return nil
		}
		prefix = append(pathPrefix(tableName, path), sepSegment)
	}
	for from := prefix; from != nil; {
		var key, value []byte
		err := r.Scan(prefix, from, func(k, v []byte) error {
			key, value = bytes.Clone(k), bytes.Clone(v)
			return errStop
		})
		if err = ignoreStop(err); err != nil || key == nil {
			return err
		}
		if from, err = listOne(r, prefix, path, key, value, fn); err != nil {
			return err
		}
	}
	return nil
}

// listOne reports what key stands for under prefix and returns where to look
// next.
func listOne(r Reader, prefix []byte, path string, key, value []byte, fn func(Name) error) ([]byte, error) {
	rest := key[len(prefix):]
	end := bytes.IndexAny(rest, "\x00\x01")
	if end < 0 {
		return nil, fmt.Errorf("registry has a bad key %q", key)
	}
	below := key[:len(prefix)+end+1]
	if rest[end] == sepSegment {
		ok, err := anyPublished(r, below)
		if err == nil && ok {
			err = fn(Name{Path: joinPath(path, string(rest[:end])), Kind: Group})
		}
		next := bytes.Clone(below)
		next[len(next)-1]++
		return next, err
	}
	x, err := decodeRow(value)
	if err != nil {
		return nil, err
	}
	ref, err := ParseRef(pathOfName(key))
	if err != nil {
		return nil, err
	}
	n, ok, err := visibleName(r, ref, x)
	if err == nil && ok {
		err = fn(n)
	}
	return append(key, 0), err
}

// ListPackage calls fn for the published versions and the tags of ref's package.
func ListPackage(r Reader, ref Ref, fn func(Name) error) error {
	prefix := append(pathPrefix(tableName, ref.PackageName()), sepVersion)
	return r.Scan(prefix, nil, func(key, value []byte) error {
		x, err := decodeRow(value)
		if err != nil {
			return err
		}
		n, ok, err := visibleName(r, ref.WithVersion(string(key[len(prefix):])), x)
		if err == nil && ok {
			err = fn(n)
		}
		return err
	})
}

func joinPath(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}

// ListVersions calls fn for every version in a state, under a path of the
// registry or a package ("" for all), in order of names.
func ListVersions(r Reader, path string, state State, fn func(*Version) error) error {
	prefixes := [][]byte{{tableName}}
	if path != "" {
		if !isPath(path) {
			return nil
		}
		p := pathPrefix(tableName, path)
		prefixes = [][]byte{append(bytes.Clone(p), sepSegment), append(bytes.Clone(p), sepVersion)}
	}
	for _, prefix := range prefixes {
		err := r.Scan(prefix, nil, func(_, v []byte) error {
			if len(v) == 0 || State(v[0]) != state {
				return nil
			}
			x, err := decodeRow(v)
			if err != nil {
				return err
			}
			return fn(x.version)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// FindRoot returns a published version of ref's package whose content is id.
func FindRoot(r Reader, ref Ref, id chunker.ID) (*Version, error) {
	var found *Version
	prefix := append(pathPrefix(tableName, ref.PackageName()), sepVersion)
	err := r.Scan(prefix, nil, func(_, v []byte) error {
		if len(v) == 0 || State(v[0]) != Published {
			return nil
		}
		x, err := decodeRow(v)
		if err == nil && x.version.Root.Content == id {
			found, err = x.version, errStop
		}
		return err
	})
	if err = ignoreStop(err); err == nil && found == nil {
		err = fmt.Errorf("%w: %s has no published version with content %s", ErrNotFound, ref.PackageName(), id)
	}
	return found, err
}
