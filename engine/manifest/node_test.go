package manifest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/packfile/wire"
)

// decode reads a node as a cursor or a chunk list does and encodes what it
// read.
func decode(data []byte) ([]byte, error) {
	p := &page{data: data}
	p.parse()
	if p.kind == chunker.ListNode {
		return decodeListNode(p)
	}
	pp, pc, w := &pathPage{page: p, nameless: p.kind == chunker.AttrsNode}, piece{}, openLevel{}
	for p.left > 0 && p.r.Err() == nil {
		var it item
		pp.read(&it)
		if p.r.Err() != nil {
			break
		}
		e := Entry{Name: string(it.name)}
		var err error
		switch {
		case p.level > 0:
			pc.inner(p.kind, it.child, e.Name, it.sum)
		case p.kind == chunker.DirNode:
			it.content.fill(&e)
			err = pc.content(&e, 0)
		default:
			it.attrs.fill(&e)
			err = pc.attrs(&e, 0)
		}
		if err != nil {
			return nil, err
		}
		w.add(&pc)
	}
	pp.end()
	return w.encode(p)
}

func decodeListNode(p *page) ([]byte, error) {
	l, _ := decodeList(p)
	var pc piece
	var w openLevel
	for i := range l.ends {
		if p.r.Err() != nil {
			break
		}
		if p.level == 0 {
			pc.segment(l.segment(i))
		} else {
			pc.inner(p.kind, l.ids[i], "", Summary{Bytes: l.ref(i).bytes, Entries: l.count[i]})
		}
		w.add(&pc)
	}
	return w.encode(p)
}

func (l *openLevel) add(p *piece) {
	l.body, l.nodes, l.chunks = append(l.body, p.body...), append(l.nodes, p.nodes...), append(l.chunks, p.chunks...)
	l.count++
}

func (l *openLevel) encode(p *page) ([]byte, error) {
	if err := p.err(); err != nil {
		return nil, err
	}
	return appendNode(nil, p.kind, p.level, slices.Concat(l.nodes, l.chunks), len(l.nodes), l.count, l.body), nil
}

// allKinds stores trees that have a leaf and an inner node of every kind.
func allKinds(t testing.TB) *memStore {
	store := newMemStore()
	f := newFiles(t, store, 40)
	model := f.random(50, 2)
	model.names["large"] = f.flat(400)
	model.names["list"] = f.file(700)
	model.names["later"] = f.file(3)
	model.names["later"].entry.unknown = later(store)
	model.build(t, store)
	delete(store.chunks, chunker.ListNode.Sum([]byte("a node of a kind to come")))
	delete(store.kinds, chunker.ListNode.Sum([]byte("a node of a kind to come")))
	return store
}

func TestNodesHaveOneEncoding(t *testing.T) {
	store := allKinds(t)
	seen := map[string]int{}
	for id := range store.nodes(chunker.Data) {
		data := store.chunks[id]
		again, err := decode(data)
		check(t, err)
		if !bytes.Equal(again, data) {
			t.Errorf("%s encodes to\n%x\nfrom\n%x", id, again, data)
		}
		kind := must[chunker.Kind](t)(NodeKind(data))
		if kind != store.kinds[id] {
			t.Errorf("%s says it is a %s, is a %s", id, kind, store.kinds[id])
		}
		seen[fmt.Sprint(kind, data[2])]++
		for n := range len(data) {
			if _, err := decode(data[:n]); !errors.Is(err, wire.ErrMalformed) {
				t.Fatalf("cut to %d of %d bytes: %v", n, len(data), err)
			}
			if n > 200 {
				break
			}
		}
		if _, err := decode(append(slices.Clone(data), 0)); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("with a byte more: %v", err)
		}
	}
	if len(seen) != 6 {
		t.Errorf("saw %v, want leaves and inner nodes of three kinds", seen)
	}
}

func TestDepsAreWhatTheNodeRefersTo(t *testing.T) {
	store := newMemStore()
	f := newFiles(t, store, 41)
	d := newDir(f.attr())
	for i := range 20 {
		d.names[fmt.Sprint(i)] = f.file(i * 2)
	}
	root, _ := d.build(t, store)
	reached := map[chunker.ID]bool{}
	todo := []chunker.ID{root.Content, root.Attrs}
	for len(todo) > 0 {
		id := todo[0]
		todo = todo[1:]
		if reached[id] {
			continue
		}
		reached[id] = true
		if store.kinds[id].IsNode() {
			nodes, chunks, err := Deps(store.chunks[id])
			check(t, err)
			todo = append(append(todo, nodes...), chunks...)
		}
	}
	if len(reached) != len(store.chunks) {
		t.Errorf("reached %d of %d", len(reached), len(store.chunks))
	}
}

// raw encodes a node from parts that need not fit each other.
func raw(kind chunker.Kind, level byte, nodes, chunks int, count int, entries ...string) []byte {
	ids := make([]chunker.ID, nodes+chunks)
	for i := range ids {
		ids[i] = chunker.ID{1, byte(i)}
	}
	return appendNode(nil, kind, int(level), ids, nodes, count, []byte(strings.Join(entries, "")))
}

// field and leaf encode a field, and an entry of a leaf.
func field(tag byte, value ...byte) string {
	return string([]byte{tag, byte(len(value))}) + string(value)
}

func leaf(name string, nodes, chunks byte, fields ...string) string {
	return string([]byte{byte(len(name))}) + name + string([]byte{nodes, chunks, byte(len(fields))}) + strings.Join(fields, "")
}

func TestHostileNodesAreRefused(t *testing.T) {
	const D, L, A = chunker.DirNode, chunker.ListNode, chunker.AttrsNode
	file, link, dir := field(1, 1), field(1, 3), field(1, 2)
	empty := file + field(4, 0)
	ok := leaf("a", 0, 0, file, field(4, 0))
	mode, mtime := field(1, 0), field(2, 0, 0)
	var wide []string // too many entries for a node, each of them right
	for i := range NodeMax / 100 {
		wide = append(wide, leaf(fmt.Sprintf("%0100d", i), 0, 0, file, field(4, 0)))
	}
	most := string(binary.AppendUvarint(nil, 1<<64-1)) // a run of 2^63-1 zeros
	huge := string(binary.AppendUvarint(nil, 1<<62))
	cases := map[string][]byte{
		"nothing":               {},
		"format":                append([]byte{2}, raw(D, 0, 0, 0, 0)[1:]...),
		"data as a node":        raw(chunker.Data, 0, 0, 0, 0),
		"unknown kind":          raw(9, 0, 0, 0, 0),
		"level":                 raw(D, DepthMax, 1, 0, 1, "\x01a\x00\x00\x00\x00"),
		"too large":             raw(D, 0, 0, 0, len(wide), wide...),
		"claims many ids":       {1, 1, 0, 0xff, 0xff, 0xff, 0xff, 0x0f},
		"claims many entries":   {1, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f},
		"zero id":               append(append([]byte{1, 1, 1, 1}, make([]byte, 32)...), 0, 1, 1, 'a', 0, 0, 0, 0),
		"unused node id":        raw(D, 0, 1, 0, 1, ok),
		"unused chunk id":       raw(D, 0, 0, 1, 1, ok),
		"count too small":       raw(D, 0, 0, 0, 1, ok, leaf("b", 0, 0, file, field(4, 0))),
		"count too large":       raw(D, 0, 0, 0, 2, ok),
		"order":                 raw(D, 0, 0, 0, 2, leaf("b", 0, 0, file, field(4, 0)), ok),
		"same name twice":       raw(D, 0, 0, 0, 2, ok, ok),
		"empty name":            raw(D, 0, 0, 0, 1, leaf("", 0, 0, file, field(4, 0))),
		"bad name":              raw(D, 0, 0, 0, 1, leaf("a/b", 0, 0, file, field(4, 0))),
		"name too long":         raw(D, 0, 0, 0, 1, "\xff\x7f"+strings.Repeat("a", 1<<14-1)),
		"takes what is not":     raw(D, 0, 0, 0, 1, leaf("a", 1, 0, file, field(4, 0))),
		"takes what none needs": raw(D, 0, 1, 0, 1, leaf("a", 1, 0, file, field(4, 0))),
		"tag 0":                 raw(D, 0, 0, 0, 1, leaf("a", 0, 0, field(0), file, field(4, 0))),
		"tags descend":          raw(D, 0, 0, 0, 1, leaf("a", 0, 0, field(4, 0), file)),
		"tag twice":             raw(D, 0, 0, 0, 1, leaf("a", 0, 0, file, file, field(4, 0))),
		"no fields":             raw(D, 0, 0, 0, 1, leaf("a", 0, 0)),
		"many fields":           raw(D, 0, 0, 0, 1, "\x01a\x00\x00\x7f"+empty),
		"kind":                  raw(D, 0, 0, 0, 1, leaf("a", 0, 0, field(1, 4), field(4, 0))),
		"kind of two bytes":     raw(D, 0, 0, 0, 1, leaf("a", 0, 0, field(1, 1, 1), field(4, 0))),
		"exec with a value":     raw(D, 0, 0, 0, 1, leaf("a", 0, 0, file, field(2, 1), field(4, 0))),
		"file without size":     raw(D, 0, 0, 0, 1, leaf("a", 0, 0, file)),
		"size without content":  raw(D, 0, 0, 0, 1, leaf("a", 0, 0, file, field(4, 1))),
		"size not minimal":      raw(D, 0, 0, 0, 1, leaf("a", 0, 0, file, field(4, 0x80, 0))),
		"no segments":           raw(D, 0, 0, 0, 1, leaf("a", 0, 0, file, field(4, 0), field(5))),
		"segments too short":    raw(D, 0, 0, 1, 1, leaf("a", 0, 1, file, field(4, 2), field(5, 1<<1))),
		"segments too long":     raw(D, 0, 0, 1, 1, leaf("a", 0, 1, file, field(4, 2), field(5, 3<<1))),
		"segment without id":    raw(D, 0, 0, 0, 1, leaf("a", 0, 0, file, field(4, 2), field(5, 2<<1))),
		"empty segment":         raw(D, 0, 0, 1, 1, leaf("a", 0, 1, file, field(4, 0), field(5, 0))),
		"zeros twice":           raw(D, 0, 0, 0, 1, leaf("a", 0, 0, file, field(4, 2), field(5, 3, 3))),
		"segments overflow": raw(D, 0, 0, 2, 1, leaf("a", 0, 2, file, field(4, 3),
			field(5, []byte(most+"\x02"+most+"\x08")...))),
		"too many segments":      raw(D, 0, 0, 17, 1, leaf("a", 0, 17, file, field(4, 17), field(5, bytes.Repeat([]byte{2}, 17)...))),
		"list and segments":      raw(D, 0, 1, 1, 1, leaf("a", 1, 1, file, field(4, 40), field(5, 80), field(6, 20))),
		"list of few":            raw(D, 0, 1, 0, 1, leaf("a", 1, 0, file, field(4, 40), field(6, 16))),
		"list longer than file":  raw(D, 0, 1, 0, 1, leaf("a", 1, 0, file, field(4, 40), field(6, 41))),
		"list without id":        raw(D, 0, 0, 0, 1, leaf("a", 0, 0, file, field(4, 40), field(6, 20))),
		"link without target":    raw(D, 0, 0, 0, 1, leaf("a", 0, 0, link)),
		"link to nothing":        raw(D, 0, 0, 0, 1, leaf("a", 0, 0, link, field(3))),
		"link to NUL":            raw(D, 0, 0, 0, 1, leaf("a", 0, 0, link, field(3, 0))),
		"link with size":         raw(D, 0, 0, 0, 1, leaf("a", 0, 0, link, field(3, 'x'), field(4, 1))),
		"executable link":        raw(D, 0, 0, 0, 1, leaf("a", 0, 0, link, field(2), field(3, 'x'))),
		"directory without tree": raw(D, 0, 0, 0, 1, leaf("a", 0, 0, dir)),
		"tree without id":        raw(D, 0, 0, 0, 1, leaf("a", 0, 0, dir, field(7, 0, 0, 0, 0))),
		"more subdirs than all":  raw(D, 0, 1, 0, 1, leaf("a", 1, 0, dir, field(7, 0, 1, 0, 0))),
		"summary of three":       raw(D, 0, 1, 0, 1, leaf("a", 1, 0, dir, field(7, 0, 0, 0))),
		"inner, subdirs":         raw(D, 1, 1, 0, 1, "\x01a\x01\x02\x01\x05"),
		"inner, files":           raw(D, 1, 1, 0, 1, "\x01a\x03\x01\x01\x05"),
		"summaries overflow": raw(D, 1, 2, 0, 2, "\x01a\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
			"\x01b\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\x7f"),
		"size above int64":       raw(D, 0, 0, 0, 1, leaf("a", 0, 0, file, field(4, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1))),
		"value beyond the end":   raw(D, 0, 0, 0, 1, "\x01a\x00\x00\x02"+file+"\x04"+huge),
		"tag too high":           raw(D, 0, 0, 0, 1, "\x01a\x00\x00\x03"+empty+"\x80\x80\x04\x00"),
		"entry too large":        raw(D, 0, 0, 0, 1, "\x01a\x00\x00\x03"+empty+"\x08\x80\x80\x04"+strings.Repeat("x", 1<<16)),
		"mode":                   raw(A, 0, 0, 0, 1, leaf("a", 0, 0, field(1, 0x80, 0x20), mtime)),
		"no mode":                raw(A, 0, 0, 0, 1, leaf("a", 0, 0, mtime)),
		"no time":                raw(A, 0, 0, 0, 1, leaf("a", 0, 0, mode)),
		"a second of nanos":      raw(A, 0, 0, 0, 1, leaf("a", 0, 0, mode, field(2, 0, 0x80, 0x94, 0xeb, 0xdc, 3))),
		"subtree without id":     raw(A, 0, 0, 0, 1, leaf("a", 0, 0, mode, mtime, field(3))),
		"subtree with a value":   raw(A, 0, 1, 0, 1, leaf("a", 1, 0, mode, mtime, field(3, 0))),
		"empty name, second":     raw(A, 0, 0, 0, 2, leaf("", 0, 0, mode, mtime), leaf("", 0, 0, mode, mtime)),
		"inner without id":       raw(A, 1, 0, 0, 1, "\x01a"),
		"empty list":             raw(L, 0, 0, 0, 0),
		"list, empty segment":    raw(L, 0, 0, 1, 1, "\x00"),
		"list, zeros twice":      raw(L, 0, 0, 0, 2, "\x03\x03"),
		"list, large chunk":      raw(L, 0, 0, 1, 1, huge),
		"list, no id":            raw(L, 0, 0, 0, 1, "\x02"),
		"list, overflow":         raw(L, 0, 0, 1, 3, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "\x02", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
		"list, empty page below": raw(L, 1, 1, 0, 1, "\x00\x00"),
		"list, more than bytes":  raw(L, 1, 1, 0, 1, "\x01\x02"),
		"list, bytes overflow":   raw(L, 1, 3, 0, 3, strings.Repeat(huge+"\x01", 3)),
	}
	for what, data := range cases {
		if _, err := decode(data); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, good := range [][]byte{
		raw(D, 0, 0, 0, 1, ok), raw(D, 0, 0, 0, 0), raw(L, 0, 0, 1, 2, "\x02\x03"),
		raw(A, 0, 1, 0, 2, leaf("", 0, 0, mode, mtime), leaf("a", 1, 0, mode, mtime, field(3))),
		raw(D, 0, 1, 1, 2, leaf("a", 0, 1, file, field(2), field(4, 7), field(5, 3<<1, 4<<1|1)), leaf("b", 1, 0, dir, field(7, 3, 1, 2, 9))),
		raw(L, 1, 2, 0, 2, "\x7f\x10", "\x01\x01"), raw(A, 1, 1, 0, 1, "\x01a"), raw(D, 1, 1, 0, 1, "\x01a\x01\x00\x01\x05"),
	} {
		if again, err := decode(good); err != nil || !bytes.Equal(again, good) {
			t.Errorf("a node that is right: %v", err)
		}
	}
}
