package registry

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/artifortress/afs-engine/chunker"
)

func TestReferencesAreCutAtTheirColonAndLastAt(t *testing.T) {
	long := strings.Repeat("x", segmentMax)
	for s, want := range map[string]Ref{
		"go/tool@1.0":                   {"go", "tool", "1.0", ""},
		"go/tool@latest":                {"go", "tool", "latest", ""},
		"go/a/b/c@1":                    {"go", "a/b/c", "1", ""},
		"npm/@scope/pkg@1.0.0":          {"npm", "@scope/pkg", "1.0.0", ""},
		"@org/pkg@1":                    {"@org", "pkg", "1", ""},
		"@org/@scope/@pkg@1":            {"@org", "@scope/@pkg", "1", ""},
		"npm/@scope@1":                  {"npm", "@scope", "1", ""},
		"a/@.@1":                        {"a", "@.", "1", ""},
		"A_z.9+~-/0@._+~-":              {"A_z.9+~-", "0", "._+~-", ""},
		"go/tool@1.0:bin/tool":          {"go", "tool", "1.0", "bin/tool"},
		"go/tool@1.0:":                  {"go", "tool", "1.0", ""},
		"go/tool@1.0:/":                 {"go", "tool", "1.0", ""},
		"go/tool@1.0:a:b@c/d@2:e":       {"go", "tool", "1.0", "a:b@c/d@2:e"},
		"go/tool@1.0://a/./b//c/":       {"go", "tool", "1.0", "a/b/c"},
		"go/tool@1.0:a b\\c\nd\xff":     {"go", "tool", "1.0", "a b\\c\nd\xff"},
		"go/tool@1.0:.../..a":           {"go", "tool", "1.0", ".../..a"},
		"go/tool@root-00":               {"go", "tool", "root-00", ""},
		"go/...@...":                    {"go", "...", "...", ""},
		long + "/" + long + "@" + long:  {long, long, long, ""},
		"r/" + long + "/" + long + "@1": {"r", long + "/" + long, "1", ""},
	} {
		got, err := ParseRef(s)
		if err != nil || got != want {
			t.Errorf("%q reads as %+v, %v", s, got, err)
			continue
		}
		if again, err := ParseRef(got.String()); err != nil || again != got {
			t.Errorf("%q is written as %q, which reads as %+v, %v", s, got, again, err)
		}
	}
}

func TestBadReferencesAreRefused(t *testing.T) {
	long := strings.Repeat("x", segmentMax+1)
	for _, s := range []string{
		"", "@", "/", ":", "go", "go/tool", "go@1", "/tool@1", "go/@1", "go/tool@", "go//tool@1", "go/tool/@1",
		"@/tool@1", "go/./tool@1", "go/../tool@1", "../tool@1", "go/..@1", "go/tool@.", "go/tool@..", "go/tool@a/b",
		"go/tool@1@", "go/tool@@1", "go/a@b/c@1", "go/@@scope/x@1", "go/to ol@1", "go/tööl@1", "go/tool@1 ", " go/tool@1",
		"go/tool@1\n", "go/tool\n@1", "go/tool\x00@1", "go/tool@1\x00", "go/t*@1", "go/tool:@1", ":go/tool@1",
		"go/tool@1:a/../b", "go/tool@1:..", "go/tool@1:a\x00b", "npm/@scope", "npm/@scope/pkg", "@scope", "@org/@scope",
		long + "/a@1", "a/" + long + "@1", "a/b@" + long, "a/" + strings.Repeat("x/", packageMax/2) + "x@1",
	} {
		if r, err := ParseRef(s); !errors.Is(err, ErrBadRef) {
			t.Errorf("%q reads as %+v, %v", s, r, err)
		}
	}
}

// A mount shows a package's version as one name.
func TestTheLongestNameFitsAFileName(t *testing.T) {
	long := strings.Repeat("x", segmentMax)
	r := mustRef(t, "a/"+long+"@"+long)
	if n := len(r.Package + "@" + r.Version); n > 255 {
		t.Fatalf("%d bytes", n)
	}
}

func TestPackagesHaveNoVersion(t *testing.T) {
	r, err := ParsePackage("npm/@scope/pkg")
	if err != nil || r != (Ref{Repo: "npm", Package: "@scope/pkg"}) || r.String() != "npm/@scope/pkg" {
		t.Fatalf("%+v, %v", r, err)
	}
	for _, s := range []string{"", "go", "go/", "/go", "go/tool@1", "go/tool:x", "go/.."} {
		if r, err := ParsePackage(s); !errors.Is(err, ErrBadRef) {
			t.Errorf("%q reads as %+v, %v", s, r, err)
		}
	}
}

func TestPathsHaveOneForm(t *testing.T) {
	for p, want := range map[string]string{
		"": "", "/": "", ".": "", "./": "", "a": "a", "/a": "a", "a/": "a", "//a//b//": "a/b", "./a/./b/.": "a/b",
		"...": "...", "a..b": "a..b", ".a": ".a", "\xff\xfe": "\xff\xfe", "a\\b": "a\\b", "@1:x": "@1:x",
	} {
		got, err := CleanPath(p)
		if err != nil || got != want {
			t.Errorf("%q becomes %q, %v", p, got, err)
		}
		if again, err := CleanPath(got); err != nil || again != got {
			t.Errorf("%q becomes %q, %v", got, again, err)
		}
	}
	for _, p := range []string{"..", "../a", "a/..", "a/../b", "/..", "\x00", "a/\x00/b"} {
		if got, err := CleanPath(p); !errors.Is(err, ErrBadRef) {
			t.Errorf("%q becomes %q, %v", p, got, err)
		}
	}
}

func TestReferencesAreJSONStrings(t *testing.T) {
	r := mustRef(t, "npm/@scope/pkg@1.0:bin/x")
	b, err := json.Marshal(r)
	if err != nil || string(b) != `"npm/@scope/pkg@1.0:bin/x"` {
		t.Fatalf("%s, %v", b, err)
	}
	var got Ref
	if err := json.Unmarshal(b, &got); err != nil || got != r {
		t.Fatalf("%+v, %v", got, err)
	}
	if err := json.Unmarshal([]byte(`"go"`), &got); !errors.Is(err, ErrBadRef) {
		t.Fatal(err)
	}
	if v := r.WithVersion("2"); v.String() != "npm/@scope/pkg@2" {
		t.Fatal(v)
	}
}

func TestPinnedRoots(t *testing.T) {
	id := chunker.Sum(nil)
	if got, ok := mustRef(t, "go/tool@root-"+id.String()).PinnedRoot(); !ok || got != id {
		t.Errorf("%s, %v", got, ok)
	}
	for _, v := range []string{"root-", "root-00", "root", "1.0", "Root-" + id.String(), "root-" + strings.ToUpper(id.String())} {
		if got, ok := mustRef(t, "go/tool@"+v).PinnedRoot(); ok {
			t.Errorf("%s pins %s", v, got)
		}
	}
}

func FuzzParseRef(f *testing.F) {
	for _, s := range []string{"go/tool@1.0", "npm/@scope/pkg@1:a/b", "@a/@b@c:/d//e/", "a/b@1:../c", "a/b@@1", "a@b/c:d@e"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := ParseRef(s)
		if err != nil {
			if !errors.Is(err, ErrBadRef) || r != (Ref{}) {
				t.Fatalf("%+v, %v", r, err)
			}
			return
		}
		if again, err := ParseRef(r.String()); err != nil || again != r {
			t.Fatalf("%+v is written as %q, which reads as %+v, %v", r, r, again, err)
		}
		if p, err := ParsePackage(r.PackageName()); err != nil || p.WithVersion(r.Version) != r.WithVersion(r.Version) {
			t.Fatalf("%+v is of package %+v, %v", r, p, err)
		}
		if strings.ContainsAny(r.PackageName()+r.Version, "\x00\x01:") || strings.Contains(r.Version, "/") {
			t.Fatalf("%+v has bytes that keys are made of", r)
		}
	})
}
