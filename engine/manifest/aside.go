package manifest

import (
	"encoding/binary"
	"fmt"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/packfile/wire"
)

// A page cannot be stored before it ends, because where it ends is part of the
// format. So a Builder has unfinished pages for each open directory, and for
// thousands inside each other they would take more memory than all else. Only
// the innermost directory is worked at: of the others, the outermost are set
// aside in a file once all together take more than openMax. They come back one
// by one, the last first, when the walk comes back to them.

// openMemory is how many bytes a Builder holds for open directories by default.
const openMemory = 8 << 20

// levelOverhead is about what an openLevel takes beside what is in its buffers.
const levelOverhead = 256

// setAside counts what the innermost directory holds, because the walk goes on
// inside it, and sets directories aside if that is too much.
func (b *Builder) setAside() error {
	d := b.open[len(b.open)-1]
	d.weight = d.weigh()
	b.held += d.weight
	for ; b.held > b.openMax && b.aside < len(b.open); b.aside++ {
		d := b.open[b.aside]
		b.record = d.appendTo(b.record[:0])
		var err error
		if d.shelved, err = b.shelf.push(b.record); err != nil {
			return fmt.Errorf("set an open directory aside: %w", err)
		}
		b.held -= d.weight
		d.entry.Attr.Xattrs, d.content.levels, d.attrs.levels = nil, nil, nil
	}
	return nil
}

// comeBack makes the innermost directory, which is no longer above another, as
// it was before setAside.
func (b *Builder) comeBack() (err error) {
	d := b.open[len(b.open)-1]
	if b.aside < len(b.open) {
		b.held -= d.weight
		return nil
	}
	if b.record, err = b.shelf.pop(d.shelved, b.record); err == nil {
		b.aside--
		r := wire.NewReader(b.record)
		d.read(r)
		err = r.Done()
	}
	if err != nil {
		return fmt.Errorf("read what was set aside of an open directory: %w", err)
	}
	return nil
}

// weigh is about how many bytes d takes.
func (d *openDir) weigh() int {
	n := d.content.weigh() + d.attrs.weigh()
	for _, x := range d.entry.Attr.Xattrs {
		n += len(x.Name) + len(x.Value)
	}
	return n
}

func (w *treeWriter) weigh() (n int) {
	for _, l := range w.levels {
		n += levelOverhead + cap(l.body) + cap(l.name) + chunker.IDSize*(cap(l.nodes)+cap(l.chunks))
	}
	return n
}

// appendTo encodes what of d can be large. The encoding is for the shelf alone.
func (d *openDir) appendTo(dst []byte) []byte {
	dst = wire.AppendCounted(dst, appendXattrs(nil, d.entry.Attr.Xattrs))
	return d.attrs.appendTo(d.content.appendTo(dst))
}

func (d *openDir) read(r *wire.Reader) {
	d.entry.Attr.Xattrs = xattrs(r.Counted(XattrsMax))
	d.content.read(r)
	d.attrs.read(r)
}

func (w *treeWriter) appendTo(dst []byte) []byte {
	dst = append(dst, byte(w.used))
	for _, l := range w.levels[:w.used] {
		dst = l.appendTo(dst)
	}
	return dst
}

func (w *treeWriter) read(r *wire.Reader) {
	used := int(r.U8())
	w.used = 0
	for n := range used {
		w.level(n).read(r)
	}
}

func (l *openLevel) appendTo(dst []byte) []byte {
	dst = binary.AppendUvarint(binary.AppendUvarint(dst, uint64(l.count)), uint64(l.size))
	dst = wire.AppendCounted(appendSummary(dst, l.sum), l.name)
	dst = wire.AppendCounted(dst, l.body)
	for _, ids := range [...][]chunker.ID{l.nodes, l.chunks} {
		dst = binary.AppendUvarint(dst, uint64(len(ids)))
		for i := range ids {
			dst = append(dst, ids[i][:]...)
		}
	}
	return dst
}

func (l *openLevel) read(r *wire.Reader) {
	l.count, l.size, l.sum = int(readSize(r)), int(readSize(r)), readSummary(r)
	l.name = append(l.name[:0], r.Counted(NameMax)...)
	l.body = append(l.body[:0], r.Counted(r.Len())...)
	l.nodes = appendIDs(l.nodes[:0], r.Bytes(r.Count(chunker.IDSize)*chunker.IDSize))
	l.chunks = appendIDs(l.chunks[:0], r.Bytes(r.Count(chunker.IDSize)*chunker.IDSize))
}
