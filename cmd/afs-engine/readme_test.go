package main

import (
	"os"
	"strings"
	"testing"
)

// What the README shows of the demo was printed by the demo.
func TestReadmeShowsWhatTheDemoPrinted(t *testing.T) {
	readme := read(t, "../../README.md")
	_, rest, ok := strings.Cut(readme, "<!-- demo:")
	block, _, closed := strings.Cut(rest, "<!-- end of demo -->")
	if !ok || !closed {
		t.Fatal("README.md has no place for the demo's output")
	}
	parts := strings.Split(block, "```\n")
	if len(parts) != 3 || strings.Count(parts[1], "\n") < 5 {
		t.Fatalf("no table between the marks: run make readme\n%s", block)
	}
	if !strings.Contains(read(t, "../../docs/demo.txt"), parts[1]) {
		t.Fatal("README.md shows what docs/demo.txt does not have: run make readme")
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
