package wire_test

import (
	"encoding/binary"
	"fmt"

	"github.com/artifortress/afs-engine/packfile/wire"
)

// A record of a name and a size is written with append and read with a
// Reader, whose error is asked for once, at the end.
func Example() {
	b := wire.AppendCounted(nil, "README.md")
	b = binary.AppendUvarint(b, 1234)

	r := wire.NewReader(b)
	name, size := string(r.Counted(255)), r.Uvarint(1<<40)
	fmt.Println(name, size, r.Done())

	r = wire.NewReader(b[:5])
	r.Counted(255)
	fmt.Println(r.Done())
	// Output:
	// README.md 1234 <nil>
	// malformed: at byte 1: want 9 bytes, 4 left
}
