package commitlog

import (
	"encoding/binary"

	"github.com/artifortress/afs-engine/packfile/wire"
)

// Record bodies are lists of tagged fields in ascending order of tags, each a
// varint tag and a counted value. A reader skips tags it does not know.

// AppendField appends a field. Callers append in ascending order of tags and
// leave out what is empty.
func AppendField[T ~string | ~[]byte](dst []byte, tag uint64, value T) []byte {
	return wire.AppendCounted(binary.AppendUvarint(dst, tag), value)
}

// AppendNumber appends a field that is an unsigned varint.
func AppendNumber(dst []byte, tag, v uint64) []byte {
	return AppendField(dst, tag, binary.AppendUvarint(nil, v))
}

// ReadFields calls field for each one in body. Tags may repeat, for lists, but
// not descend. field reports what is wrong with a value through r.
func ReadFields(body []byte, field func(tag uint64, r *wire.Reader)) error {
	r := wire.NewReader(body)
	last := uint64(0)
	for r.Len() > 0 && r.Err() == nil {
		tag := r.Uvarint(1<<32 - 1)
		value := r.Counted(r.Len())
		if tag < last {
			r.Failf("field %d after field %d", tag, last)
		}
		last = tag
		if r.Err() != nil {
			break
		}
		v := wire.NewReader(value)
		field(tag, v)
		if err := v.Err(); err != nil {
			return err
		}
	}
	return r.Done()
}
