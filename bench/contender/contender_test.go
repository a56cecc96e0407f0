package contender

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/artifortress/afs-engine/bench"
)

// commands are all texts of a contender in which places are filled in.
func commands(c bench.Contender) []string {
	all := append([]string{c.Version, c.Init, c.Ingest, c.OneCore, c.Reread, c.Again, c.Restore, c.Reclaim, c.Restored}, c.Index...)
	all = append(all, c.Env...)
	for _, m := range c.Mounts {
		all = append(all, m.Command, m.Shows)
	}
	return all
}

func TestContendersAreComplete(t *testing.T) {
	known := []string{"{afs}", "{src}", "{base}", "{release}", "{newest}", "{older}", "{store}", "{state}", "{dest}", "{mnt}"}
	seen := map[string]bool{}
	for _, c := range All() {
		if c.Name == "" || c.About == "" || c.Version == "" || c.Ingest == "" || c.Restore == "" || seen[c.Name] {
			t.Errorf("%s is not complete, or there twice", c.Name)
		}
		seen[c.Name] = true
		for _, line := range commands(c) {
			for _, place := range regexp.MustCompile(`\{[^}]*\}?`).FindAllString(line, -1) {
				if !slices.Contains(known, place) {
					t.Errorf("%s: there is no place %s: %s", c.Name, place, line)
				}
			}
		}
		for workload := range c.Without {
			if !slices.ContainsFunc(bench.Workloads(), func(w bench.Workload) bool { return w.Name == workload }) {
				t.Errorf("%s is without %s, which is no workload", c.Name, workload)
			}
		}
		for _, m := range c.Mounts {
			if m.Serves && !strings.HasPrefix(m.Command, "exec ") {
				t.Errorf("%s: sh would stand between the harness and what serves: %s", c.Name, m.Command)
			}
			if m.Name != "" && (m.About == "" || seen[m.Name]) {
				t.Errorf("%s is not described, or there twice", m.Name)
			}
			seen[m.Name] = true
		}
	}
}

func TestContendersAreFoundByName(t *testing.T) {
	got, err := Named(Quick())
	if err != nil || len(got) != len(Quick()) || got[0].Name != Subject {
		t.Fatalf("%v, %v", got, err)
	}
	if _, err := Named([]string{"nonsense"}); !errors.Is(err, ErrUnknown) {
		t.Errorf("no such contender: %v", err)
	}
	packages := Packages(All())
	for _, p := range []string{"restic", "borgbackup", "casync", "bup", "squashfs-tools", "squashfuse", "erofs-utils", "zstd", "fuse3"} {
		if !slices.Contains(packages, p) {
			t.Errorf("%s would not be installed", p)
		}
	}
}

// Every tool that is installed here stores, restores and reclaims two small
// releases. The slow ones have their turn at full size. The command's own tests
// do the same with the subject.
func TestInstalledToolsDoWhatTheyAreAskedTo(t *testing.T) {
	chosen := []string{"squashfs", "tar+zstd", "cp"}
	if os.Getenv("AFS_TEST_SOAK") != "" {
		chosen = nil
		for _, c := range All()[1:] {
			chosen = append(chosen, c.Name)
		}
	}
	contenders, err := Named(chosen)
	if err != nil {
		t.Fatal(err)
	}
	for i := range contenders {
		contenders[i].Mounts = nil // they are read by this project's command
	}
	var dirs []string
	for _, data := range []string{"one", "two"} {
		dir := filepath.Join(t.TempDir(), "app")
		if err := errors.Join(os.MkdirAll(filepath.Join(dir, "sub dir"), 0o755),
			os.WriteFile(filepath.Join(dir, "sub dir", "it's"), []byte(data), 0o644),
			os.WriteFile(filepath.Join(dir, "run"), []byte("#!/bin/sh\n"), 0o755),
			os.Symlink("run", filepath.Join(dir, "link"))); err != nil {
			t.Fatal(err)
		}
		dirs = append(dirs, dir)
	}
	tmpfs := bench.TmpfsDir()
	if tmpfs != "" {
		defer os.RemoveAll(tmpfs)
	}
	res, err := bench.Run(context.Background(), bench.Options{Work: t.TempDir(), Tmpfs: tmpfs, Reps: 1, Contenders: contenders, Settle: func() {}},
		[]func(context.Context) (bench.Corpus, error){func(context.Context) (bench.Corpus, error) { return bench.Own("own", dirs) }})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range res.Rows {
		if row.Status == bench.Failed {
			t.Errorf("%s %s: %s\n%s", row.Contender, row.Workload, row.Note, row.Command)
		}
		if row.Workload == bench.IngestFirst && (row.Same == nil || !*row.Same) {
			t.Errorf("%s: the first release did not come back", row.Contender)
		}
	}
	for _, c := range res.Contenders {
		if c.Skipped == "" && c.Tool == "" {
			t.Errorf("%s does not say its version", c.Name)
		}
	}
}
