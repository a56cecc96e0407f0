package bench

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestResultsAreKeptWhole(t *testing.T) {
	yes := true
	want := &Results{
		Schema: Schema, Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Reps: 1,
		Rows: []Row{{Corpus: "c", Workload: IngestFirst, Contender: `},{"corpus":`, Rep: 1, Status: OK, Seconds: 1.5, Same: &yes}, {Corpus: "d"}},
	}
	path := filepath.Join(t.TempDir(), "results.json")
	check(t, want.Save(path))
	check(t, want.Save(path)) // over the one before
	got, err := Load(path)
	check(t, err)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	b, err := os.ReadFile(path)
	check(t, err)
	if strings.Count(string(b), "\n") != 1 {
		t.Error("a row is not a line")
	}
	left, err := os.ReadDir(filepath.Dir(path))
	check(t, err)
	if len(left) != 1 {
		t.Errorf("left beside it: %v", left)
	}
	if err := want.Save("/no/such/dir/results.json"); err == nil || !strings.HasPrefix(err.Error(), "write results: ") {
		t.Errorf("no place: %v", err)
	}
}

func TestOtherFilesAreRefused(t *testing.T) {
	for _, text := range []string{"", "{}", "[]", `{"schema":2}`, `{"schema":1,"rows":3}`} {
		if _, err := Parse([]byte(text)); !errors.Is(err, ErrSchema) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// Whatever is in a file, everything that is computed from it comes to an end.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"schema":1,"corpora":[{"name":"c"}],"contenders":[{"name":"x"},{"name":"y"}],"rows":[{"corpus":"c","workload":"ingest-first","contender":"x","rep":1,"status":"ok","seconds":2,"stored_bytes":5},
{"corpus":"c","workload":"ingest-first","contender":"y","rep":1,"status":"ok","seconds":1e308},{"corpus":"c","workload":"rand4k-cold","contender":"x","rep":-1,"status":"ok","seconds":-1}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Parse(b)
		if err != nil {
			return
		}
		Compare(r, r, "x")
		table := NewTable(r)
		for _, m := range Metrics() {
			PairedRatio(table.Values(m, "c", "x"), table.Values(m, "c", "y"))
		}
	})
}
