package commitlog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"syscall"
	"testing"

	"github.com/artifortress/afs-engine/backends"
	"github.com/artifortress/afs-engine/backends/fault"
	"github.com/artifortress/afs-engine/backends/mem"
	"github.com/artifortress/afs-engine/packfile/wire"
)

func TestWhatIsAppendedIsReplayed(t *testing.T) {
	s := mem.New()
	l := logOf(t, s, writer(1), "a", "b", "c")
	groups, pos, err := replayed(t, s)
	check(t, err)
	if pos != l.Position() || len(groups) != 3 {
		t.Fatalf("%d groups up to %+v, want %+v", len(groups), pos, l.Position())
	}
	for i, g := range groups {
		last := g.Records[len(g.Records)-1]
		if g.Sequence != uint64(i+1) || g.Epoch != 1 || !g.Time.Equal(testTime) || string(last.Body) != string(note("abc"[i:i+1]).Body) {
			t.Fatalf("group %d is %+v", i, g)
		}
	}
	from := groups[0]
	_, digest, err := Read(t.Context(), s, from.Sequence)
	check(t, err)
	n := 0
	end, err := Replay(t.Context(), s, Position{1, digest, 1, writer(1), 0}, func(*Group, Position) error { n++; return nil })
	if err != nil || n != 2 || end != pos {
		t.Fatalf("from group 1 on: %d groups, %v", n, err)
	}
}

func TestReplayStopsBeforeTheGroupThatIsNotApplied(t *testing.T) {
	s := mem.New()
	logOf(t, s, writer(1), "a", "b", "c")
	refused := errors.New("refused")
	pos, err := Replay(t.Context(), s, Position{}, func(g *Group, _ Position) error {
		if g.Sequence == 3 {
			return refused
		}
		return nil
	})
	if !errors.Is(err, refused) || pos.Sequence != 2 {
		t.Fatalf("%v at group %d", err, pos.Sequence)
	}
}

func TestATakeoverBeginsTheNextEpochAndFencesTheOther(t *testing.T) {
	s := mem.New()
	old := logOf(t, s, writer(1), "a")
	if old.Shift() != 0 {
		t.Fatal("the writer in force would take over")
	}
	next := New(s, old.Position(), writer(2), clock)
	if seq, now := next.Next(); seq != 2 || now != testTime || next.Shift() != 1 || next.Writer() != writer(2) {
		t.Fatalf("next is %d at %s, shift %d", seq, now, next.Shift())
	}
	g, err := next.Append(t.Context(), testTime, []Record{note("b")})
	check(t, err)
	if g.Epoch != 2 || g.Records[0].Kind != KindTakeover || len(g.Records) != 2 || next.Shift() != 0 {
		t.Fatalf("%+v", g)
	}
	before := old.Position()
	for range 2 {
		if _, err := old.Append(t.Context(), testTime, []Record{note("lost")}); !errors.Is(err, ErrFenced) {
			t.Fatalf("the other writer: %v", err)
		}
	}
	if old.Position() != before {
		t.Fatal("a fenced writer moved on")
	}
	_, pos, err := replayed(t, s)
	if err != nil || pos != next.Position() || pos.Epoch != 2 || pos.Writer != writer(2) {
		t.Fatalf("%+v, %v", pos, err)
	}
}

func TestOfWritersThatRaceExactlyOneWins(t *testing.T) {
	s := mem.New()
	start := logOf(t, s, writer(1), "a").Position()
	for round := range 20 {
		const racers = 4
		logs := make([]*Log, racers)
		errs := make([]error, racers)
		var wg sync.WaitGroup
		for i := range racers {
			logs[i] = New(s, start, writer(byte(i+1)), clock)
			wg.Go(func() { _, errs[i] = logs[i].Append(t.Context(), testTime, []Record{note(fmt.Sprint(i))}) })
		}
		wg.Wait()
		won := slices.IndexFunc(errs, func(err error) bool { return err == nil })
		for i, err := range errs {
			if i != won && !errors.Is(err, ErrFenced) {
				t.Fatalf("round %d: %v", round, errs)
			}
		}
		if won < 0 {
			t.Fatalf("round %d: %v", round, errs)
		}
		start = logs[won].Position()
	}
	if _, pos, err := replayed(t, s); err != nil || pos != start {
		t.Fatalf("%+v, want %+v, %v", pos, start, err)
	}
}

var errLost = errors.New("connection lost")

func TestAnAppendThatTookEffectAllTheSameSucceeds(t *testing.T) {
	for _, cause := range []error{errLost, context.DeadlineExceeded, backends.ErrUnavailable, backends.ErrExist} {
		inner := mem.New()
		s := fault.New(inner, fault.Rule{Op: fault.Put, Skip: 1, Times: 1, Do: fault.FailAfter(cause)})
		l := logOf(t, s, writer(1), "a", "b", "c")
		if _, pos, err := replayed(t, inner); err != nil || pos != l.Position() || pos.Sequence != 3 {
			t.Fatalf("%v: %+v, %v", cause, pos, err)
		}
	}
}

func TestAnAppendThatHadNoEffectMayBeRepeated(t *testing.T) {
	inner := mem.New()
	s := fault.New(inner)
	l := logOf(t, s, writer(1), "a")
	s.Set(fault.Rule{Op: fault.Put, Times: 1, Do: fault.Fail(syscall.ENOSPC)})
	if _, err := l.Append(t.Context(), testTime, []Record{note("b")}); !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	_, err := l.Append(t.Context(), testTime, []Record{note("b")})
	check(t, err)
	if groups, _, err := replayed(t, inner); err != nil || len(groups) != 2 {
		t.Fatalf("%d groups, %v", len(groups), err)
	}
}

func TestAnAppendWhoseOutcomeStaysUnknownFencesTheNext(t *testing.T) {
	inner := mem.New()
	s := fault.New(inner)
	l := logOf(t, s, writer(1), "a")
	before := l.Position()
	s.Set(fault.Rule{Op: fault.Put, Times: 1, Do: fault.FailAfter(errLost)}, fault.Rule{Op: fault.Get, Times: 1, Do: fault.Fail(backends.ErrUnavailable)})
	if _, err := l.Append(t.Context(), testTime, []Record{note("b")}); !errors.Is(err, errLost) {
		t.Fatal(err)
	}
	if l.Position() != before {
		t.Fatal("the writer believes what it does not know")
	}
	if _, err := l.Append(t.Context(), testTime, []Record{note("c")}); !errors.Is(err, ErrFenced) {
		t.Fatal(err)
	}
	groups, pos, err := replayed(t, inner)
	if err != nil || len(groups) != 2 {
		t.Fatalf("%d groups, %v", len(groups), err)
	}
	again := New(s, pos, writer(1), clock)
	_, err = again.Append(t.Context(), testTime, []Record{note("c")})
	check(t, err)
}

func TestTheOutcomeIsLookedUpEvenIfTheCallerGivesUp(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	inner := mem.New()
	s := fault.New(inner,
		fault.Rule{Op: fault.Put, Do: fault.FailAfter(errLost)},
		fault.Rule{Op: fault.Get, Do: fault.Hook(func(ctx context.Context, _ fault.Call) error {
			cancel()
			return ctx.Err()
		})})
	l := New(s, Position{}, writer(1), clock)
	if _, err := l.Append(ctx, testTime, []Record{note("a")}); err != nil {
		t.Fatal(err)
	}
}

func TestATornGroupIsNeverTakenForOne(t *testing.T) {
	for n := range int64(200) {
		s := mem.New()
		torn := fault.New(s, fault.Rule{Op: fault.Put, Do: fault.Tear(n)}, fault.Rule{Op: fault.Put, Do: fault.FailAfter(errLost)})
		l := New(torn, Position{}, writer(1), clock)
		if _, err := l.Append(t.Context(), testTime, []Record{note("a longer text, so that the group has over two hundred bytes")}); !errors.Is(err, errLost) {
			t.Fatalf("%d bytes: %v", n, err)
		}
		if _, _, err := replayed(t, s); !errors.Is(err, wire.ErrMalformed) {
			t.Fatalf("%d bytes: %v", n, err)
		}
	}
}

func TestGroupsMissingFromTheMiddleAreFound(t *testing.T) {
	s := mem.New()
	logOf(t, s, writer(1), "a", "b", "c", "d")
	for from := range uint64(6) {
		check(t, CheckComplete(t.Context(), s, from))
	}
	check(t, s.Delete(t.Context(), Key(2)))
	for from, want := range map[uint64]error{0: ErrGap, 1: ErrGap, 2: nil, 4: nil} {
		if err := CheckComplete(t.Context(), s, from); !errors.Is(err, want) {
			t.Errorf("after group %d: %v", from, err)
		}
	}
	failing := fault.New(s, fault.Rule{Op: fault.List, Do: fault.Cut(1, errLost)})
	if err := CheckComplete(t.Context(), failing, 3); !errors.Is(err, errLost) {
		t.Errorf("a listing that fails: %v", err)
	}
}

func TestGroupsThatDoNotFollowAreErrors(t *testing.T) {
	other := mem.New()
	logOf(t, other, writer(2), "a", "x", "c")
	for name, change := range map[string]func(s *mem.Store){
		"another log's group": func(s *mem.Store) {
			b := get(t, other, Key(2))
			check(t, s.Delete(t.Context(), Key(2)))
			put(t, s, Key(2), b)
		},
		"the next group": func(s *mem.Store) {
			b := get(t, s, Key(3))
			check(t, s.Delete(t.Context(), Key(2)))
			put(t, s, Key(2), b)
		},
		"the first group again": func(s *mem.Store) {
			b := get(t, s, Key(1))
			put(t, s, Key(4), b)
		},
	} {
		s := mem.New()
		logOf(t, s, writer(1), "a", "b", "c")
		change(s)
		if _, _, err := replayed(t, s); !errors.Is(err, ErrGap) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEpochsFollowTakeovers(t *testing.T) {
	pos := Position{Sequence: 4, Digest: Digest{4}, Epoch: 3, Writer: writer(1)}
	group := func(change func(*Group)) *Group {
		g := &Group{Sequence: 5, Epoch: 3, Prev: Digest{4}, Time: testTime}
		change(g)
		return g
	}
	takeover := func(g *Group) { g.Records = []Record{takeoverRecord(writer(2))} }
	for name, c := range map[string]struct {
		g    *Group
		want error
	}{
		"the same writer goes on":        {group(func(*Group) {}), nil},
		"takeover":                       {group(func(g *Group) { takeover(g); g.Epoch = 4 }), nil},
		"takeover in the same epoch":     {group(takeover), ErrGap},
		"takeover that skips an epoch":   {group(func(g *Group) { takeover(g); g.Epoch = 5 }), ErrGap},
		"epoch without a takeover":       {group(func(g *Group) { g.Epoch = 4 }), ErrGap},
		"an earlier epoch":               {group(func(g *Group) { g.Epoch = 2 }), ErrGap},
		"takeover by the same writer":    {group(func(g *Group) { g.Records = []Record{takeoverRecord(writer(1))}; g.Epoch = 4 }), ErrGap},
		"takeover by nobody":             {group(func(g *Group) { g.Records = []Record{{KindTakeover, nil}}; g.Epoch = 4 }), wire.ErrMalformed},
		"another group before":           {group(func(g *Group) { g.Prev = Digest{5} }), ErrGap},
		"a group left out":               {group(func(g *Group) { g.Sequence = 6 }), ErrGap},
		"takeover behind other records":  {group(func(g *Group) { g.Records = []Record{note("x"), takeoverRecord(writer(2))}; g.Epoch = 4 }), nil},
		"takeover in an epoch far ahead": {group(func(g *Group) { takeover(g); g.Epoch = 1<<64 - 1 }), ErrGap},
	} {
		next, err := Advance(pos, c.g, Digest{5})
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && next != pos || err == nil && (next.Sequence != 5 || next.Digest != Digest{5}) {
			t.Errorf("%s leads to %+v", name, next)
		}
	}
}

// A binary that knows none of a log's read-only compatible features may read
// the log and must not write to it, also after it has read on.
func TestALogWithNewerFeaturesIsReadNotWritten(t *testing.T) {
	s := mem.New()
	l := logOf(t, s, writer(1), "a")
	pos := l.Position()
	b, digest, err := encode(&Group{Sequence: 2, Epoch: 1, Prev: pos.Digest, Time: testTime, readOnly: 1})
	check(t, err)
	put(t, s, Key(2), b)
	b, _, err = encode(&Group{Sequence: 3, Epoch: 1, Prev: digest, Time: testTime})
	check(t, err)
	put(t, s, Key(3), b)
	groups, pos, err := replayed(t, s)
	if err != nil || len(groups) != 3 || pos.ReadOnly != 1 {
		t.Fatalf("%d groups, %+v, %v", len(groups), pos, err)
	}
	if _, err := New(s, pos, writer(1), clock).Append(t.Context(), testTime, []Record{note("b")}); !errors.Is(err, ErrUnknown) {
		t.Fatalf("appended: %v", err)
	}
}

func TestReadRefusesAGroupUnderAnothersKey(t *testing.T) {
	s := mem.New()
	logOf(t, s, writer(1), "a")
	put(t, s, Key(5), get(t, s, Key(1)))
	if _, _, err := Read(t.Context(), s, 5); !errors.Is(err, ErrGap) {
		t.Fatal(err)
	}
}

func TestReadSaysThatThereIsNoGroup(t *testing.T) {
	if _, _, err := Read(t.Context(), mem.New(), 1); !errors.Is(err, backends.ErrNotExist) {
		t.Fatal(err)
	}
}
