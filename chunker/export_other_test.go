//go:build !amd64 || purego

package chunker

func addAssembly(map[string]Search) {}
