package scrub

import (
	"errors"
	"strconv"

	"github.com/artifortress/afs-engine/backends"
	"github.com/artifortress/afs-engine/index"
	"github.com/artifortress/afs-engine/packfile"
)

// deltas remembers of some delta frames which problem has taken their bases, and
// of a pack what it is called.
type deltas struct {
	problem map[[2]uint32]int // by pack and frame; noProblem: they are all there
	number  uint32
	pack    packfile.ID
	known   bool
}

const (
	noProblem = -1
	deltasMax = 1 << 12
)

func newDeltas() deltas { return deltas{problem: map[[2]uint32]int{}} }

// baseProblem is the problem because of which a delta frame cannot be decoded:
// noProblem if there is none, as far as places tell. It reads the frame's stored
// bytes, which say what it refers to.
func (r *run) baseProblem(loc index.Location, f packfile.Frame) (int, error) {
	key := [2]uint32{loc.Pack, loc.Frame}
	if n, ok := r.deltas.problem[key]; ok {
		return n, nil
	}
	n, err := r.findBaseProblem(loc, f)
	if err != nil {
		return noProblem, err
	}
	if len(r.deltas.problem) >= deltasMax {
		clear(r.deltas.problem)
	}
	r.deltas.problem[key] = n
	return n, nil
}

func (r *run) findBaseProblem(loc index.Location, f packfile.Frame) (int, error) {
	id, err := r.packID(loc.Pack)
	if err != nil {
		return noProblem, err
	}
	d, err := packfile.ReadDelta(r.ctx, r.s.Objects, id, f)
	if err != nil {
		return r.frameProblem(id, f, err)
	}
	for _, base := range d.Bases {
		if v, ok, err := r.lost.Get(base[:]); err != nil {
			return noProblem, err
		} else if ok {
			return strconv.Atoi(string(v))
		}
		at, ok, err := r.s.Index.Lookup(base)
		if err != nil {
			return noProblem, err
		}
		if !ok {
			return r.problem(Problem{Offset: -1, Chunk: base, Reason: "a chunk that deltas refer to is in no pack"}), nil
		}
		if n, gone := r.gone[at.Pack]; gone {
			return n, nil
		}
	}
	return noProblem, nil
}

// frameProblem is the problem of a frame that cannot be read.
func (r *run) frameProblem(id packfile.ID, f packfile.Frame, err error) (int, error) {
	if ctxErr := r.ctx.Err(); ctxErr != nil {
		return noProblem, ctxErr
	}
	if errors.Is(err, backends.ErrUnavailable) {
		return noProblem, err
	}
	if n, ok := r.at[place{packfile.Key(id), f.Offset}]; ok {
		return n, nil
	}
	p := Problem{Object: packfile.Key(id), Offset: f.Offset, Reason: err.Error()}
	var c *packfile.CorruptError
	if errors.As(err, &c) {
		p.Reason = reason(c)
	}
	return r.problem(p), nil
}

// packID is the id of the pack with a number.
func (r *run) packID(n uint32) (packfile.ID, error) {
	if r.deltas.known && r.deltas.number == n {
		return r.deltas.pack, nil
	}
	err := r.s.Index.Packs(n, func(number uint32, p index.Pack) error {
		r.deltas.number, r.deltas.pack, r.deltas.known = number, p.ID, true
		return errFound
	})
	if err != nil && !errors.Is(err, errFound) {
		return packfile.ID{}, err
	}
	return r.deltas.pack, nil
}

var errFound = errors.New("found")

// baseOf is what is damaged of a delta's bases, nil if they are not there at all.
func baseOf(e *packfile.BasesError) *packfile.CorruptError {
	var c *packfile.CorruptError
	if !errors.As(e.Err, &c) {
		return nil
	}
	return &packfile.CorruptError{Object: c.Object, Offset: c.Offset, Chunk: c.Chunk, Reason: c.Reason, Err: c.Err}
}
