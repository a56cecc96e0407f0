package registry_test

import (
	"fmt"
	"log"

	"github.com/artifortress/afs-engine/engine/registry"
)

func ExampleParseRef() {
	for _, s := range []string{
		"go/toolchain@1.26.0",
		"npm/@scope/pkg@2.0:lib//index.js",
		"npm/@scope/pkg",
	} {
		ref, err := registry.ParseRef(s)
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Printf("repo %s, package %s, version %s, path %q\n", ref.Repo, ref.Package, ref.Version, ref.Path)
	}
	// Output:
	// repo go, package toolchain, version 1.26.0, path ""
	// repo npm, package @scope/pkg, version 2.0, path "lib/index.js"
	// bad reference "npm/@scope/pkg": want REPO/PACKAGE@VERSION[:PATH]
}

// A reference to a package becomes one to a version.
func Example() {
	pkg, err := registry.ParsePackage("go/toolchain")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(pkg)
	fmt.Println(pkg.WithVersion(registry.LatestTag))
	// Output:
	// go/toolchain
	// go/toolchain@latest
}
