package manifest

// plus adds up two summaries. It reports false if a sum exceeds an int64,
// which only made-up numbers do.
func (s Summary) plus(t Summary) (Summary, bool) {
	sum := Summary{s.Entries + t.Entries, s.Subdirs + t.Subdirs, s.Files + t.Files, s.Bytes + t.Bytes}
	return sum, sum.Entries >= s.Entries && sum.Subdirs >= s.Subdirs && sum.Files >= s.Files && sum.Bytes >= s.Bytes
}

// valid reports whether a directory could have this summary.
func (s Summary) valid() bool {
	return s.Subdirs >= 0 && s.Subdirs <= s.Entries && s.Files >= s.Entries-s.Subdirs && s.Bytes >= 0
}

// share is what one entry adds to the summary of its directory.
func share(kind Kind, size int64, below Summary) Summary {
	if kind == Dir {
		return Summary{Entries: 1, Subdirs: 1, Files: below.Files, Bytes: below.Bytes}
	}
	return Summary{Entries: 1, Files: 1, Bytes: size}
}
