package zstdenc

// Widths are how long a Huffman code's codes are, and how long the longest may be.
func Widths(count [256]uint32) (widths [256]uint16, most uint8) {
	var h huffman
	c := counting(count)
	h.build(&c)
	for b := range widths {
		widths[b] = h.code[b].width
	}
	return widths, huffmanMax
}

// Encoders are an Encoder of each kind that works here, by name.
func Encoders() map[string]*Encoder {
	plain := NewEncoder()
	plain.finder.assembly = false
	all := map[string]*Encoder{"plain": plain}
	if hasAssembly {
		all["assembly"] = NewEncoder()
	}
	return all
}

// Shares are how a table of at most 1<<most places is divided.
func Shares(count [symbols]uint32, most uint8) (log uint8, shares []int16) {
	used, total := 0, uint32(0)
	for s, c := range count {
		if c > 0 {
			used = s + 1
		}
		total += c
	}
	var t table
	t.normalize(&count, used, total, most)
	return t.log, t.share[:used]
}
