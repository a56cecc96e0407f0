package engine

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine/known"
	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/engine/source"
)

// A pipeline takes a walk apart and puts it together again:
//
//	walk ──► events, in the order of the walk ──────────────► builder
//	  └────► bundles ──► workers: open, read, cut, name, ──┘
//	                     look up
//
// The walk runs ahead and hands over files as it meets them, small ones in
// bundles; workers do what can be done out of order; the builder waits for each
// event's work and takes the events in order, so that the version, and the order
// of chunks in packs, are those of the walk. Every event with bytes has its block
// before it is sent, and a bundle goes to the workers before the walk waits for
// anything, so the one that the builder waits for can always be finished.
type pipeline struct {
	ctx    context.Context
	params chunker.Params
	store  storer
	recall *recall
	memory int64 // bytes that large blocks may take

	events chan *event  // in order
	work   chan *bundle // of the same ones, those that need a worker
	small  *bundles
	large  *bundles
	idle   sync.Pool // of *event

	stop    chan struct{} // closed when the builder has failed
	stopped error         // why; set before
}

// event is one step of a walk.
type event struct {
	kind   eventKind
	entry  manifest.Entry
	report source.Report

	id    source.Identity // of a file
	known known.File      // what is in it
	found bool            // without reading it
	began time.Time       // when its reading did

	body   source.Body
	bundle *bundle // with its block; nil: no worker need see it
	block  *block
	err    error // what a worker, or reading a stream, met
	unread bool  // err is the source's, not the store's
	reply  chan contentReply
	stream string // of a stream that is no entry yet: its path in the source
}

type eventKind uint8

const (
	evEnter eventKind = iota
	evLeave
	evSymlink
	evStored
	evProblem
	evSkipped
	evFile    // a file that fits into a block; a worker reads it
	evPart    // a block of a stream
	evFileEnd // the end of a file in parts
	evContent // the end of a stream whose content is asked for
)

type contentReply struct {
	content manifest.Content
	size    int64
	err     error
}

// run walks src and shows it to b.
func (p *pipeline) run(src source.Source, b *builder) error {
	plan := planBlocks(p.params, p.memory)
	p.small, p.large = newBundles(plan.small, smallBytes/plan.small, smallFiles/plan.small), newBundles(plan.large, plan.size, 1)
	p.work = make(chan *bundle, plan.small+plan.large) // all there are: sending never waits
	p.events = make(chan *event, 2*smallFiles)
	p.stop = make(chan struct{})

	var g sync.WaitGroup
	for range plan.workers {
		g.Go(p.serve)
	}
	g.Go(func() { p.assemble(b) })
	f := &feeder{p: p, places: smallPlaces / plan.small, most: plan.part}
	err := src.Walk(p.ctx, f)
	f.handOver()
	close(p.work)
	close(p.events)
	g.Wait()
	if p.stopped != nil {
		return p.stopped
	}
	return err
}

// assemble shows the events to b, in order. After an error it only takes them
// off the queue, so that the walk finds out.
func (p *pipeline) assemble(b *builder) {
	for ev := range p.events {
		x := ev.bundle
		if x != nil && !x.ready {
			<-x.done
			x.ready = true
		}
		if p.stopped == nil {
			if err := b.take(ev); err != nil {
				p.stopped = err
				close(p.stop)
			}
		}
		p.recycle(ev)
		if x == nil {
			continue
		}
		if x.taken++; x.taken == len(x.events) {
			x.release()
		}
	}
}

func (p *pipeline) event(kind eventKind) *event {
	ev, ok := p.idle.Get().(*event)
	if !ok {
		ev = new(event)
	}
	ev.kind = kind
	return ev
}

func (p *pipeline) recycle(ev *event) {
	*ev = event{}
	p.idle.Put(ev)
}

// serve is a worker.
func (p *pipeline) serve() {
	for x := range p.work {
		p.prepare(x)
		for _, ev := range x.events {
			if ev.body != nil {
				ev.body.Release()
			}
		}
		x.done <- struct{}{}
	}
}

func (p *pipeline) prepare(x *bundle) {
	select {
	case <-p.stop:
		return
	default:
	}
	err := p.recall.findAll(p.ctx, x)
	for _, ev := range x.events {
		if ev.kind != evFile || ev.found || err != nil {
			continue
		}
		ev.began = p.recall.reading()
		if ev.err = ev.read(); ev.err != nil {
			ev.unread = true
			continue
		}
		ev.block.cut(p.params, ev.block.n, true)
	}
	if err == nil {
		err = x.look(p.ctx, p.store)
	}
	if err == nil {
		return
	}
	for _, ev := range x.events {
		if ev.err == nil {
			ev.err = err
		}
	}
}

// read fills the event's block with the whole file.
func (ev *event) read() error {
	r, err := ev.body.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	ev.block.n, err = readFull(r, ev.block.buf)
	return err
}

// expectEnd fails unless r is at its end.
func expectEnd(r io.Reader) error {
	var one [1]byte
	for range emptyReadsMax {
		switch n, err := r.Read(one[:]); {
		case n > 0:
			return fmt.Errorf("%w: it is longer than was announced", source.ErrChanged)
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
	}
	return io.ErrNoProgress
}
