package filter

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestPatternsMatchAsInGit(t *testing.T) {
	for _, c := range []struct {
		pattern string
		yes, no string // paths; a slash at the end marks a directory
	}{
		{"*.o", "a.o d/e/a.o .o", "a.o.c a"},
		{"/a", "a a/", "b/a"},
		{"a/", "a/ b/a/", "a b/a"},
		{"d/a", "d/a", "a x/d/a d/a/b"},
		{"**/a/b", "a/b x/a/b a/x/a/b", "a/x/b"},
		{"a/**", "a/b a/b/c", "a a/ b/a"},
		{"a/**/b", "a/b a/x/b a/x/y/b", "a b xa/b"},
		{"**", "a a/b", ""},
		{"/**/", "a/ a/b/", "a"},
		{"a**b", "ab axxb", "a/b"},
		{"a?c", "abc a.c", "ac abbc a/c"},
		{"[a-c]x", "ax cx", "dx x"},
		{"[!a-c]x", "dx", "ax"},
		{"[^a]x", "bx", "ax"},
		{`[\]]`, "]", `\`},
		{"[[:digit:]a]", "1 a", "b :"},
		{`\#x`, "#x", "x"},
		{`\!x`, "!x", "x"},
		{`a\*`, "a*", "ab"},
		{`a\ `, "a\u0020", "a"},
		{"a  ", "a", "a\u0020"},
		{"\xff*", "\xffx", "x"},
		{"*a*b*a", "aba xaxbxa", "ab aab"},
	} {
		p, err := compile(c.pattern)
		if err != nil {
			t.Errorf("%q: %v", c.pattern, err)
			continue
		}
		for want, list := range map[bool]string{true: c.yes, false: c.no} {
			for _, path := range splitPaths(list) {
				name, isDir := strings.CutSuffix(path, "/")
				if got := p.match(strings.Split(name, "/"), isDir); got != want {
					t.Errorf("%q matches %q: %v", c.pattern, path, got)
				}
			}
		}
	}
}

// splitPaths splits at single spaces; a path may itself be "x ", written as
// its own list.
func splitPaths(list string) []string {
	if list == "" || strings.HasSuffix(list, " ") {
		return append([]string(nil), list)[:min(1, len(list))]
	}
	return strings.Split(list, " ")
}

func TestPatternsThatCannotMatchAreErrors(t *testing.T) {
	for _, s := range []string{"", "/", "!", "a//b", "[a", "[", "[!", `a\`, "[[:nope:]]", `[\`, "[a-", "   "} {
		_, err := New(Options{Exclude: []string{s}})
		if !errors.Is(err, ErrBadPattern) {
			t.Errorf("New with %q: %v", s, err)
		} else if !strings.Contains(err.Error(), `"`+strings.ReplaceAll(s, `\`, `\\`)+`"`) {
			t.Errorf("the error for %q does not name it: %v", s, err)
		}
	}
}

// The library tries every way to share a name between stars: what would take
// for ever is refused, and stars in a row count once.
func TestTooManyStarsAreRefused(t *testing.T) {
	for _, s := range []string{strings.Repeat("*a", 5), strings.Repeat("**/a/", 5) + "b"} {
		if _, err := compile(s); !errors.Is(err, ErrBadPattern) {
			t.Errorf("%q: %v", s, err)
		}
	}
	p, err := compile(strings.Repeat("*", 1000) + "0")
	if err != nil || !p.match([]string{"x0"}, false) || p.match([]string{"x"}, false) {
		t.Errorf("a row of stars: %v", err)
	}
}

func TestPatternFilesHaveCommentsAndLineEndings(t *testing.T) {
	ps, err := parse(strings.NewReader("\xef\xbb\xbf# comment\n\n*.o\r\n   \n[bad\n!keep.o"), false)
	if err != nil || len(ps) != 2 || !ps[0].match([]string{"x.o"}, false) || !ps[1].negated {
		t.Fatalf("parse: %v, %v", ps, err)
	}
	if _, err := parse(strings.NewReader("ok\n[bad"), true); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("strict parse of a bad line: %v", err)
	}
	if _, err := parse(strings.NewReader(strings.Repeat("x", patternFileMax+1)), false); err == nil {
		t.Error("a huge file of patterns was accepted")
	}
}

// FuzzPattern looks for panics and endless loops, and for a pattern that says
// yes below a directory that mayMatchBelow has pruned.
func FuzzPattern(f *testing.F) {
	for _, s := range []string{"a/**/b", "[a-z]*", "!**/x?/", `\[[[:alpha:]-]`, "[]-a]", "**"} {
		f.Add(s, "a/b/c")
	}
	f.Fuzz(func(t *testing.T, s, path string) {
		p, err := compile(s)
		if err != nil || path == "" {
			return
		}
		segs := strings.Split(path, "/")
		if len(path) > 64 || slices.Contains(segs, "") || !p.match(segs, true) {
			return // no walk has empty names
		}
		for i := 1; i < len(segs); i++ {
			if !p.mayMatchBelow(segs[:i]) {
				t.Fatalf("%q matches %q but was pruned at %q", s, segs, segs[:i])
			}
		}
	})
}
