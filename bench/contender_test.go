package bench

import (
	"errors"
	"os/exec"
	"testing"
)

func TestPlacesAreFilledIn(t *testing.T) {
	p := places{"src": "/a b/it's", "store": "/s", "older": "v1 v2"}
	line, err := p.line("tool {src} --to={store}/x {older}")
	if want := `tool '/a b/it'\''s' --to=/s/x v1 v2`; err != nil || line != want {
		t.Errorf("%q, %v; want %q", line, err, want)
	}
	if path, err := p.path("{store}/{src}"); err != nil || path != "/s//a b/it's" {
		t.Errorf("%q, %v", path, err)
	}
	for _, bad := range []string{"tool {stor}", "tool {", "tool {src"} {
		if _, err := p.line(bad); !errors.Is(err, errPlace) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func FuzzWordsReachTheShellWhole(f *testing.F) {
	for _, s := range []string{"plain", "", "two words", "it's", "$(id)", "a\nb", "-x", "*", `\`, "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, c := range []byte(s) {
			if c == 0 {
				return // no argument can hold it
			}
		}
		out, err := exec.Command("sh", "-c", "printf '%s|' "+shellQuoted("", s)).Output()
		if err != nil || string(out) != s+"|" {
			t.Errorf("%q became %q: %v", s, out, err)
		}
	})
}

func TestDirectoriesOfOneNameStayApart(t *testing.T) {
	c := Corpus{Releases: []Release{{"r1", "/1/app"}, {"r2", "/2/app"}, {"r3", "/other"}, {"r4", "/3/app"}}}
	got := c.bases()
	for i, want := range []string{"app", "app_1", "other", "app_2"} {
		if got[i] != want {
			t.Errorf("release %d: %s, want %s", i, got[i], want)
		}
	}
}

func TestTheLargestFilesAreChosen(t *testing.T) {
	files := []file{{"a", 5}, {"b", 100}, {"c", 40}, {"d", 40}, {"e", 1}}
	got := largest(files, 3, 141)
	if len(got) != 3 || got[0].path != "b" || got[1].path != "c" || got[2].path != "e" {
		t.Errorf("%v", got)
	}
	if got := largest(files, 16, 50); got[0].path != "b" {
		t.Errorf("the largest is chosen in any case: %v", got)
	}
}
