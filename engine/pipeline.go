package engine

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"sync"
	"time"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine/known"
	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/engine/source"
)

// A pipeline takes a walk apart and puts it together again:
//
//	walk ──► events, in the order of the walk ──────────► builder
//	  └────► workers: open, read, cut, name, look up ──┘
//
// The walk runs ahead and hands over files as it meets them; workers do what
// can be done out of order; the builder waits for each event's work and takes
// the events in order, so that the version, and the order of chunks in packs,
// are those of the walk. Every event with bytes has its block before it is
// sent, so the one that the builder waits for can always be finished.
type pipeline struct {
	ctx    context.Context
	params chunker.Params
	store  storer
	recall *recall
	memory int64 // bytes that large blocks may take

	events chan *event // in order
	work   chan *event // the same ones, those that need a worker
	small  *blocks
	large  *blocks
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
	block  *block
	err    error // what a worker, or reading a stream, met
	unread bool  // err is the source's, not the store's
	done   chan struct{}
	reply  chan contentReply
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

// Numbers of blocks: enough small ones to keep a disk busy, and a few large
// ones more than there are workers to fill them, if there is memory.
const (
	smallBlocks      = 64
	workersMin       = 4
	largeBlocksSpare = 4
	largeBlocksMin   = 3
)

// run walks src and shows it to b.
func (p *pipeline) run(src source.Source, b *builder) error {
	workers := max(workersMin, runtime.GOMAXPROCS(0))
	size := max(blockLarge, 2*p.params.Max)
	large := max(largeBlocksMin, min(workers+largeBlocksSpare, int(p.memory)/size))
	p.small, p.large = newBlocks(smallBlocks, blockSmall), newBlocks(large, size)
	p.work = make(chan *event, smallBlocks+large) // one for each block: sending never waits
	p.events = make(chan *event, 2*smallBlocks)
	p.stop = make(chan struct{})

	var g sync.WaitGroup
	for range workers {
		g.Go(p.serve)
	}
	g.Go(func() { p.assemble(b) })
	err := src.Walk(p.ctx, &feeder{p: p})
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
		if ev.kind == evFile || ev.block != nil {
			<-ev.done
		}
		if p.stopped == nil {
			if err := b.take(ev); err != nil {
				p.stopped = err
				close(p.stop)
			}
		}
		if ev.block != nil {
			ev.block.release()
		}
		p.recycle(ev)
	}
}

func (p *pipeline) event(kind eventKind) *event {
	ev, ok := p.idle.Get().(*event)
	if !ok {
		ev = &event{done: make(chan struct{}, 1)}
	}
	ev.kind = kind
	return ev
}

func (p *pipeline) recycle(ev *event) {
	*ev = event{done: ev.done}
	p.idle.Put(ev)
}

// send queues an event, and lets a worker have it if it has a block.
func (p *pipeline) send(ev *event) error {
	worked := ev.block != nil
	select {
	case <-p.stop:
		if ev.block != nil {
			ev.block.release()
		}
		if ev.body != nil {
			ev.body.Release()
		}
		return p.stopped
	case p.events <- ev:
	}
	if worked {
		p.work <- ev
	}
	return nil
}

// serve is a worker.
func (p *pipeline) serve() {
	for ev := range p.work {
		p.prepare(ev)
		ev.done <- struct{}{}
	}
}

func (p *pipeline) prepare(ev *event) {
	if ev.body != nil {
		defer ev.body.Release()
	}
	select {
	case <-p.stop:
		return
	default:
	}
	if ev.kind == evFile {
		if p.recallFile(ev); ev.found || ev.err != nil {
			return
		}
		if ev.err = ev.read(); ev.err != nil {
			ev.unread = true
			return
		}
		ev.block.cut(p.params, ev.block.n, true)
	}
	ev.err = ev.block.name(p.ctx, p.store)
}

// recallFile finds out whether the file need be read.
func (p *pipeline) recallFile(ev *event) {
	ev.known, ev.found, ev.err = p.recall.find(p.ctx, ev.id)
	ev.began = p.recall.reading()
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
