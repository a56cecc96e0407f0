package commitlog

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/artifortress/afs-engine/backends"
)

// ErrFenced is returned by Append when another writer has appended: this one
// must not go on with what it believes.
var ErrFenced = errors.New("another writer has taken over the store")

// ErrGap is wrapped when groups are missing from the middle of the log, or do
// not follow on one another.
var ErrGap = errors.New("commit log is broken")

// Log appends. It is not safe for concurrent use: one committer owns it.
type Log struct {
	store  backends.Store
	pos    Position
	writer WriterID
	now    func() time.Time
}

// New continues the log at pos as writer.
func New(s backends.Store, pos Position, writer WriterID, now func() time.Time) *Log {
	return &Log{s, pos, writer, now}
}

// Position is the end of the log as this writer knows it.
func (l *Log) Position() Position { return l.pos }

// Next describes the group that the next Append will write.
func (l *Log) Next() (seq uint64, t time.Time) { return l.pos.Sequence + 1, l.now() }

// Writer is who this log appends as.
func (l *Log) Writer() WriterID { return l.writer }

// Shift is how many places the next Append will put a takeover before the
// records it is given: 1 or 0.
func (l *Log) Shift() int {
	if l.pos.Writer != l.writer {
		return 1
	}
	return 0
}

// Append makes records durable as one group and returns it. The group's time
// is t. An Append that failed had no effect, unless the store is unreachable:
// then its group may turn up later, and the next Append is fenced by it.
func (l *Log) Append(ctx context.Context, t time.Time, records []Record) (*Group, error) {
	if f := l.pos.ReadOnly; f != 0 {
		return nil, fmt.Errorf("append to the commit log: %w: read-only compatible feature flags %#x", ErrUnknown, f)
	}
	g := &Group{Sequence: l.pos.Sequence + 1, Epoch: l.pos.Epoch, Prev: l.pos.Digest, Time: t, Records: records}
	if l.Shift() > 0 {
		g.Epoch++
		g.Records = append([]Record{takeoverRecord(l.writer)}, records...)
	}
	if _, err := rand.Read(g.Nonce[:]); err != nil {
		return nil, err
	}
	b, digest, err := encode(g)
	if err != nil {
		return nil, err
	}
	if err := l.put(ctx, g, b); err != nil {
		return nil, fmt.Errorf("append to the commit log: %w", err)
	}
	l.pos = Position{Sequence: g.Sequence, Digest: digest, Epoch: g.Epoch, Writer: l.writer}
	return g, nil
}

// put resolves an unknown outcome by reading back: the nonce tells whose group
// is there.
func (l *Log) put(ctx context.Context, g *Group, b []byte) error {
	err := l.store.Put(ctx, Key(g.Sequence), bytes.NewReader(b))
	if err == nil {
		return nil
	}
	there, _, readErr := Read(context.WithoutCancel(ctx), l.store, g.Sequence)
	switch {
	case readErr == nil && there.Nonce == g.Nonce:
		return nil
	case readErr == nil:
		return fmt.Errorf("%w: group %d, epoch %d", ErrFenced, there.Sequence, there.Epoch)
	}
	return err
}

// Read returns group seq and its digest; backends.ErrNotExist if there is none.
func Read(ctx context.Context, s backends.Store, seq uint64) (*Group, Digest, error) {
	b, err := backends.ReadAll(ctx, s, Key(seq), 0, -1, GroupMax)
	if err != nil {
		return nil, Digest{}, fmt.Errorf("read log group %d: %w", seq, err)
	}
	g, d, err := decode(b)
	if err == nil && g.Sequence != seq {
		err = fmt.Errorf("%w: it says it is group %d", ErrGap, g.Sequence)
	}
	if err != nil {
		return nil, d, fmt.Errorf("read %s: %w", Key(seq), err)
	}
	return g, d, nil
}

// Replay calls apply for every group after from, in order, having checked that
// each follows on the one before, and returns the log's end. If apply fails,
// Replay returns its error and the position before that group.
func Replay(ctx context.Context, s backends.Store, from Position, apply func(*Group, Position) error) (Position, error) {
	pos := from
	for {
		g, digest, err := Read(ctx, s, pos.Sequence+1)
		if errors.Is(err, backends.ErrNotExist) {
			return pos, nil
		}
		if err != nil {
			return pos, err
		}
		next, err := Advance(pos, g, digest)
		if err != nil {
			return pos, err
		}
		if err := apply(g, next); err != nil {
			return pos, fmt.Errorf("apply log group %d: %w", g.Sequence, err)
		}
		pos = next
	}
}

// Advance is the position after group g, which must follow on pos: next in
// sequence, naming its digest, in the same epoch unless it takes over and in
// the next one if it does.
func Advance(pos Position, g *Group, digest Digest) (Position, error) {
	next := Position{g.Sequence, digest, g.Epoch, pos.Writer, pos.ReadOnly | g.readOnly}
	if g.Sequence != pos.Sequence+1 || g.Prev != pos.Digest {
		return pos, fmt.Errorf("%w: %s does not follow on group %d", ErrGap, Key(g.Sequence), pos.Sequence)
	}
	for _, r := range g.Records {
		if r.Kind == KindTakeover {
			w, err := decodeTakeover(r.Body)
			if err != nil {
				return pos, fmt.Errorf("read the takeover in %s: %w", Key(g.Sequence), err)
			}
			next.Writer = w
		}
	}
	epoch := pos.Epoch
	if next.Writer != pos.Writer {
		epoch++
	}
	if next.Epoch != epoch {
		return pos, fmt.Errorf("%w: %s has epoch %d after %d", ErrGap, Key(g.Sequence), g.Epoch, pos.Epoch)
	}
	return next, nil
}

// CheckComplete lists the log and fails with ErrGap if a group after from is
// missing while a later one is there.
func CheckComplete(ctx context.Context, s backends.Store, from uint64) error {
	want := from + 1
	for info, err := range s.List(ctx, Prefix) {
		if err != nil {
			return fmt.Errorf("list the commit log: %w", err)
		}
		seq, ok := ParseKey(info.Key)
		if !ok || seq <= from {
			continue
		}
		if seq != want {
			return fmt.Errorf("%w: %s is missing", ErrGap, Key(want))
		}
		want++
	}
	return nil
}
