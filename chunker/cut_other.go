//go:build !amd64 || purego

package chunker

var fastest search = findPlain
