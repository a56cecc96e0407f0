package chunker

// hash is the fingerprint of data[base:i], right in its low width bits.
func hash(data []byte, base, i int, width uint) (fp uint64) {
	for _, b := range data[max(base, i-int(width)):i] {
		fp = fp<<1 + gear[b]
	}
	return fp
}

// findOne is the search as its definition reads.
func findOne(data []byte, base, from, to int, width uint) int {
	mask := uint64(1)<<width - 1
	fp := hash(data, base, from, width)
	for i, b := range data[from:to] {
		fp = fp<<1 + gear[b]
		if fp&mask == 0 {
			return from + i
		}
	}
	return to
}

// lane is how far each of four fingerprints goes, in bytes: what it needs of the
// lane before should be little beside it, and so should what a hit throws away.
const lane = 256

// findPlain is the search in plain Go. A fingerprint waits for the one before
// it; four of them, that advance through four neighbouring lanes of the data,
// do not wait for each other.
func findPlain(data []byte, base, from, to int, width uint) int {
	var fps [4]uint64
	for ; to-from >= 4*lane; from += 4 * lane {
		for k := range fps {
			fps[k] = hash(data, base, from+k*lane, width)
		}
		if j := findStep((*[4 * lane]byte)(data[from:]), &fps, 1<<width-1); j < lane {
			return findInLanes(data, base, from, j, width)
		}
	}
	return findOne(data, base, from, to, width)
}

// findStep takes all lanes, which are of one length, a byte further at a time
// until one has a hit. It is a function of its own to have all registers.
func findStep(d *[4 * lane]byte, fps *[4]uint64, mask uint64) int {
	fp0, fp1, fp2, fp3 := fps[0], fps[1], fps[2], fps[3]
	for j := range lane {
		fp0 = fp0<<1 + gear[d[j]]
		fp1 = fp1<<1 + gear[d[j+lane]]
		fp2 = fp2<<1 + gear[d[j+2*lane]]
		fp3 = fp3<<1 + gear[d[j+3*lane]]
		if fp0&mask == 0 || fp1&mask == 0 || fp2&mask == 0 || fp3&mask == 0 {
			return j
		}
	}
	return lane
}

// findInLanes finds the first of the hits in four lanes of which one, or more,
// has its first at j: the lanes before it still have to go to their ends.
func findInLanes(data []byte, base, from, j int, width uint) int {
	for {
		if i := findOne(data, base, from+j, from+lane, width); i < from+lane {
			return i
		}
		from += lane
	}
}
