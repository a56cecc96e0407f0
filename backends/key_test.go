package backends

import (
	"errors"
	"path"
	"strings"
	"testing"
)

func TestValidateKey(t *testing.T) {
	seg := strings.Repeat("s", SegmentMax)
	for _, key := range []string{
		"a", "-", "_", "a.", "a..b", "A-Z_0.9", "packs/ab/abcd", "log/00000000000000000001",
		seg, seg + "/" + seg, strings.Repeat("a/", KeyMax/2-1) + "aa",
	} {
		if err := ValidateKey(key); err != nil {
			t.Errorf("ValidateKey(%q) gives %v", key, err)
		}
	}
	for _, key := range []string{
		"", ".", "..", "/", "/a", "a/", "a//b", "./a", "a/.", "a/..", "a/../b", ".a", "a/.b",
		"a b", "a:b", "a\\b", "a\x00", "a\n", "é", "a\xff", "a%b", "a+b", "a@b", "a~",
		seg + "s", "a/" + seg + "s", strings.Repeat("a/", KeyMax/2) + "a",
	} {
		if err := ValidateKey(key); !errors.Is(err, ErrBadKey) {
			t.Errorf("ValidateKey(%q) gives %v, want ErrBadKey", key, err)
		}
	}
}

// A valid key is a clean relative path in printable ASCII: a store can use it
// as a file's path or in a URL as it is.
func FuzzValidateKey(f *testing.F) {
	for _, key := range []string{"", "a", "packs/ab/abcd", "a//b", "../a", ".a", "a/", "/a", "a\x00", "é", strings.Repeat("a/", 600)} {
		f.Add(key)
	}
	f.Fuzz(func(t *testing.T, key string) {
		err := ValidateKey(key)
		if err != nil {
			if !errors.Is(err, ErrBadKey) {
				t.Errorf("ValidateKey(%q) gives %v, want ErrBadKey", key, err)
			}
			return
		}
		if len(key) > KeyMax || path.IsAbs(key) || path.Clean(key) != key || strings.HasPrefix(key, "..") {
			t.Errorf("ValidateKey takes %q", key)
		}
		for seg := range strings.SplitSeq(key, "/") {
			if len(seg) > SegmentMax || strings.HasPrefix(seg, ".") {
				t.Errorf("ValidateKey takes the segment %q", seg)
			}
		}
		for i := range len(key) {
			if key[i] <= ' ' || key[i] >= 0x7f || strings.IndexByte(`%?#&+\:*"<>|~`, key[i]) >= 0 {
				t.Errorf("ValidateKey takes the byte %q", key[i])
			}
		}
	})
}
