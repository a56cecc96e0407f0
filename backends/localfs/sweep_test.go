package localfs

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestSweepTakesWhatIsOldEnough(t *testing.T) {
	now := time.Unix(1e9, 0)
	dir := t.TempDir()
	old, young := filepath.Join(dir, "tmp/old"), filepath.Join(dir, "tmp/young")
	if err := os.Mkdir(filepath.Dir(old), 0o700); err != nil {
		t.Fatal(err)
	}
	for path, age := range map[string]time.Duration{old: 24*time.Hour + time.Second, young: 24 * time.Hour} {
		if err := os.WriteFile(path, nil, 0o400); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, time.Time{}, now.Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Open(dir, Options{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := s.Sweep(24 * time.Hour); n != 1 || err != nil {
		t.Errorf("Sweep gives %d, %v, want 1 removed", n, err)
	}
	if _, err := os.Stat(old); !os.IsNotExist(err) {
		t.Errorf("a file older than a day: %v, want it gone", err)
	}
	if _, err := os.Stat(young); err != nil {
		t.Errorf("a file of a day is gone: %v", err)
	}
	if n, err := s.Sweep(time.Hour); n != 1 || err != nil {
		t.Errorf("Sweep gives %d, %v, want 1 removed", n, err)
	}
	if n, err := s.Sweep(0); n != 0 || err != nil {
		t.Errorf("Sweep gives %d, %v, want none left", n, err)
	}
}

func TestSweepLeavesObjectsAlone(t *testing.T) {
	later := time.Now().Add(1000 * time.Hour)
	s, err := Open(t.TempDir(), Options{Now: func() time.Time { return later }})
	if err != nil {
		t.Fatal(err)
	}
	mustPut(t, s, "a", "content")
	// Stopped between link and remove: the temporary file is the object's too.
	if err := os.Link(s.path("a"), filepath.Join(s.dir, "tmp", "left")); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Sweep(time.Hour); n != 1 || err != nil {
		t.Errorf("Sweep gives %d, %v, want 1 removed", n, err)
	}
	if b, err := os.ReadFile(s.path("a")); err != nil || string(b) != "content" {
		t.Errorf("the object is %q, %v", b, err)
	}
}

func TestSweepWithNothingThere(t *testing.T) {
	if n, err := newStore(t).Sweep(0); n != 0 || err != nil {
		t.Errorf("Sweep gives %d, %v", n, err)
	}
}
