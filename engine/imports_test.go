package engine_test

import (
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/artifortress/afs-engine/"

// floors says who stands on whom: a package may import packages of lower
// floors, and of its own floor only from below the same folder. The first
// prefix that fits counts.
var floors = []struct {
	prefix string
	floor  int
}{
	{"chunker", 0},
	{"backends", 0},
	{"packfile/wire", 1},
	{"packfile", 2},
	{"index", 3},
	{"engine/manifest", 4},
	{"engine/commitlog", 4},
	{"engine/filter", 4},
	{"engine/dirfd", 4},
	{"engine/registry", 5},
	{"engine/source", 5},
	{"engine/unpack", 5},
	{"engine/scrub", 6},
	{"engine/known", 6},
	{"engine/dataplane", 7},
	{"engine", 8},
	{"fusefs", 9},
	{"bench", 10},
	{"cmd", 11},
}

func floorOf(pkg string) int {
	for _, f := range floors {
		if pkg == f.prefix || strings.HasPrefix(pkg, f.prefix+"/") {
			return f.floor
		}
	}
	return -1
}

func TestImportsPointDownwards(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}}{{range .Imports}} {{.}}{{end}}`, module+"...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		pkg := strings.TrimPrefix(words[0], module)
		if floorOf(pkg) < 0 {
			t.Errorf("%s stands on no floor: add it here and to docs/architecture.md", pkg)
		}
		for _, imp := range words[1:] {
			dep, ours := strings.CutPrefix(imp, module)
			switch {
			case imp == "net/http" && floorOf(pkg) < floorOf("cmd") && pkg != "bench/corpus": // which downloads
				t.Errorf("%s imports net/http: storage does not know the web", pkg)
			case strings.HasPrefix(imp, "github.com/jotfs/"):
				t.Errorf("%s imports %s, which is for the cutter's tests", pkg, imp)
			case !ours:
			case strings.HasPrefix(dep, "cmd"):
				t.Errorf("%s imports %s: nothing imports a command", pkg, dep)
			case floorOf(dep) > floorOf(pkg):
				t.Errorf("%s imports %s, which stands above it", pkg, dep)
			case floorOf(dep) == floorOf(pkg) && first(dep) != first(pkg):
				t.Errorf("%s imports %s, which stands on the same floor", pkg, dep)
			case strings.HasPrefix(pkg, "backends") && strings.HasPrefix(dep, "packfile"):
				t.Errorf("%s imports %s: a backend knows objects, not packs", pkg, dep)
			}
		}
	}
}

// first is the part of a package's path that it shares with its family.
func first(pkg string) string {
	dir, _, _ := strings.Cut(pkg, "/")
	return dir
}

// backends' core must stay free of everything: its users bring the rest.
func TestBackendsImportsTheStandardLibraryOnly(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", module+"backends").Output()
	if err != nil {
		t.Fatal(err)
	}
	for pkg := range strings.FieldsSeq(string(out)) {
		if host, _, _ := strings.Cut(pkg, "/"); strings.Contains(host, ".") && pkg != module+"backends" {
			t.Errorf("backends depends on %s", pkg)
		}
	}
}
