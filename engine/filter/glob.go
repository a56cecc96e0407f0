package filter

import (
	"errors"
	"strings"
)

// Faults that keep a segment from ever matching.
var (
	errEmptySegment = errors.New("an empty segment")
	errOpenBracket  = errors.New("a '[' without its ']'")
	errBackslash    = errors.New("a backslash at the end")
	errClass        = errors.New("an unknown character class")
)

// checkSegment walks a segment as matchSegment does.
func checkSegment(glob string) error {
	if glob == "" {
		return errEmptySegment
	}
	for i := 0; i < len(glob); {
		switch glob[i] {
		case '\\':
			if i+1 == len(glob) {
				return errBackslash
			}
			i += 2
		case '[':
			_, n, err := matchBracket(glob[i:], 0)
			if err != nil {
				return err
			}
			i += n
		default:
			i++
		}
	}
	return nil
}

// matchSegment matches one name against a glob of bytes: * ? [set] and \ as in
// wildmatch, the matcher of git. The glob has passed checkSegment.
func matchSegment(glob, name string) bool {
	star, taken := -1, 0
	i, j := 0, 0
	for j < len(name) || i < len(glob) {
		if i < len(glob) && glob[i] == '*' {
			star, taken = i, j
			i++
			continue
		}
		if j < len(name) && i < len(glob) {
			if ok, n := matchByte(glob[i:], name[j]); ok {
				i += n
				j++
				continue
			}
		}
		if star < 0 || taken == len(name) {
			return false
		}
		taken++
		i, j = star+1, taken
	}
	return true
}

// matchByte matches one byte against the front of glob, n bytes of which say
// what it may be.
func matchByte(glob string, c byte) (ok bool, n int) {
	switch glob[0] {
	case '?':
		return true, 1
	case '\\':
		return glob[1] == c, 2
	case '[':
		ok, n, _ = matchBracket(glob, c)
		return ok, n
	}
	return glob[0] == c, 1
}

// matchBracket matches c against the set that glob begins with, which is n
// bytes long: [abc] [a-z] [!a] [^a] [[:alpha:]].
func matchBracket(glob string, c byte) (ok bool, n int, err error) {
	i := 1
	negated := i < len(glob) && (glob[i] == '!' || glob[i] == '^')
	if negated {
		i++
	}
	for first := true; ; first = false {
		if i >= len(glob) {
			return false, 0, errOpenBracket
		}
		if glob[i] == ']' && !first {
			return ok != negated, i + 1, nil
		}
		if name, rest, found := strings.Cut(glob[i:], ":]"); found && strings.HasPrefix(name, "[:") && !strings.Contains(name, "]") {
			in, known := inClass(name[2:], c)
			if !known {
				return false, 0, errClass
			}
			ok = ok || in
			i = len(glob) - len(rest)
			continue
		}
		lo, next, err := setByte(glob, i)
		if err != nil {
			return false, 0, err
		}
		hi := lo
		if i = next; i+1 < len(glob) && glob[i] == '-' && glob[i+1] != ']' {
			if hi, i, err = setByte(glob, i+1); err != nil {
				return false, 0, err
			}
		}
		ok = ok || lo <= c && c <= hi
	}
}

// setByte reads one byte of a set, which a backslash may quote.
func setByte(glob string, i int) (c byte, next int, err error) {
	if glob[i] == '\\' {
		i++
	}
	if i >= len(glob) {
		return 0, 0, errOpenBracket
	}
	return glob[i], i + 1, nil
}

// inClass knows the POSIX classes, for ASCII.
func inClass(class string, c byte) (in, known bool) {
	lower, upper := 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z'
	digit := '0' <= c && c <= '9'
	graph := '!' <= c && c <= '~'
	switch class {
	case "alnum":
		return lower || upper || digit, true
	case "alpha":
		return lower || upper, true
	case "blank":
		return c == ' ' || c == '\t', true
	case "cntrl":
		return c < ' ' || c == 0x7f, true
	case "digit":
		return digit, true
	case "graph":
		return graph, true
	case "lower":
		return lower, true
	case "print":
		return graph || c == ' ', true
	case "punct":
		return graph && !lower && !upper && !digit, true
	case "space":
		return c == ' ' || '\t' <= c && c <= '\r', true
	case "upper":
		return upper, true
	case "xdigit":
		return digit || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F', true
	}
	return false, false
}
