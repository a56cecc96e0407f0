package registry

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/artifortress/afs-engine/chunker"
)

// ErrBadRef is wrapped by every error about a reference's form.
var ErrBadRef = errors.New("bad reference")

// Ref is a reference as a user writes it: REPO/PACKAGE@VERSION[:PATH].
//
// It is cut at the first ':' (the rest is PATH), then the left part at its
// last '@'. REPO is the first segment, PACKAGE the others (at least one),
// VERSION a version, a tag or root-HEX. Segments match @?[A-Za-z0-9._+~-]+ and
// are not "." or ".."; PATH is any bytes but NUL, slash-separated, and is kept
// clean: no empty, "." or ".." segment. The JSON form is String.
type Ref struct {
	Repo    string
	Package string // may hold '/'
	Version string // "" in a reference to a package
	Path    string // "" is the version's root
}

// LatestTag is the tag that publish moves.
const LatestTag = "latest"

// rootPrefix begins a VERSION that pins a content id.
const rootPrefix = "root-"

// Limits of a reference, in bytes. A package's last segment, '@' and a version
// together are a file name in a mount, of which no more than 255 bytes fit.
const (
	segmentMax = 127
	packageMax = 512
)

var (
	segmentPattern = regexp.MustCompile(`^@?[A-Za-z0-9._+~-]+$`)
	versionPattern = regexp.MustCompile(`^[A-Za-z0-9._+~-]+$`)
)

// ParseRef reads a reference to a version or a path in it.
func ParseRef(s string) (Ref, error) {
	left, path, hasPath := strings.Cut(s, ":")
	at := strings.LastIndexByte(left, '@')
	if at <= 0 || left[at-1] == '/' {
		return Ref{}, fmt.Errorf("%w %q: want REPO/PACKAGE@VERSION[:PATH]", ErrBadRef, s)
	}
	ref, err := ParsePackage(left[:at])
	if err != nil {
		return Ref{}, err
	}
	ref.Version = left[at+1:]
	if err := CheckVersion(ref.Version); err != nil {
		return Ref{}, err
	}
	if hasPath {
		if ref.Path, err = CleanPath(path); err != nil {
			return Ref{}, err
		}
	}
	return ref, nil
}

// ParsePackage reads REPO/PACKAGE, without a version.
func ParsePackage(s string) (Ref, error) {
	repo, pkg, ok := strings.Cut(s, "/")
	if !ok {
		return Ref{}, fmt.Errorf("%w %q: want REPO/PACKAGE", ErrBadRef, s)
	}
	if len(pkg) > packageMax {
		return Ref{}, fmt.Errorf("%w: package name over %d bytes", ErrBadRef, packageMax)
	}
	for seg := range strings.SplitSeq(s, "/") {
		if err := checkName(segmentPattern, seg); err != nil {
			return Ref{}, err
		}
	}
	return Ref{Repo: repo, Package: pkg}, nil
}

// isPath reports whether path can stand in the registry's hierarchy above
// versions: one or more segments.
func isPath(path string) bool {
	for seg := range strings.SplitSeq(path, "/") {
		if checkName(segmentPattern, seg) != nil {
			return false
		}
	}
	return true
}

// CheckVersion says whether s may name a version or a tag.
func CheckVersion(s string) error { return checkName(versionPattern, s) }

func checkName(pattern *regexp.Regexp, s string) error {
	switch {
	case s == "." || s == "..", !pattern.MatchString(s):
		return fmt.Errorf("%w: %q: use letters, digits and . _ + ~ -", ErrBadRef, s)
	case len(s) > segmentMax:
		return fmt.Errorf("%w: a name over %d bytes", ErrBadRef, segmentMax)
	}
	return nil
}

// CleanPath brings a path inside a version to its one form: no leading,
// trailing or double slash, "" for the root. ".." and NUL are refused.
func CleanPath(p string) (string, error) {
	if strings.IndexByte(p, 0) >= 0 {
		return "", fmt.Errorf("%w: a path with a NUL byte", ErrBadRef)
	}
	var segs []string
	for seg := range strings.SplitSeq(p, "/") {
		switch seg {
		case "", ".":
		case "..":
			return "", fmt.Errorf("%w: %q leaves the version", ErrBadRef, p)
		default:
			segs = append(segs, seg)
		}
	}
	return strings.Join(segs, "/"), nil
}

// String is the reference as ParseRef reads it.
func (r Ref) String() string {
	s := r.PackageName()
	if r.Version != "" {
		s += "@" + r.Version
	}
	if r.Path != "" {
		s += ":" + r.Path
	}
	return s
}

// PackageName is REPO/PACKAGE.
func (r Ref) PackageName() string { return r.Repo + "/" + r.Package }

// WithVersion is r pointing at another version, without a path.
func (r Ref) WithVersion(v string) Ref { r.Version, r.Path = v, ""; return r }

// PinnedRoot returns the content id of a @root-HEX reference.
func (r Ref) PinnedRoot() (chunker.ID, bool) {
	hex, ok := strings.CutPrefix(r.Version, rootPrefix)
	if !ok {
		return chunker.ID{}, false
	}
	id, err := chunker.ParseID(hex)
	return id, err == nil
}

// MarshalText is String.
func (r Ref) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText is ParseRef.
func (r *Ref) UnmarshalText(b []byte) (err error) { *r, err = ParseRef(string(b)); return err }
