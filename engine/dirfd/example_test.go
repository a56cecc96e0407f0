package dirfd_test

import (
	"fmt"
	"log"
	"os"

	"github.com/artifortress/afs-engine/engine/dirfd"
)

func Example() {
	path, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(path)
	dir, err := dirfd.Open(path)
	if err != nil {
		log.Fatal(err)
	}
	defer dir.Close()

	_ = dir.Symlink("/etc", "trap")
	_, err = dir.OpenDir("trap")
	fmt.Println(err != nil)
	info, _ := dir.Lstat("trap")
	fmt.Println(info.Type == dirfd.Link)
	// Output:
	// true
	// true
}
