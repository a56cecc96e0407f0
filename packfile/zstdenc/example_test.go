package zstdenc_test

import (
	"fmt"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/artifortress/afs-engine/packfile/zstdenc"
)

func Example() {
	plain := []byte(strings.Repeat("a frame is what is compressed together. ", 1000))
	frame := zstdenc.NewEncoder().EncodeAll(plain, nil)

	d, err := zstd.NewReader(nil)
	if err != nil {
		panic(err)
	}
	defer d.Close()
	back, err := d.DecodeAll(frame, nil)
	fmt.Println(len(plain), len(frame) < 100, string(back) == string(plain), err)
	// Output: 40000 true true <nil>
}
