package chunker

import "bytes"

// Zero reports whether every byte of data is 0. Empty data is. It runs at
// memory speed and ends at the first byte that is not.
func Zero(data []byte) bool {
	// All equal their neighbours, and one is 0: bytes.Equal compares vectors.
	return len(data) == 0 || data[0] == 0 && bytes.Equal(data[1:], data[:len(data)-1])
}
