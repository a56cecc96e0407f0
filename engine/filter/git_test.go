package filter

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestAgreesWithGit compares random pattern lists, at the root and in a
// directory below, with `git check-ignore` on every path of a small tree.
func TestAgreesWithGit(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git, the oracle, is not installed")
	}
	dir := t.TempDir()
	git(t, dir, "", "init", "-q")
	var paths []string
	var build func(prefix string, depth int)
	build = func(prefix string, depth int) {
		for _, name := range []string{"a", "b", "ab", "a.o", "-]"} {
			path := prefix + name
			if depth < 3 && len(name) == 1 {
				must(t, os.MkdirAll(filepath.Join(dir, path), 0o755))
				paths = append(paths, path+"/")
				build(path+"/", depth+1)
			} else {
				must(t, os.WriteFile(filepath.Join(dir, path), nil, 0o644))
				paths = append(paths, path)
			}
		}
	}
	build("", 0)

	r := rand.New(rand.NewPCG(7, 7))
	for range 40 {
		root, sub := randomPatterns(r), randomPatterns(r)
		must(t, os.WriteFile(filepath.Join(dir, ".gitignore"), []byte(root), 0o644))
		must(t, os.WriteFile(filepath.Join(dir, "a", ".gitignore"), []byte(sub), 0o644))
		out := git(t, dir, strings.ReplaceAll(strings.Join(paths, "\n")+"\n", "/\n", "\n"), "check-ignore", "--stdin", "--no-index")
		want := map[string]bool{}
		for _, line := range strings.Split(out, "\n") {
			want[line] = true
		}
		f, err := New(Options{IgnoreFiles: []string{".gitignore"}})
		must(t, err)
		for _, path := range paths {
			if got := walkTo(t, f, dir, path) == Skip; got != want[strings.TrimSuffix(path, "/")] {
				t.Fatalf("%q excluded: %v, git says the opposite\nroot:\n%s\nin a:\n%s", path, got, root, sub)
			}
		}
	}
}

// walkTo judges a path as a walker does.
func walkTo(t *testing.T, f *Filter, root, path string) Verdict {
	t.Helper()
	name, isDir := strings.CutSuffix(path, "/")
	at := root
	scope, err := f.Root(opener(at))
	must(t, err)
	segs := strings.Split(name, "/")
	for i, seg := range segs {
		last := i == len(segs)-1
		if v := scope.Match(seg, isDir || !last); v == Skip || last {
			return v
		}
		at = filepath.Join(at, seg)
		scope, err = scope.Enter(seg, opener(at))
		must(t, err)
	}
	return Take
}

func opener(dir string) OpenFunc {
	return func(name string) (io.ReadCloser, error) { return os.Open(filepath.Join(dir, name)) }
}

func randomPatterns(r *rand.Rand) string {
	parts := []string{"a", "b", "*", "**", "a*", "?", "[ab]", "[!a]", "*.o", "**b", `\a`, "[[:alpha:]]"}
	var b strings.Builder
	for range 1 + r.IntN(4) {
		var segs []string
		for range 1 + r.IntN(3) {
			seg := parts[r.IntN(len(parts))]
			if len(segs) > 0 && segs[len(segs)-1] == "**" && (seg == "*" || seg == "**") {
				seg = "a" // the library and git differ about "**/*" and "**/**"
			}
			segs = append(segs, seg)
		}
		fmt.Fprintf(&b, "%s%s%s%s\n", pick(r, "!"), pick(r, "/"), strings.Join(segs, "/"), pick(r, "/"))
	}
	return b.String()
}

func pick(r *rand.Rand, s string) string {
	if r.IntN(3) == 0 {
		return s
	}
	return ""
}

func git(t *testing.T, dir, stdin string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-c", "core.excludesFile=", "-c", "core.quotePath=false"}, args...)...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "GIT_CONFIG_NOSYSTEM=1"}
	cmd.Stdin = strings.NewReader(stdin)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if exit, ok := err.(*exec.ExitError); ok && exit.ExitCode() == 1 && args[0] == "check-ignore" {
		err = nil // nothing is ignored
	}
	if err != nil {
		t.Fatalf("git %v: %v: %s", args, err, errs.String())
	}
	return out.String()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
