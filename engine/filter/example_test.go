package filter_test

import (
	"fmt"
	"log"
	"strings"

	"github.com/artifortress/afs-engine/engine/filter"
)

func Example() {
	f, err := filter.New(filter.Options{
		Exclude: []string{"*.o", "!keep.o", "/tmp/"},
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, path := range []string{"a.o", "lib/keep.o", "tmp/x", "src/tmp"} {
		fmt.Println(path, f.Match(strings.Split(path, "/"), false) == filter.Take)
	}
	// Output:
	// a.o false
	// lib/keep.o true
	// tmp/x false
	// src/tmp true
}
