package bench

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// storeWorkloads are those that need no mount: reading through one is this
// program's work, which a test binary does not know.
var storeWorkloads = []string{IngestFirst, IngestNext, IngestAgain, IngestReread, RestoreDisk, RestoreTmpfs, Reclaim}

// bench runs contenders on two small releases.
func runOn(t *testing.T, ctx context.Context, o Options, more ...func(context.Context) (Corpus, error)) (*Results, error) {
	t.Helper()
	one := tree(t, map[string]string{"a": "one", "d/b": "two"})
	two := tree(t, map[string]string{"a": "one", "d/b": "three", "c": "new"})
	own, err := Own("own", []string{one, two})
	check(t, err)
	o.Settle = func() {}
	o.Work, o.Out, o.Self = t.TempDir(), filepath.Join(t.TempDir(), "results.json"), "no-such-program"
	if o.Workloads == nil {
		o.Workloads = storeWorkloads
	}
	corpora := append(more, func(context.Context) (Corpus, error) { return own, nil })
	res, err := Run(ctx, o, corpora)
	if res == nil {
		return nil, err
	}
	left, lerr := os.ReadDir(o.Work)
	check(t, lerr)
	if len(left) > 0 {
		t.Errorf("left in the work directory: %v", left)
	}
	kept, lerr := Load(o.Out)
	check(t, lerr)
	if len(kept.Rows) != len(res.Rows) || kept.Complete != res.Complete || kept.Stopped != res.Stopped {
		t.Errorf("the file has %d rows, complete %v, stopped %q; want %d, %v, %q", len(kept.Rows), kept.Complete, kept.Stopped, len(res.Rows), res.Complete, res.Stopped)
	}
	return res, err
}

// find returns the rows of a contender and workload.
func find(res *Results, contender, workload string) []Row {
	return slices.DeleteFunc(slices.Clone(res.Rows), func(r Row) bool {
		return r.Contender != contender || r.Workload != workload
	})
}

func TestARunMeasuresEverythingAndChecksIt(t *testing.T) {
	res, err := runOn(t, context.Background(), Options{Reps: 2, Contenders: []Contender{copier("x"), copier("y")}, Tmpfs: t.TempDir()})
	check(t, err)
	if !res.Complete || res.Host.Cores == 0 || len(res.Corpora) != 1 || len(res.Corpora[0].Releases) != 2 {
		t.Errorf("results without their head: %+v", res)
	}
	for _, name := range []string{"x", "y"} {
		for workload, want := range map[string]int{
			IngestFirst: 2, IngestNext: 2, IngestReread: 2, IngestAgain: 1, RestoreDisk: 2, RestoreTmpfs: 2, Reclaim: 2,
		} {
			rows := find(res, name, workload)
			if len(rows) != want {
				t.Errorf("%s %s: %d rows, want %d", name, workload, len(rows), want)
			}
			for _, r := range rows {
				if workload == IngestAgain {
					if r.Status != Skipped || r.Note != "it knows nothing" {
						t.Errorf("what a tool cannot do: %+v", r)
					}
					continue
				}
				if r.Status != OK || r.Seconds <= 0 || r.Tool != "copier 1" || !strings.Contains(r.Command, "$WORK/"+name) && workload != Reclaim {
					t.Errorf("%s %s: %+v", name, workload, r)
				}
			}
		}
		first := find(res, name, IngestFirst)[0]
		if first.StoredBytes != 6 || first.InputBytes != 6 || first.Same == nil || !*first.Same {
			t.Errorf("first ingest: %+v", first)
		}
		last := find(res, name, IngestNext)[0]
		if last.StoredBytes != 6+11 || last.Same == nil || !*last.Same {
			t.Errorf("next ingest: %+v", last)
		}
		if r := find(res, name, Reclaim)[0]; r.StoredBytes != 11 || r.FreshBytes != 11 {
			t.Errorf("reclaim: %d bytes left, a new store has %d, want 11 of both", r.StoredBytes, r.FreshBytes)
		}
	}
}

func TestContendersTakeTurns(t *testing.T) {
	res, err := runOn(t, context.Background(), Options{Reps: 3, Workloads: []string{IngestFirst}, Contenders: []Contender{copier("x"), copier("y"), copier("z")}})
	check(t, err)
	var order string
	for _, r := range res.Rows {
		order += r.Contender
	}
	if order != "xyz"+"yzx"+"zxy" {
		t.Errorf("order %s", order)
	}
}

func TestASlowContenderIsMeasuredOnce(t *testing.T) {
	slow := copier("slow")
	slow.Slow = true
	res, err := runOn(t, context.Background(), Options{Reps: 3, Workloads: []string{IngestFirst}, Contenders: []Contender{slow, copier("x")}})
	check(t, err)
	if n, m := len(find(res, "slow", IngestFirst)), len(find(res, "x", IngestFirst)); n != 1 || m != 3 {
		t.Errorf("%d and %d repetitions, want 1 and 3", n, m)
	}
}

// A run that is killed has lost nothing that it had measured.
func TestEveryRowIsKeptAtOnce(t *testing.T) {
	rows := 0
	t.Chdir(t.TempDir()) // a relative name is as good
	_, err := Run(context.Background(), Options{
		Reps: 1, Work: t.TempDir(), Out: "results.json", Workloads: []string{IngestFirst, IngestNext}, Settle: func() {},
		Contenders: []Contender{copier("x"), copier("y")},
		Log: func(string) {
			rows++
			kept, err := Load("results.json")
			check(t, err)
			if len(kept.Rows) != rows || kept.Complete {
				t.Errorf("after row %d the file has %d, complete %v", rows, len(kept.Rows), kept.Complete)
			}
		},
	}, []func(context.Context) (Corpus, error){func(context.Context) (Corpus, error) {
		return Own("own", []string{tree(t, map[string]string{"a": "b"}), tree(t, map[string]string{"a": "c"})})
	}})
	check(t, err)
	if rows != 4 {
		t.Errorf("%d rows, want 4", rows)
	}
}

// A minute of budget, and a clock on which every look takes a while.
func TestRepetitionsThatWouldNotEndInTimeAreLeftOut(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	clock := func() time.Time {
		now = now.Add(time.Second)
		return now
	}
	res, err := runOn(t, context.Background(), Options{Reps: 100, Budget: time.Minute, Now: clock, Workloads: []string{IngestFirst}, Contenders: []Contender{copier("x")}})
	check(t, err)
	n := len(find(res, "x", IngestFirst))
	if n < 2 || n == 100 || res.LeftOut != 100-n || !res.Complete {
		t.Errorf("%d repetitions, %d left out, complete %v", n, res.LeftOut, res.Complete)
	}
}

// What only the first repetition has to do does not keep the next ones from
// fitting in.
func TestWhatIsDoneOnceIsNotExpectedAgain(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	slow := copier("slow")
	slow.Slow = true
	res, err := runOn(t, context.Background(), Options{
		Reps: 3, Budget: time.Minute, Now: func() time.Time { return now }, Workloads: []string{IngestFirst}, Contenders: []Contender{slow, copier("x")},
		Log: func(row string) {
			now = now.Add(time.Second)
			if strings.Contains(row, "slow") {
				now = now.Add(50 * time.Second)
			}
		},
	})
	check(t, err)
	if n := len(find(res, "x", IngestFirst)); n != 3 || res.LeftOut != 0 {
		t.Errorf("%d repetitions, %d left out, want 3 and 0", n, res.LeftOut)
	}
}

func TestAMissingToolIsALineAndNoRow(t *testing.T) {
	missing := copier("missing")
	missing.Needs, missing.Packages = []string{"no-such-program-anywhere"}, []string{"its-package"}
	res, err := runOn(t, context.Background(), Options{Reps: 1, Contenders: []Contender{missing, copier("x")}})
	check(t, err)
	if s := res.Contenders[0].Skipped; !strings.Contains(s, "no-such-program-anywhere") || !strings.Contains(s, "apt-get install its-package") {
		t.Errorf("said of it: %q", s)
	}
	if len(find(res, "missing", IngestFirst)) != 0 || len(find(res, "x", IngestFirst)) != 1 {
		t.Error("a tool that is not there was measured, or the other was not")
	}
}

func TestACorpusThatCannotBeHadIsALine(t *testing.T) {
	broken := func(context.Context) (Corpus, error) { return Corpus{Name: "far"}, errors.New("the proxy said no") }
	res, err := runOn(t, context.Background(), Options{Reps: 1, Contenders: []Contender{copier("x")}}, broken)
	check(t, err)
	if c := res.Corpora[0]; c.Name != "far" || c.Skipped != "the proxy said no" {
		t.Errorf("said of it: %+v", c)
	}
	if !res.Complete || len(find(res, "x", IngestFirst)) != 1 {
		t.Error("the other corpus was not measured")
	}
}

func TestAContenderThatFailsTakesNoFurtherPart(t *testing.T) {
	bad := copier("bad")
	bad.Ingest = "echo cannot, today >&2; exit 3"
	res, err := runOn(t, context.Background(), Options{Reps: 2, Contenders: []Contender{bad, copier("x")}})
	check(t, err)
	rows := slices.DeleteFunc(slices.Clone(res.Rows), func(r Row) bool { return r.Contender != "bad" })
	if len(rows) != 1 || rows[0].Status != Failed || !strings.Contains(rows[0].Note, "cannot, today") {
		t.Errorf("rows of it: %+v", rows)
	}
	if len(find(res, "x", RestoreDisk)) != 2 {
		t.Error("the other one was not measured")
	}
}

func TestWrongBytesAreAFailure(t *testing.T) {
	liar := copier("liar")
	liar.Restore = "cp -a {store}/{release} {dest} && echo more >> {dest}/a"
	res, err := runOn(t, context.Background(), Options{Reps: 1, Contenders: []Contender{liar}})
	check(t, err)
	r := find(res, "liar", RestoreDisk)[0]
	if r.Status != Failed || r.Same == nil || *r.Same || !strings.Contains(r.Note, "a has 8 bytes, want 3") {
		t.Errorf("restore of other bytes: %+v", r)
	}
	if r := find(res, "liar", IngestNext)[0]; r.Same != nil {
		t.Error("the ingest counts as checked")
	}
}

// A release that only an older restore shows to be lost is found as well.
func TestEveryReleaseIsChecked(t *testing.T) {
	liar := copier("liar")
	liar.Restore = "cp -a {store}/{newest} {dest}"
	res, err := runOn(t, context.Background(), Options{Reps: 1, Contenders: []Contender{liar}})
	check(t, err)
	if r := find(res, "liar", IngestFirst)[0]; r.Same != nil {
		t.Error("the first release counts as checked")
	}
	if n := len(slices.DeleteFunc(find(res, "liar", RestoreDisk), func(r Row) bool { return r.Status != Failed || r.Release != "r1" })); n != 1 {
		t.Errorf("%d failures of the first release, want 1", n)
	}
}

func TestAFullDiskEndsTheRunAndKeepsTheRows(t *testing.T) {
	full := copier("full")
	full.Reread = "echo write: No space left on device >&2; exit 1"
	res, err := runOn(t, context.Background(), Options{Reps: 1, Contenders: []Contender{copier("x"), full}})
	if !errors.Is(err, ErrNoSpace) {
		t.Fatalf("a full disk: %v", err)
	}
	if res.Complete || !strings.Contains(res.Stopped, "no space left") || len(find(res, "x", IngestReread)) != 1 {
		t.Errorf("complete %v, stopped %q, %d rows", res.Complete, res.Stopped, len(res.Rows))
	}
}

func TestAStoppedRunKeepsTheRows(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	stopped := errors.New("stopped by a signal")
	seen := 0
	res, err := runOn(t, ctx, Options{Reps: 3, Contenders: []Contender{copier("x"), copier("y")}, Log: func(string) {
		if seen++; seen == 3 {
			cancel(stopped)
		}
	}})
	if !errors.Is(err, stopped) {
		t.Fatalf("a stopped run: %v", err)
	}
	if res.Complete || res.Stopped != stopped.Error() || len(res.Rows) != 3 {
		t.Errorf("complete %v, stopped %q, %d rows, want 3", res.Complete, res.Stopped, len(res.Rows))
	}
}

func TestACommandIsStoppedWithItsChildren(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	stopped := errors.New("stopped")
	fifo := filepath.Join(t.TempDir(), "pid")
	check(t, syscall.Mkfifo(fifo, 0o600))
	stubborn := copier("stubborn")
	stubborn.Ingest = "sleep 1000 & echo $! >" + fifo + "; wait" // nobody waits that long
	child := make(chan string, 1)
	go func() {
		pid, _ := os.ReadFile(fifo) // what is wrong with it shows below
		child <- strings.TrimSpace(string(pid))
		cancel(stopped)
	}()
	_, err := runOn(t, ctx, Options{Reps: 1, Contenders: []Contender{stubborn}})
	if !errors.Is(err, stopped) {
		t.Fatalf("a stopped run: %v", err)
	}
	stat, err := os.ReadFile("/proc/" + <-child + "/stat")
	if err == nil && !strings.Contains(string(stat), ") Z ") {
		t.Errorf("a child goes on: %s", stat)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	good := Options{Reps: 1, Work: t.TempDir(), Contenders: []Contender{copier("x")}}
	for name, spoil := range map[string]func(*Options){
		"no repetitions":   func(o *Options) { o.Reps = 0 },
		"no contenders":    func(o *Options) { o.Contenders = nil },
		"relative":         func(o *Options) { o.Work = "here" },
		"unknown workload": func(o *Options) { o.Workloads = []string{"dance"} },
	} {
		o := good
		spoil(&o)
		if _, err := Run(context.Background(), o, nil); !errors.Is(err, ErrOptions) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Own("own", []string{"/no/such/dir"}); !errors.Is(err, ErrCorpus) {
		t.Errorf("a directory that is not there: %v", err)
	}
}

// A run must not touch what else is in its directory.
func TestTheWorkDirectoryIsTheUsers(t *testing.T) {
	work := tree(t, map[string]string{"precious": "data"})
	own, err := Own("own", []string{tree(t, map[string]string{"a": "b"})})
	check(t, err)
	_, err = Run(context.Background(), Options{Reps: 1, Work: work, Settle: func() {}, Contenders: []Contender{copier("x")}, Workloads: storeWorkloads},
		[]func(context.Context) (Corpus, error){func(context.Context) (Corpus, error) { return own, nil }})
	check(t, err)
	left, err := os.ReadDir(work)
	check(t, err)
	if len(left) != 1 || left[0].Name() != "precious" {
		t.Errorf("left: %v", left)
	}
}

// What takes too long is ended, says so, and is no failure; who cannot store
// takes no further part.
func TestACommandOverTheLimitIsEnded(t *testing.T) {
	snail, sloth := copier("snail"), copier("sloth")
	snail.Restore = "sleep 1000"
	sloth.Ingest = "sleep 1000"
	limit := 50 * time.Millisecond
	for _, c := range []*Contender{&snail, &sloth} {
		c.Reread = ""
	}
	res, err := runOn(t, context.Background(), Options{Reps: 1, Limit: limit, Workloads: []string{IngestFirst, RestoreDisk}, Contenders: []Contender{snail, sloth}})
	check(t, err)
	for name, workload := range map[string]string{"snail": RestoreDisk, "sloth": IngestFirst} {
		rows := find(res, name, workload)
		if len(rows) == 0 || rows[0].Status != Over || rows[0].Seconds != limit.Seconds() || !strings.Contains(rows[0].Note, "more than 0.05 s") {
			t.Errorf("%s: %+v", name, rows)
		}
	}
	if !res.Complete || len(find(res, "sloth", RestoreDisk)) > 0 {
		t.Error("the run is not complete, or goes on with what was not stored")
	}
	if m, _ := MetricOf(RestoreDisk); NewTable(res).Summary(m, "own", "snail").N != 0 {
		t.Error("the limit counts as a time")
	}
}

func TestAPartOfACorpusIsAPart(t *testing.T) {
	own, err := Own("part", []string{tree(t, map[string]string{"a": "b"}), tree(t, map[string]string{"a": "c"})})
	check(t, err)
	own.Part = Part{Reps: 2, Workloads: []string{IngestFirst, IngestOneCore}, Without: []string{"y"}}
	x, y := copier("x"), copier("y")
	x.OneCore = "cp -a {src} {store}/{release}"
	res, err := Run(context.Background(), Options{Reps: 3, Work: t.TempDir(), Settle: func() {}, Contenders: []Contender{x, y}},
		[]func(context.Context) (Corpus, error){func(context.Context) (Corpus, error) { return own, nil }})
	check(t, err)
	if len(find(res, "x", IngestFirst)) != 2 || len(find(res, "x", IngestOneCore)) != 2 || len(res.Rows) != 4 || res.LeftOut != 0 {
		t.Errorf("rows %+v, %d left out", res.Rows, res.LeftOut)
	}
	if r := find(res, "x", IngestOneCore)[0]; r.Status != OK || r.StoredBytes != 1 {
		t.Errorf("a store of its own: %+v", r)
	}
	if got := res.Corpora[0].Part; got != "at most 2 repetitions; only ingest-first, ingest-one-core; without y" {
		t.Errorf("said of it: %q", got)
	}
}
