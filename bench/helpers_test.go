package bench

import (
	"os"
	"path/filepath"
	"testing"
)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// tree makes a directory of files.
func tree(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, data := range files {
		path := filepath.Join(dir, name)
		check(t, os.MkdirAll(filepath.Dir(path), 0o755))
		check(t, os.WriteFile(path, []byte(data), 0o644))
	}
	return dir
}

// copier is a contender that everybody has.
func copier(name string) Contender {
	return Contender{
		Name: name, About: "a copy", Version: "echo copier 1",
		Needs:   []string{"cp"},
		Ingest:  "cp -a {src} {store}/{release}",
		Reread:  "cp -a {src} {store}/{release}",
		Restore: "cp -a {store}/{release} {dest}",
		Reclaim: "cd {store} && rm -r {older}",
		Without: map[string]string{IngestAgain: "it knows nothing"},
		Mounts:  []Mount{{Shows: "{store}/{release}"}},
	}
}
