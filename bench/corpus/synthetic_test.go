package corpus

import (
	"bytes"
	"errors"
	"os"
	"testing"
)

func TestSyntheticCorporaAreTheSameEverywhere(t *testing.T) {
	models := map[string]model{"small": smallModel}
	if os.Getenv("AFS_TEST_SOAK") != "" {
		models["full"] = fullModel
	}
	for name, m := range models {
		var files, bytes int
		err := m.each(func(release int, f generated) error {
			if release == 0 {
				files++
				bytes += len(f.data)
			}
			return nil
		})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if files != m.files || bytes < 10<<10*files {
			t.Errorf("%s: %d files, %d bytes", name, files, bytes)
		}
	}
}

func TestAnotherSeedIsNoticed(t *testing.T) {
	m := tinyModel()
	m.sum = smallModel.sum
	if err := m.each(func(int, generated) error { return nil }); !errors.Is(err, ErrChecksum) {
		t.Fatalf("another seed: %v", err)
	}
}

// tinyModel is small enough for what any model shows.
func tinyModel() model {
	m := smallModel
	m.files, m.touched = 100, 20
	return m
}

// What the model says of the edits is true: most files stay as they are, and
// what is edited keeps most of its bytes.
func TestReleasesFollowTheEditModel(t *testing.T) {
	m := tinyModel()
	trees := make([]map[string][]byte, m.releases)
	err := m.each(func(release int, f generated) error {
		if trees[release] == nil {
			trees[release] = map[string][]byte{}
		}
		trees[release][f.name] = f.data
		return nil
	})
	if !errors.Is(err, ErrChecksum) { // it has none
		t.Fatal(err)
	}
	for i := 1; i < m.releases; i++ {
		same, edited, gone := 0, 0, 0
		for name, data := range trees[i-1] {
			now, ok := trees[i][name]
			switch {
			case !ok:
				gone++
			case bytes.Equal(data, now):
				same++
			default:
				edited++
				if d := len(now) - len(data); d > m.editMax || -d > m.editMax {
					t.Errorf("release %d: %s went from %d to %d bytes in one edit", i+1, name, len(data), len(now))
				}
			}
		}
		if most := m.files * m.touched / 100; edited+gone > most || edited < most/2 {
			t.Errorf("release %d: %d files edited, %d renamed, want about %d", i+1, edited, gone, most)
		}
		if want := same + edited + gone + m.files*m.added/100; len(trees[i]) != want {
			t.Errorf("release %d has %d files, want %d", i+1, len(trees[i]), want)
		}
	}
}
