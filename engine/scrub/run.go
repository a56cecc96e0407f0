package scrub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/artifortress/afs-engine/backends"
	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine/commitlog"
	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/engine/registry"
	"github.com/artifortress/afs-engine/index"
	"github.com/artifortress/afs-engine/index/scratch"
	"github.com/artifortress/afs-engine/packfile"
)

// Index is what a scrub asks an index: see index.DB's methods of these names.
type Index interface {
	registry.Reader
	Meta() (index.Meta, bool, error)
	Totals() (index.Totals, error)
	Packs(from uint32, fn func(n uint32, p index.Pack) error) error
	Lookup(id chunker.ID) (index.Location, bool, error)
	Frame(pack, frame uint32) (packfile.Frame, error)
}

// Store is what a scrub works on.
type Store struct {
	Objects backends.Store
	Index   Index
	Chunks  manifest.Source                      // reads through Index and Objects
	Bases   func(context.Context) packfile.Bases // of delta frames, read likewise; nil: there are none
	Config  func(context.Context) error
	Scratch string // where temporary files go; "": the system's place
}

// Limits of what is kept in memory.
const (
	problemsMax      = 10_000  // further ones are counted
	affectedMax      = 100     // paths named per problem
	affectedBytesMax = 8 << 20 // of all paths named
	lostMax          = 100     // chunks named per problem
)

// run is one scrub.
type run struct {
	ctx      context.Context
	s        Store
	o        Options
	res      Result
	problems []*Problem
	visited  *scratch.Map // nodes whose graph has been walked
	lost     *scratch.Map // chunk id → number of the problem that lost it
	gone     map[uint32]int
	at       map[place]int // problems of places in objects
	deltas   deltas
	named    int // bytes of the paths in problems
}

// place is one in an object.
type place struct {
	object string
	offset int64
}

// Run scrubs. Problems are passed to found once it is known which versions
// they affect; the error is for what kept the scrub from going on.
func Run(ctx context.Context, s Store, o Options, found func(Problem)) (res Result, err error) {
	start := time.Now()
	r := &run{ctx: ctx, s: s, o: o, gone: map[uint32]int{}, at: map[place]int{}, deltas: newDeltas()}
	if r.visited, err = scratch.Open(s.Scratch); err != nil {
		return res, err
	}
	defer func() { err = errors.Join(err, r.visited.Close()) }()
	if r.lost, err = scratch.Open(s.Scratch); err != nil {
		return res, err
	}
	defer func() { err = errors.Join(err, r.lost.Close()) }()
	for _, step := range []func() error{r.fixed, r.log, r.packs, r.graphs, r.attribute} {
		if err := step(); err != nil {
			return r.res, err
		}
	}
	for _, p := range r.problems {
		found(*p)
	}
	r.res.Seconds = time.Since(start).Seconds()
	return r.res, nil
}

// problem records one and returns its number, or -1 when there are too many to
// keep.
func (r *run) problem(p Problem) int {
	r.res.Problems++
	if len(r.problems) == problemsMax {
		return -1
	}
	r.problems = append(r.problems, &p)
	if p.Object != "" {
		r.at[place{p.Object, p.Offset}] = len(r.problems) - 1
	}
	return len(r.problems) - 1
}

// damage records err as a problem of object, unless it is what ends the scrub.
func (r *run) damage(object string, err error) error {
	if ctxErr := r.ctx.Err(); ctxErr != nil {
		return ctxErr
	}
	if errors.Is(err, backends.ErrUnavailable) {
		return err
	}
	p := Problem{Object: object, Offset: -1, Reason: err.Error()}
	var c *packfile.CorruptError
	if errors.As(err, &c) {
		p = Problem{Object: c.Object, Offset: c.Offset, Chunk: c.Chunk, Reason: reason(c)}
	}
	r.problem(p)
	return nil
}

func reason(c *packfile.CorruptError) string {
	if c.Err != nil {
		return c.Reason + ": " + c.Err.Error()
	}
	return c.Reason
}

// fixed checks the config and the checkpoints.
func (r *run) fixed() error {
	if err := r.s.Config(r.ctx); err != nil {
		if err := r.damage("config", err); err != nil {
			return err
		}
	}
	seqs, err := commitlog.Checkpoints(r.ctx, r.s.Objects)
	if err != nil {
		return err
	}
	for _, seq := range seqs {
		_, err := commitlog.ReadCheckpoint(r.ctx, r.s.Objects, seq, func(_, _ []byte) error { return nil })
		if err != nil {
			if err := r.damage(fmt.Sprintf("checkpoints/%020d", seq), err); err != nil {
				return err
			}
		}
	}
	return nil
}

// log checks that the commit log is an unbroken chain up to its last object,
// and that it goes at least as far as the index has followed it.
func (r *run) log() error {
	known, err := r.followed()
	if err != nil {
		return err
	}
	if err := commitlog.CheckComplete(r.ctx, r.s.Objects, 0); err != nil {
		if !errors.Is(err, commitlog.ErrGap) {
			return err
		}
		return r.damage(commitlog.Prefix, err)
	}
	pos, err := commitlog.Replay(r.ctx, r.s.Objects, commitlog.Position{}, func(*commitlog.Group, commitlog.Position) error { return r.ctx.Err() })
	if err != nil {
		return r.damage(commitlog.Key(pos.Sequence+1), err)
	}
	if pos.Sequence < known {
		r.problem(Problem{Object: commitlog.Key(pos.Sequence + 1), Offset: -1, Reason: fmt.Sprintf("the log ends here, but the index has followed it to group %d", known)})
	}
	return nil
}

// followed is the sequence that the index stands at, 0 if it does not say.
func (r *run) followed() (uint64, error) {
	meta, ok, err := r.s.Index.Meta()
	if err != nil || !ok {
		return 0, err
	}
	var pos commitlog.Position
	if err := json.Unmarshal(meta.Position, &pos); err != nil {
		return 0, fmt.Errorf("read the index's position: %w", err)
	}
	return pos.Sequence, nil
}

// packs checks that every pack of the index is there and, asked to read data,
// what is in it.
func (r *run) packs() error {
	totals, err := r.s.Index.Totals()
	if err != nil {
		return err
	}
	var bases packfile.Bases
	if r.s.Bases != nil {
		bases = r.s.Bases(r.ctx)
	}
	return r.s.Index.Packs(0, func(n uint32, p index.Pack) error {
		r.res.Packs++
		key := packfile.Key(p.ID)
		info, err := r.s.Objects.Stat(r.ctx, key)
		if err == nil && info.Size != p.Size {
			err = fmt.Errorf("the object has %d bytes, not %d", info.Size, p.Size)
		}
		if err != nil {
			if ctxErr := r.ctx.Err(); ctxErr != nil || errors.Is(err, backends.ErrUnavailable) {
				return errors.Join(ctxErr, err)
			}
			r.gone[n] = r.problem(Problem{Object: key, Offset: -1, Reason: err.Error()})
			return nil
		}
		if !r.o.ReadData || r.o.Percent > 0 && rand.Float64()*100 >= r.o.Percent {
			return nil
		}
		size, err := packfile.Scan(r.ctx, r.s.Objects, p.ID, bases, nil, func(c *packfile.CorruptError) { r.corrupt(n, c) })
		r.res.Bytes += size
		if r.o.Progress != nil {
			r.o.Progress(r.res.Bytes, totals.PackBytes)
		}
		if err != nil {
			return r.damage(key, err)
		}
		return nil
	})
}

// corrupt takes what the scan of a pack found. A chunk that readers take from
// elsewhere is not lost with its copy here.
func (r *run) corrupt(pack uint32, c *packfile.CorruptError) {
	var bases *packfile.BasesError
	lost := c.Lost
	if errors.As(c, &bases) {
		if c = baseOf(bases); c == nil {
			return // the pack that held it is a problem already, or the graph will meet it
		}
	}
	n, ok := r.at[place{c.Object, c.Offset}]
	if !ok || bases == nil {
		n = r.problem(Problem{Object: c.Object, Offset: c.Offset, Chunk: c.Chunk, Reason: reason(c)})
	}
	for _, e := range lost {
		loc, ok, err := r.s.Index.Lookup(e.ID)
		if err == nil && ok && loc.Pack == pack {
			err = r.lose(e.ID, n)
		}
		if err != nil {
			r.problem(Problem{Offset: -1, Reason: err.Error()})
		}
	}
}

// lose notes that a chunk cannot be had because of a problem.
func (r *run) lose(id chunker.ID, problem int) error {
	if problem < 0 {
		return nil
	}
	known, err := r.lost.Has(id[:])
	if err != nil {
		return err
	}
	if p := r.problems[problem]; !known {
		p.LostChunks++
		if len(p.Lost) < lostMax {
			p.Lost = append(p.Lost, id)
		}
	}
	return r.lost.Put(id[:], fmt.Appendf(nil, "%d", problem))
}

// graphs walks everything below every version and draft.
func (r *run) graphs() error {
	for _, state := range []registry.State{registry.Published, registry.Draft} {
		err := registry.ListVersions(r.s.Index, "", state, func(v *registry.Version) error {
			if state == registry.Published {
				r.res.Versions++
			}
			if err := r.graph(chunker.DirNode, v.Root.Content); err != nil {
				return err
			}
			return r.graph(chunker.AttrsNode, v.Root.Attrs)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// graph walks what is below one node and has not been walked yet. It reads
// nodes; of data chunks it only asks where they are.
func (r *run) graph(kind chunker.Kind, root chunker.ID) error {
	type node struct {
		id   chunker.ID
		kind chunker.Kind
	}
	for stack := []node{{root, kind}}; len(stack) > 0; {
		n := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		isNew, err := r.visited.Add(n.id[:])
		if err != nil {
			return err
		}
		if !isNew {
			continue
		}
		r.res.Nodes++
		b, err := r.s.Chunks.Chunk(r.ctx, n.kind, n.id)
		if err != nil {
			if err := r.missing(n.id, err); err != nil {
				return err
			}
			continue
		}
		nodes, chunks, err := manifest.Deps(b)
		if err != nil {
			if err := r.missing(n.id, err); err != nil {
				return err
			}
			continue
		}
		for _, id := range nodes {
			loc, ok, err := r.s.Index.Lookup(id)
			if err != nil {
				return err
			}
			if !ok {
				if err := r.missing(id, errors.New("the node is in no pack")); err != nil {
					return err
				}
				continue
			}
			stack = append(stack, node{id, loc.Kind})
		}
		for _, id := range chunks {
			if err := r.located(id); err != nil {
				return err
			}
		}
	}
	return r.ctx.Err()
}

// located checks that a data chunk has a place in a pack that is there.
func (r *run) located(id chunker.ID) error {
	r.res.Chunks++
	loc, ok, err := r.s.Index.Lookup(id)
	if err != nil {
		return err
	}
	if !ok {
		return r.missing(id, errors.New("the chunk is in no pack"))
	}
	if p, gone := r.gone[loc.Pack]; gone {
		return r.lose(id, p)
	}
	f, err := r.s.Index.Frame(loc.Pack, loc.Frame)
	if err == nil && f.Codec == packfile.CodecDelta {
		if known, err := r.lost.Has(id[:]); known || err != nil {
			return err
		}
		n, err := r.baseProblem(loc, f)
		if err != nil || n >= 0 {
			return errors.Join(err, r.lose(id, n))
		}
	}
	if err == nil && uint64(loc.Offset)+uint64(loc.Length) > uint64(f.Raw) {
		err = errors.New("the index places the chunk outside of its frame")
	}
	if err != nil {
		return r.missing(id, err)
	}
	return nil
}

// missing records that a chunk or node cannot be had.
func (r *run) missing(id chunker.ID, cause error) error {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	if errors.Is(cause, backends.ErrUnavailable) {
		return cause
	}
	if known, err := r.lost.Has(id[:]); known || err != nil {
		return err // its pack's problem says it already
	}
	if loc, ok, err := r.s.Index.Lookup(id); err == nil && ok {
		if p, gone := r.gone[loc.Pack]; gone {
			return r.lose(id, p)
		}
	}
	p := Problem{Offset: -1, Chunk: id, Reason: cause.Error()}
	var c *packfile.CorruptError
	if errors.As(cause, &c) {
		p.Object, p.Offset, p.Reason = c.Object, c.Offset, reason(c)
	}
	return r.lose(id, r.problem(p))
}
