package tradeoff

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/artifortress/afs-engine/bench"
	"github.com/artifortress/afs-engine/engine"
)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// text is n bytes of made-up words.
func text(r *rand.Rand, n int) []byte {
	var b bytes.Buffer
	for b.Len() < n {
		fmt.Fprintf(&b, "word%d ", r.IntN(4000))
	}
	return b.Bytes()[:n]
}

// releases are two of one thing: in the second, a byte is changed in each
// 100,000.
func releases(t testing.TB) bench.Corpus {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	var dirs []string
	large, small := text(r, 1<<20), text(r, 1000)
	for range 2 {
		dir := t.TempDir()
		dirs = append(dirs, dir)
		check(t, os.WriteFile(filepath.Join(dir, "large"), large, 0o644))
		check(t, os.WriteFile(filepath.Join(dir, "small"), small, 0o644))
		check(t, os.WriteFile(filepath.Join(dir, "empty"), nil, 0o644))
		for i := 50_000; i < len(large); i += 100_000 {
			large[i]++
		}
	}
	c, err := bench.Own("own", dirs)
	check(t, err)
	return c
}

func options(t testing.TB, choices ...Choice) Options {
	return Options{Corpus: releases(t), Choices: choices, Reads: 8, Work: t.TempDir(), Now: time.Now}
}

func TestPointsShowWhatTheirChoiceCosts(t *testing.T) {
	o := options(t, Choice{4 << 10, 256 << 10, 1, ""}, Choice{64 << 10, 256 << 10, 1, ""}, Choice{64 << 10, 16 << 10, 1, ""})
	r, err := Measure(context.Background(), o)
	check(t, err)
	small, large, frames := r.Points[0], r.Points[1], r.Points[2]
	if small.Choice != o.Choices[0] || large.Choice != o.Choices[1] {
		t.Errorf("points %+v", r.Points)
	}
	if small.Chunks < 4*large.Chunks || small.StoredBytes >= large.StoredBytes {
		t.Errorf("chunks of 4 KiB: %d chunks, %d bytes; of 64 KiB: %d, %d", small.Chunks, small.StoredBytes, large.Chunks, large.StoredBytes)
	}
	if frames.Chunks != large.Chunks || frames.StoredBytes <= large.StoredBytes {
		t.Errorf("frames of 16 KiB: %d chunks, %d bytes; of 256 KiB: %d, %d", frames.Chunks, frames.StoredBytes, large.Chunks, large.StoredBytes)
	}
	for _, p := range r.Points {
		if p.IndexBytes <= 0 || p.CPUSeconds <= 0 || p.ReadSeconds <= 0 || p.Bytes() != p.StoredBytes+p.IndexBytes {
			t.Errorf("%s: %+v", p.Choice, p)
		}
	}
	want := []bench.ReleaseInfo{{Name: "r1", Files: 3, Bytes: 1<<20 + 1000}, {Name: "r2", Files: 3, Bytes: 1<<20 + 1000}}
	if !reflect.DeepEqual(r.Corpus.Releases, want) {
		t.Errorf("releases %+v, want %+v", r.Corpus.Releases, want)
	}
	expectEmpty(t, o.Work)
}

// TestProfilesAreMeasuredWhole compares a profile with what it is without its
// deltas: the second release is text in which little has changed.
func TestProfilesAreMeasuredWhole(t *testing.T) {
	p, err := engine.ProfileNamed(engine.ProfileDefault)
	check(t, err)
	whole := Profile(p)
	bare := whole
	bare.Profile = ""
	r, err := Measure(context.Background(), options(t, whole, bare))
	check(t, err)
	if r.Points[0].Choice != whole || r.Points[0].StoredBytes > r.Points[1].StoredBytes*19/20 {
		t.Errorf("%s: %d bytes; %s: %d, want at most 0.95 of it", whole, r.Points[0].StoredBytes, bare, r.Points[1].StoredBytes)
	}
	whole.Profile = "none"
	if _, err := Measure(context.Background(), options(t, whole)); !errors.Is(err, engine.ErrUsage) {
		t.Errorf("a profile that there is not: %v", err)
	}
}

func expectEmpty(t *testing.T, dir string) {
	t.Helper()
	if left, err := os.ReadDir(dir); len(left) > 0 || err != nil {
		t.Errorf("left in the work directory: %v (%v)", left, err)
	}
}

func TestWhatStopsKeepsItsPointsAndLeavesNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	o := options(t, Choice{8 << 10, 64 << 10, 1, ""}, Choice{16 << 10, 64 << 10, 1, ""})
	o.Log = func(string) { cancel() }
	r, err := Measure(ctx, o)
	if !errors.Is(err, context.Canceled) || len(r.Points) != 1 {
		t.Errorf("%d points, %v", len(r.Points), err)
	}
	expectEmpty(t, o.Work)
	if _, err := Measure(context.Background(), options(t, Choice{8 << 10, 64 << 10, 9, ""})); err == nil {
		t.Error("level 9 was measured")
	}
	if _, err := Measure(context.Background(), options(t)); !errors.Is(err, bench.ErrOptions) {
		t.Errorf("no choice: %v", err)
	}
}

// made is what a run could have come to.
func made() *Result {
	r := &Result{Schema: Schema, Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Seconds: 60, Reads: 200, Corpus: bench.CorpusInfo{Name: "apps"}}
	choices := Grid([]int{4 << 10, 8 << 10}, []int{256 << 10, 1 << 20}, []int{1, 3})
	for _, p := range engine.Profiles()[1:] {
		choices = append(choices, Profile(p))
	}
	for i, c := range choices {
		r.Points = append(r.Points, Point{Choice: c, StoredBytes: int64(len(choices)-i) * 1e7, IndexBytes: 1e6, Chunks: 12345, CPUSeconds: 2, ReadSeconds: 1e-4 * float64(i+1)})
	}
	return r
}

func TestThePlotHasEveryPointAndNamesTheProfiles(t *testing.T) {
	svg, err := made().SVG()
	check(t, err)
	if n := bytes.Count(svg, []byte("<circle")); n != 10 {
		t.Errorf("%d dots, want 10", n)
	}
	for _, want := range []string{"chunks of 4 KiB, better", "chunks of 8 KiB, fastest", "frames of 256 KiB, 1 MiB", ">profile default<", ">profile small<", "cold read"} {
		if !bytes.Contains(svg, []byte(want)) {
			t.Errorf("the plot does not say %q", want)
		}
	}
	if bytes.Contains(svg, []byte("profile fast")) {
		t.Error("a profile that was not measured is in the plot")
	}
	again, err := made().SVG()
	check(t, err)
	if !bytes.Equal(svg, again) {
		t.Error("two plots of the same differ")
	}
}

func TestPlotsOfAnythingAreWellFormed(t *testing.T) {
	one, same := made(), made()
	one.Points = one.Points[:1]
	for i := range same.Points {
		same.Points[i].StoredBytes, same.Points[i].ReadSeconds = 0, 0
	}
	for name, r := range map[string]*Result{"one point": one, "all the same": same} {
		svg, err := r.SVG()
		check(t, err)
		if strings.Contains(string(svg), "NaN") || strings.Contains(string(svg), "-92233") {
			t.Errorf("%s: a number that is none", name)
		}
		d := xml.NewDecoder(bytes.NewReader(svg))
		for err == nil {
			_, err = d.Token()
		}
		if err != io.EOF {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := (&Result{}).SVG(); err == nil {
		t.Error("nothing was plotted")
	}
}

func TestTheTableBeginsWithTheSmallest(t *testing.T) {
	text := made().Markdown()
	first, last := strings.Index(text, "| 4 KiB | 1 MiB | better | small |"), strings.Index(text, "| 4 KiB | 256 KiB | fastest |  | 101.0 MB | 1.0 MB | 12,345 | 2.0 s | 100 µs |")
	if first < 0 || last < first {
		t.Errorf("order: %d, %d\n%s", first, last, text)
	}
	if !strings.Contains(text, "| 8 KiB | 256 KiB | fastest | default |") {
		t.Errorf("the default profile is not named:\n%s", text)
	}
}

func TestResultsSurviveTheirFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tradeoff.json")
	check(t, made().Save(path))
	got, err := Load(path)
	check(t, err)
	if !reflect.DeepEqual(got, made()) {
		t.Errorf("read back %+v", got)
	}
	for _, text := range []string{"", "{", `{"schema":2}`, `{"schema":"x"}`} {
		check(t, os.WriteFile(path, []byte(text), 0o644))
		if _, err := Load(path); !errors.Is(err, ErrSchema) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
