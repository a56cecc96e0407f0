package scratch_test

import (
	"fmt"
	"log"

	"github.com/artifortress/afs-engine/index/scratch"
)

func Example() {
	m, err := scratch.Open("")
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()

	for _, name := range []string{"usr/lib", "etc", "usr/bin", "etc"} {
		isNew, err := m.Add([]byte(name))
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(name, isNew)
	}
	for item, err := range m.All([]byte("usr/")) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s\n", item.Key)
	}
	// Output:
	// usr/lib true
	// etc true
	// usr/bin true
	// etc false
	// usr/bin
	// usr/lib
}
