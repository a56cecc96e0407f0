package chunker

// Search is one of the ways to find a cut.
type Search = search

// Searches are those that run on this machine, by name. "definition" is the
// one the others are to equal.
func Searches() map[string]Search {
	all := map[string]Search{"definition": findOne, "go": findPlain}
	addAssembly(all)
	return all
}

// CutBy is Params.Cut by one search, with any normalization, resumed after
// bytes known to hold no cut.
func CutBy(find Search, p Params, level int, data []byte, clean int, last bool) int {
	c := newCutter(p, uint(level), find)
	return c.cut(data, clean, last)
}

// Log2 is what the masks are made from.
func Log2(n int) int { return int(log2(n)) }
