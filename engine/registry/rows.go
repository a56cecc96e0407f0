package registry

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine/commitlog"
	"github.com/artifortress/afs-engine/packfile/wire"
)

// Reader is what the registry reads its rows through: an index or a batch.
// Scan calls fn for rows whose keys begin with prefix, in order, starting at from,
// until there is an error, which it returns.
type Reader interface {
	Get(key []byte) ([]byte, bool, error)
	Scan(prefix, from []byte, fn func(key, value []byte) error) error
}

// Writer is what the registry changes its rows through.
type Writer interface {
	Reader
	Set(key, value []byte) error
	Delete(key []byte) error
	AddRef(id chunker.ID, delta int64)
}

// Rows:
//
//	key                                                        value
//	n  segments joined by \x00, \x01, version or tag           row of a version or a tag
//	h  segments joined by \x00, \x01, ^sequence (8), ^place (4)  time (8), record kind (1), record body
//
// A version's row is its state (1), sequence (8), time (8), and the body of the
// record that made it; a tag's is 0 and the name of the version. \x00 sorts
// below \x01, so one ordered scan meets a group's subgroups and a package's
// versions without reading what is below them.
const (
	tableName    = 'n'
	tableHistory = 'h'
	sepSegment   = 0
	sepVersion   = 1
	rowTag       = 0
)

func pathPrefix(table byte, path string) []byte {
	b := append([]byte{table}, path...)
	for i := range b[1:] {
		if b[i+1] == '/' {
			b[i+1] = sepSegment
		}
	}
	return b
}

func nameKey(ref Ref) []byte {
	return append(append(pathPrefix(tableName, ref.PackageName()), sepVersion), ref.Version...)
}

func pathOfName(key []byte) string {
	return strings.NewReplacer("\x00", "/", "\x01", "@").Replace(string(key[1:]))
}

func historyPrefix(ref Ref) []byte {
	return append(pathPrefix(tableHistory, ref.PackageName()), sepVersion)
}

func encodeVersion(v *Version) []byte {
	b := binary.LittleEndian.AppendUint64([]byte{byte(v.State)}, v.Sequence)
	b = binary.LittleEndian.AppendUint64(b, uint64(v.Time.UnixNano()))
	return append(b, changeOf(v).encode()...)
}

// row is a version's or a tag's.
type row struct {
	version *Version
	tag     string // the version it points at
}

func decodeRow(b []byte) (row, error) {
	r := wire.NewReader(b)
	state := State(r.U8())
	if state == rowTag && r.Err() == nil {
		x := row{tag: string(r.Bytes(r.Len()))}
		if err := CheckVersion(x.tag); err != nil {
			return row{}, fmt.Errorf("registry row: %w", errInvalidRecord(err))
		}
		return x, nil
	}
	seq, t := r.U64(), time.Unix(0, int64(r.U64())).UTC()
	if r.Err() != nil {
		return row{}, fmt.Errorf("registry row: %w", r.Err())
	}
	if state > Tombstoned {
		return row{}, fmt.Errorf("registry row: %w: state %d", wire.ErrMalformed, state)
	}
	c, err := decodeChange(r.Bytes(r.Len()))
	if err != nil {
		return row{}, fmt.Errorf("registry row: %w", err)
	}
	v := c.version(state, seq, t)
	return row{version: &v}, nil
}

func getRow(r Reader, ref Ref) (row, bool, error) {
	b, ok, err := r.Get(nameKey(ref))
	if err != nil || !ok {
		return row{}, false, err
	}
	x, err := decodeRow(b)
	return x, err == nil, err
}

// Find returns the version that ref names, in whatever state it is; a tag
// leads to its version. ErrNotFound if there is none.
func Find(r Reader, ref Ref) (*Version, error) {
	for range 2 {
		x, ok, err := getRow(r, ref)
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		if x.version != nil {
			return x.version, nil
		}
		ref.Version = x.tag
	}
	return nil, fmt.Errorf("%w: %s", ErrNotFound, ref.WithVersion(ref.Version))
}

// Apply changes the rows as record number place of group seq says. Records
// that are not the registry's are ignored. The record has been decided upon
// when it was made: Apply does not ask again.
func Apply(w Writer, rec commitlog.Record, seq uint64, place int, t time.Time) error {
	switch rec.Kind {
	case commitlog.KindDraft, commitlog.KindPublish, commitlog.KindDiscard, commitlog.KindTag:
	default:
		return nil
	}
	c, err := decodeChange(rec.Body)
	if err != nil {
		return err
	}
	if err := appendHistory(w, c, rec, seq, place, t); err != nil {
		return err
	}
	switch rec.Kind {
	case commitlog.KindTag:
		ref := c.ref.WithVersion(c.tag)
		return w.Set(nameKey(ref), append([]byte{rowTag}, c.ref.Version...))
	case commitlog.KindDiscard:
		if err := dropRoots(w, c.ref); err != nil {
			return err
		}
		return w.Delete(nameKey(c.ref))
	}
	state := Published
	if rec.Kind == commitlog.KindDraft {
		state = Draft
	}
	if err := dropRoots(w, c.ref); err != nil {
		return err
	}
	w.AddRef(c.root.Content, 1)
	w.AddRef(c.root.Attrs, 1)
	v := c.version(state, seq, t)
	return w.Set(nameKey(c.ref), encodeVersion(&v))
}

// dropRoots takes back the references of the draft that stands at ref.
func dropRoots(w Writer, ref Ref) error {
	x, ok, err := getRow(w, ref)
	if err != nil || !ok || x.version == nil {
		return err
	}
	w.AddRef(x.version.Root.Content, -1)
	w.AddRef(x.version.Root.Attrs, -1)
	return nil
}

func appendHistory(w Writer, c *change, rec commitlog.Record, seq uint64, place int, t time.Time) error {
	key := historyPrefix(c.ref)
	key = binary.BigEndian.AppendUint64(key, ^seq)
	key = binary.BigEndian.AppendUint32(key, ^uint32(place))
	v := binary.LittleEndian.AppendUint64(nil, uint64(t.UnixNano()))
	return w.Set(key, append(append(v, byte(rec.Kind)), rec.Body...))
}

// History calls fn for each event of ref's package, newest first.
func History(r Reader, ref Ref, fn func(Event) error) error {
	prefix := historyPrefix(ref)
	return r.Scan(prefix, nil, func(k, v []byte) error {
		e, err := decodeEvent(bytes.TrimPrefix(k, prefix), v)
		if err != nil {
			return err
		}
		return fn(e)
	})
}

func decodeEvent(key, value []byte) (e Event, err error) {
	r := wire.NewReader(value)
	t, kind := time.Unix(0, int64(r.U64())).UTC(), commitlog.Kind(r.U8())
	if r.Err() != nil || len(key) != 12 {
		return e, fmt.Errorf("history row: %w", wire.ErrMalformed)
	}
	c, err := decodeChange(r.Bytes(r.Len()))
	if err != nil {
		return e, err
	}
	e = Event{Sequence: ^binary.BigEndian.Uint64(key), Time: t, Ref: c.ref, Actor: c.actor}
	switch kind {
	case commitlog.KindTag:
		e.Kind, e.Target, e.Ref = EventTag, c.ref.Version, c.ref.WithVersion(c.tag)
	case commitlog.KindDiscard:
		e.Kind = EventDiscard
	case commitlog.KindDraft:
		v := c.version(Draft, e.Sequence, t)
		e.Kind, e.Version = EventDraft, &v
	case commitlog.KindPublish:
		v := c.version(Published, e.Sequence, t)
		e.Kind, e.Version = EventPublish, &v
	default:
		return e, fmt.Errorf("history row: %w: record of kind %d", wire.ErrMalformed, kind)
	}
	return e, nil
}
