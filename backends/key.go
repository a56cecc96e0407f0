package backends

import (
	"fmt"
	"strings"
)

// ValidateKey returns ErrBadKey, wrapped with the reason, if key breaks the
// rules of Store.
func ValidateKey(key string) error {
	if key == "" || len(key) > KeyMax {
		return fmt.Errorf("%w: %d bytes long, want 1 to %d", ErrBadKey, len(key), KeyMax)
	}
	for seg := range strings.SplitSeq(key, "/") {
		if seg == "" || seg[0] == '.' || len(seg) > SegmentMax {
			return fmt.Errorf("%w: %q has a segment that is empty, hidden or over %d bytes", ErrBadKey, key, SegmentMax)
		}
		for i := range len(seg) {
			if !keyByte(seg[i]) {
				return fmt.Errorf("%w: %q has the byte %q", ErrBadKey, key, seg[i])
			}
		}
	}
	return nil
}

func keyByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '_' || c == '-'
}
